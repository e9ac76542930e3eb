import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const PROXIES = ['edge/proxy1', 'edge/proxy2'] as const;

export const wordpressSample = scenario({
  id: 'README',
  title: 'the WordPress sample does what README and demo say',
  manifest: 'config/samples/wordpress.yaml',
  rows: [
    ...allowed(PROXIES, WORDPRESS, [80]),
    ...allowed(['monitoring/prometheus'], WORDPRESS, [11011]),
    ...allowed(WORDPRESS, ['wordpress/db'], [3306]),
    ...allowed(WORDPRESS, ['outside/web'], [80, 443]),
    ...allowed(
      [...WORDPRESS, 'wordpress/db', 'shop/cart'],
      ['kube-system/dns1', 'kube-system/dns2'],
      ['53/UDP', 53],
    ),
    ...allowed(['kube-system/metrics'], ['calico-system/typha'], [5473]),

    ...refused(PROXIES, WORDPRESS, [81, 11011]),
    ...refused(
      ['shop/front', 'shop/cart', 'blog-a/wp', 'outside/web', 'mallory/nodes'],
      WORDPRESS,
      [80, 11011],
    ),
    ...refused(['monitoring/grafana'], WORDPRESS, [11011]),
    ...refused(['wordpress/job', 'shop/front', ...PROXIES], ['wordpress/db'], [3306]),
    ...refused(['wordpress/wp1'], ['wordpress/wp2'], [80]),
    ...refused(['wordpress/db', 'wordpress/job', 'shop/front'], ['outside/web'], [443]),
    ...refused(WORDPRESS, ['outside/vm'], [22, 5432]),
    ...refused(WORDPRESS, ['outside/metadata', 'node/node1', 'node/node2', 'shop/front'], [80]),
    ...refused(['shop/front'], ['shop/cart'], [80]),
  ],
});
