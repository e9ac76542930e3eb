import { allowed, refused } from '../../harness/rows.ts';
import { ownManifest, scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const PROXIES = ['edge/proxy1', 'edge/proxy2'] as const;

export const waysToSay = scenario({
  id: 'D11',
  title: 'named ports, ranges, except, expressions and KubeAPIServer mean what they say',
  manifest: ownManifest('ways-to-say.yaml'),
  rows: [
    ...allowed(PROXIES, ['wordpress/wp1'], [80]),
    ...allowed(PROXIES, ['wordpress/wp2'], [81]),
    ...refused(PROXIES, ['wordpress/wp1'], [81]),
    ...refused(PROXIES, ['wordpress/wp2', 'wordpress/db'], [80]),
    ...refused(['monitoring/prometheus', 'shop/front', 'kube-system/metrics'], ['wordpress/wp1'], [80]),

    ...allowed(['outside/vm'], ['wordpress/job'], [8080]),
    ...refused(['outside/web', 'kube-system/metrics', 'node/node2'], ['wordpress/job'], [8080]),
    ...refused(['outside/vm'], ['wordpress/job'], [53, '53/UDP']),
    ...refused(['outside/vm'], WORDPRESS, [80, 81]),

    ...allowed([...WORDPRESS, 'wordpress/job'], ['outside/web'], [443, 587, '53/UDP']),
    ...refused([...WORDPRESS, 'wordpress/job'], ['outside/web'], [22, 80, 3306, 53]),
    ...refused([...WORDPRESS, 'wordpress/job'], ['outside/vm'], [443]),
    ...refused(['wordpress/db'], ['outside/web'], [443, '53/UDP']),

    // By account, as source and as sender.
    ...allowed(['wordpress/job'], ['wordpress/db'], [3306]),
    ...refused(WORDPRESS, ['wordpress/db'], [3306]),
    ...allowed(['wordpress/job'], ['outside/internet'], [22]),
    ...refused(WORDPRESS, ['outside/internet'], [22]),

    ...allowed(WORDPRESS, ['kube-apiserver'], [6443]),
    ...refused(['wordpress/job', 'wordpress/db', 'shop/cart'], ['kube-apiserver'], [6443]),
  ],
});
