import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

export const zeroTrust = scenario({
  id: 'S16',
  title: 'zero trust: declared flows to pods and to virtual machines, and nothing else',
  manifest: 'config/samples/s16-zero-trust.yaml',
  rows: [
    ...allowed(['edge/proxy1', 'edge/proxy2'], ['shop/cart'], [80]),
    ...allowed(['shop/cart'], ['outside/vm'], [5432]),

    // Allowed by a rule, and refused by a guardrail.
    ...refused(['shop/cart'], ['outside/vm'], [22]),
    ...refused(['shop/cart'], ['outside/vm', 'outside/web'], [443]),
    ...refused(['shop/cart'], ['kube-public/info'], [8080]),
    ...refused(['shop/front', 'wordpress/wp1', 'wordpress/wp2', 'mallory/big'], ['outside/vm'], [5432, 22]),
    ...refused(['edge/proxy1', 'edge/proxy2'], ['shop/front'], [80, 11011]),
    ...refused(['edge/proxy1', 'edge/proxy2'], ['shop/cart'], [53, '53/UDP']),
    ...refused(['shop/front', 'wordpress/wp1', 'wordpress/wp2', 'mallory/nodes'], ['shop/cart'], [80]),
    ...refused(['outside/vm', 'outside/web', 'kube-system/metrics'], ['shop/cart', 'shop/front'], [80]),
    ...refused(
      ['shop/cart'],
      ['shop/front', 'wordpress/wp1', 'wordpress/wp2', 'node/node1', 'node/node2'],
      [80],
    ),
  ],
});
