import { allowed, refused } from '../../harness/rows.ts';
import { ownManifest, scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2', 'wordpress/db', 'wordpress/job'] as const;

export const twoGuardrails = scenario({
  id: 'D9',
  title: 'several guardrails hold together, each for whom it is meant',
  manifest: ownManifest('two-guardrails.yaml'),
  rows: [
    ...allowed(WORDPRESS, ['outside/web'], [22, '53/UDP']),
    ...allowed(
      ['wordpress/wp1', 'wordpress/wp2', 'wordpress/job'],
      ['outside/web', 'shop/front', 'shop/cart'],
      [80],
    ),
    ...allowed(
      ['shop/front', 'shop/cart'],
      ['outside/web', 'outside/metadata', 'wordpress/wp1', 'wordpress/wp2'],
      [80],
    ),
    ...allowed(WORDPRESS, ['node/node1', 'node/node2'], [443]),

    ...refused(['wordpress/db'], ['outside/web', 'shop/front', 'shop/cart'], [80]),
    ...refused([...WORDPRESS, 'shop/front', 'shop/cart'], ['outside/vm'], [22, 443, 5432]),
    ...refused(WORDPRESS, ['outside/web'], [443]),
    ...refused(WORDPRESS, ['outside/metadata'], [80]),
  ],
});
