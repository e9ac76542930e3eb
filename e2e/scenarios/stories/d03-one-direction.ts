import { allowed, refused } from '../../harness/rows.ts';
import { ownManifest, scenario } from '../story.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const PROXIES = ['edge/proxy1', 'edge/proxy2'] as const;

export const onlyIngress = scenario({
  id: 'D3',
  title: 'deny: Ingress isolates nothing outwards',
  manifest: ownManifest('deny-ingress.yaml'),
  rows: [
    ...allowed(PROXIES, WORDPRESS, [80]),
    ...allowed(WORDPRESS, ['wordpress/db'], [3306]),
    ...allowed(['wordpress/job', 'wordpress/wp2'], ['shop/front', 'shop/cart'], [80]),

    ...allowed(
      [...WORDPRESS, 'wordpress/db', 'shop/front'],
      ['outside/web', 'node/node1', 'node/node2'],
      [80, 443],
    ),
    ...allowed(
      [...WORDPRESS, ...PROXIES, 'shop/cart'],
      ['kube-public/info', 'tigera-operator/operator'],
      [8080],
    ),
    ...allowed(PROXIES, ['outside/web'], [80, 443]),

    ...refused(PROXIES, WORDPRESS, [81]),
    ...refused(['wordpress/job'], ['wordpress/db'], [3306]),
    ...refused(['wordpress/wp1'], ['wordpress/wp2'], [80]),
    ...refused(['shop/front', 'shop/cart', 'outside/web', 'kube-system/metrics'], WORDPRESS, [80]),
    ...refused(['edge/proxy1'], ['shop/front', 'shop/cart'], [80]),
    ...refused(['wordpress/wp1', 'shop/cart'], ['outside/metadata'], [80]),
  ],
});

export const onlyEgress = scenario({
  id: 'D3',
  title: 'deny: Egress isolates nothing inwards',
  manifest: ownManifest('deny-egress.yaml'),
  rows: [
    ...allowed(PROXIES, WORDPRESS, [80]),
    ...allowed(WORDPRESS, ['wordpress/db'], [3306]),
    ...allowed(['wordpress/job', 'wordpress/wp2'], ['shop/front', 'shop/cart'], [80]),
    ...allowed(WORDPRESS, ['outside/web'], [443]),

    ...allowed(
      ['outside/web', 'kube-system/metrics', 'node/node1', 'node/node2'],
      [...WORDPRESS, 'shop/front', 'shop/cart'],
      [80],
    ),
    ...allowed(['outside/web', 'kube-system/metrics'], PROXIES, [443]),
    ...allowed(['outside/web', 'calico-system/typha'], ['wordpress/db'], [3306, 11011]),

    ...refused(PROXIES, WORDPRESS, [81]),
    ...refused(['wordpress/job'], ['wordpress/db'], [3306]),
    ...refused(['wordpress/wp1'], ['wordpress/wp2'], [80]),
    ...refused(['shop/front', 'shop/cart', 'monitoring/prometheus'], WORDPRESS, [80]),
    ...refused([...PROXIES, 'wordpress/db', 'shop/front'], ['outside/web'], [443]),
    ...refused(WORDPRESS, ['outside/web', 'outside/metadata'], [80]),
  ],
});
