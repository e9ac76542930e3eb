import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;

export const metrics = scenario({
  id: 'S6',
  title: 'namespaces with role=metrics reach port 11011',
  manifest: 'config/samples/s06-metrics.yaml',
  rows: [
    ...allowed(['monitoring/prometheus', 'monitoring/grafana'], WORDPRESS, [11011]),

    // Every pod of the group exports.
    ...allowed(['monitoring/prometheus', 'monitoring/grafana'], ['wordpress/db'], [11011]),

    ...refused(['edge/proxy1', 'edge/proxy2', 'shop/front', 'shop/cart'], WORDPRESS, [11011]),
    ...refused(['wordpress/job', 'kube-system/metrics', 'mallory/nodes', 'outside/web'], WORDPRESS, [11011]),
    ...refused(['monitoring/prometheus', 'monitoring/grafana'], WORDPRESS, [80]),
    ...refused(['monitoring/prometheus'], ['shop/front'], [11011]),
    ...refused(['monitoring/prometheus'], ['monitoring/grafana'], [3000]),
    ...refused(['monitoring/prometheus'], ['outside/web'], [443]),
    ...refused(['monitoring/grafana'], ['kube-public/info'], [8080]),
  ],
});
