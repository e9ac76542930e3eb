import { allowed, refused } from '../../harness/rows.ts';
import { ownManifest, scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const OBSERVED = ['monitoring/prometheus', 'monitoring/grafana'] as const;

export const farEnds = scenario({
  id: 'D2',
  title: 'exempt and observed pods at the far end of a rule keep all their other connections',
  manifest: ownManifest('far-ends.yaml'),
  rows: [
    ...allowed(['istio-system/istiod'], WORDPRESS, [80]),
    ...allowed(WORDPRESS, ['istio-system/istiod'], [15012]),
    ...allowed(OBSERVED, WORDPRESS, [11011]),
    ...allowed(WORDPRESS, ['monitoring/prometheus'], [9090]),

    ...allowed(['istio-system/istiod', ...OBSERVED], ['outside/web', 'node/node1', 'node/node2'], [80, 443]),
    ...allowed(['istio-system/istiod', ...OBSERVED], ['kube-public/info'], [8080]),
    ...allowed(OBSERVED, ['istio-system/istiod'], [15012]),
    ...allowed(['outside/web', 'kube-system/metrics', 'node/node1'], ['istio-system/istiod'], [15012]),
    ...allowed(
      ['outside/web', 'kube-system/metrics', 'node/node2', 'istio-system/istiod'],
      ['monitoring/prometheus'],
      [9090],
    ),
    ...allowed(['monitoring/prometheus'], ['monitoring/grafana'], [3000]),
    ...allowed(['monitoring/prometheus'], ['outside/metadata'], [80]),

    ...refused(['istio-system/istiod', ...OBSERVED], WORDPRESS, [81]),
    ...refused(WORDPRESS, ['monitoring/grafana'], [3000]),
    ...refused(WORDPRESS, ['outside/web'], [443]),
    ...refused(['outside/web'], WORDPRESS, [80, 11011]),
  ],
});
