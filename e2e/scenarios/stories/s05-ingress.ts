import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const PROXIES = ['edge/proxy1', 'edge/proxy2'] as const;

export const ingress = scenario({
  id: 'S5',
  title: 'namespaces with role=ingress reach app=wordpress on port 80',
  manifest: 'config/samples/s05-ingress.yaml',
  rows: [
    ...allowed(PROXIES, WORDPRESS, [80]),

    ...refused(PROXIES, WORDPRESS, [81, 11011]),
    ...refused(PROXIES, ['wordpress/db', 'shop/front', 'shop/cart', 'blog-a/wp'], [80]),
    ...refused(['shop/front', 'shop/cart', 'blog-a/wp', 'monitoring/prometheus'], WORDPRESS, [80]),
    ...refused(['wordpress/job', 'kube-system/metrics', 'outside/web'], WORDPRESS, [80]),
    // Its labels claim that it is in edge, and that its namespace has role=ingress.
    ...refused(['mallory/nodes', 'mallory/big'], WORDPRESS, [80]),
    ...refused(WORDPRESS, PROXIES, [443]),
    ...refused(PROXIES, ['outside/web'], [443]),
    ...refused(PROXIES, ['kube-public/info'], [8080]),
  ],
});
