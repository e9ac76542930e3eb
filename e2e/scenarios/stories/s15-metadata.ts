import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

export const metadata = scenario({
  id: 'S15',
  title: 'no pod reaches the metadata API, whatever it is allowed',
  manifest: 'config/samples/s15-metadata-api.yaml',
  rows: [
    ...allowed(
      ['wordpress/wp1', 'wordpress/wp2', 'wordpress/db', 'wordpress/job'],
      ['outside/web'],
      [80, 443],
    ),
    ...allowed(
      ['kube-system/metrics', 'tigera-operator/operator', 'node/node1', 'node/node2'],
      ['outside/metadata'],
      [80],
    ),

    ...refused(
      ['wordpress/wp1', 'wordpress/wp2', 'wordpress/db', 'wordpress/job'],
      ['outside/metadata'],
      [80],
    ),
    ...refused(['shop/front', 'shop/cart', 'mallory/nodes', 'mallory/big'], ['outside/metadata'], [80]),
  ],
});
