import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;

export const database = scenario({
  id: 'S7',
  title: 'only app=wordpress reaches app=mariadb, on port 3306',
  manifest: 'config/samples/s07-database.yaml',
  rows: [
    ...allowed(WORDPRESS, ['wordpress/db'], [3306]),

    ...refused(['wordpress/job'], ['wordpress/db'], [3306]),
    ...refused(WORDPRESS, ['wordpress/db'], [80, 11011]),
    ...refused(['wordpress/db'], WORDPRESS, [80]),
    ...refused(['wordpress/wp1'], ['wordpress/wp2'], [80]),
    ...refused(['kube-system/metrics', 'outside/web', 'outside/vm'], ['wordpress/db'], [3306]),
    ...refused(WORDPRESS, ['outside/web'], [3306]),
    ...refused(WORDPRESS, ['kube-public/info'], [8080]),
    // The same labels in other namespaces.
    ...refused(['shop/front', 'blog-a/wp', 'blog-b/wp', 'mallory/nodes'], ['wordpress/db'], [3306]),
    ...refused(WORDPRESS, ['blog-a/db', 'blog-b/db'], [3306]),
    ...refused(['blog-a/wp'], ['blog-a/db'], [3306]),
  ],
});
