import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

export const insideNamespace = scenario({
  id: 'S3',
  title: 'pods of wordpress talk to each other and to nobody else',
  manifest: 'config/samples/s03-same-namespace.yaml',
  rows: [
    ...allowed(['wordpress/wp1', 'wordpress/job'], ['wordpress/wp2'], [80, 81]),
    ...allowed(['wordpress/wp2', 'wordpress/job', 'wordpress/db'], ['wordpress/wp1'], [80, 11011]),
    ...allowed(['wordpress/wp1', 'wordpress/wp2', 'wordpress/job'], ['wordpress/db'], [3306]),
    ...allowed(['wordpress/wp1', 'wordpress/db'], ['wordpress/job'], [8080, '53/UDP']),

    ...refused(
      ['shop/front', 'shop/cart', 'edge/proxy1', 'edge/proxy2'],
      ['wordpress/wp1', 'wordpress/wp2'],
      [80],
    ),
    ...refused(['blog-a/wp', 'blog-b/wp', 'mallory/nodes'], ['wordpress/db'], [3306]),
    ...refused(['kube-system/metrics', 'outside/web'], ['wordpress/wp1', 'wordpress/wp2'], [80]),
    ...refused(
      ['wordpress/wp1', 'wordpress/wp2'],
      ['shop/front', 'shop/cart', 'blog-a/wp', 'blog-b/wp'],
      [80],
    ),
    ...refused(['wordpress/wp1', 'wordpress/db'], ['outside/web'], [443]),
    ...refused(['wordpress/wp2', 'wordpress/job'], ['kube-public/info'], [8080]),
    ...refused(['shop/front'], ['shop/cart'], [80]),
    ...refused(['blog-a/wp'], ['blog-a/db'], [3306]),
  ],
});
