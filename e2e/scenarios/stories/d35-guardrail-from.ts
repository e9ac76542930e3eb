import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const PROXIES = ['edge/proxy1', 'edge/proxy2'] as const;

export const guardrailFrom = scenario({
  id: 'D35',
  title: 'a guardrail keeps sources away from pods, whatever a rule opens to Everyone',
  manifest: 'config/samples/guardrail-from.yaml',
  rows: [
    ...allowed(WORDPRESS, ['wordpress/db'], [3306, 80]),
    ...allowed(['kube-system/metrics', 'shop/front', 'shop/cart'], ['wordpress/db'], [3306]),
    // Everyone: pods at both ends, the outside, and the node of another pod.
    ...allowed([...PROXIES, 'shop/front', 'outside/web', 'kube-system/metrics'], WORDPRESS, [80]),
    ...allowed(['node/node1'], ['wordpress/wp2'], [80]),
    ...allowed(['node/node2'], ['wordpress/wp1'], [80]),

    ...refused([...PROXIES, 'outside/web', 'outside/vm', 'node/node1'], ['wordpress/db'], [3306, 80]),
    ...refused(['shop/front', 'outside/web'], ['wordpress/wp1'], [81]),
    ...refused(['shop/front'], ['edge/proxy1'], [443]),
  ],
});
