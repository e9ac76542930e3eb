import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;

export const egress = scenario({
  id: 'S4',
  title: 'only app=wordpress reaches the world',
  manifest: 'config/samples/s04-egress.yaml',
  rows: [
    ...allowed(WORDPRESS, ['outside/web', 'outside/vm'], [443]),

    ...refused(['wordpress/db', 'wordpress/job'], ['outside/web', 'outside/vm'], [443]),
    // The same label in other namespaces.
    ...refused(['shop/front', 'blog-a/wp', 'blog-b/wp', 'mallory/big'], ['outside/web'], [443]),
    ...refused(WORDPRESS, ['node/node1', 'node/node2'], [443]),
    ...refused(WORDPRESS, ['edge/proxy1', 'edge/proxy2'], [443]),
    ...refused(WORDPRESS, ['shop/front', 'shop/cart', 'outside/metadata'], [80]),
    ...refused(WORDPRESS, ['kube-public/info', 'tigera-operator/operator'], [8080]),
    ...refused(WORDPRESS, ['wordpress/db'], [3306]),
    ...refused(['outside/web'], WORDPRESS, [80]),
  ],
});
