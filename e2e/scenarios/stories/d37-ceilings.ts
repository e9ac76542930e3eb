import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;

export const ceilings = scenario({
  id: 'D37',
  title:
    'onlyTo and onlyFrom refuse everything else on their ports, and leave DNS alone unless they judge it',
  manifest: 'config/samples/guardrail-only.yaml',
  rows: [
    ...allowed(WORDPRESS, ['wordpress/db'], [3306]),
    ...refused(['shop/front', 'edge/proxy1', 'kube-system/metrics', 'outside/web'], ['wordpress/db'], [3306]),
    ...refused(['node/node1', 'blog-a/wp', 'mallory/nodes'], ['wordpress/db'], [3306]),
    // Its other ports are no matter of the ceiling.
    ...allowed(['shop/front', 'edge/proxy1', 'outside/web', 'node/node1'], ['wordpress/db'], [80]),

    ...allowed(WORDPRESS, ['outside/web'], [443]),
    ...refused(WORDPRESS, ['outside/vm', 'edge/proxy1', 'edge/proxy2'], [443]),
    ...refused(WORDPRESS, ['mallory/nodes'], [443]),
    ...allowed(WORDPRESS, ['kube-system/dns1', 'kube-system/dns2', 'node-local-dns'], [53, '53/UDP']),

    ...allowed(['shop/front'], ['kube-system/dns1', 'kube-system/dns2'], [53]),
    ...refused(['shop/front'], ['kube-system/dns1', 'node-local-dns'], ['53/UDP']),
    ...allowed(['blog-a/wp'], ['kube-system/dns1'], ['53/UDP']),
  ],
});
