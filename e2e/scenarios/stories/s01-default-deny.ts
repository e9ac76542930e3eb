import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

export const defaultDeny = scenario({
  id: 'S1',
  title: 'default deny in both directions, system namespaces untouched',
  manifest: 'config/samples/s01-default-deny.yaml',
  rows: [
    ...allowed(['kube-system/metrics'], ['kube-public/info', 'tigera-operator/operator'], [8080]),
    ...allowed(['calico-system/typha'], ['kube-system/dns1', 'kube-system/dns2'], [8080]),
    ...allowed(
      ['kube-system/metrics', 'tigera-operator/operator', 'kube-public/info'],
      ['outside/web'],
      [443],
    ),
    ...allowed(['outside/web'], ['kube-public/info', 'tigera-operator/operator'], [8080]),
    ...allowed(['kube-system/metrics'], ['node/node1', 'node/node2'], [443]),
    // Kubelet's probes: a node reaches its own pods whatever policies say.
    ...allowed(['node/node1'], ['wordpress/wp1'], [80]),
    ...allowed(['node/node2'], ['wordpress/wp2'], [80]),

    ...refused(['wordpress/wp1'], ['wordpress/wp2'], [80]),
    ...refused(['wordpress/wp1', 'wordpress/wp2', 'wordpress/job'], ['wordpress/db'], [3306]),
    ...refused(['wordpress/wp1', 'wordpress/wp2'], ['shop/front', 'shop/cart'], [80]),
    ...refused(
      ['edge/proxy1', 'edge/proxy2', 'monitoring/prometheus'],
      ['wordpress/wp1', 'wordpress/wp2'],
      [80],
    ),
    ...refused(['kube-system/metrics', 'calico-system/typha'], ['wordpress/wp1', 'wordpress/wp2'], [80]),
    ...refused(['wordpress/wp1', 'wordpress/wp2'], ['kube-public/info', 'tigera-operator/operator'], [8080]),
    ...refused(['wordpress/db', 'shop/front', 'istio-system/istiod'], ['outside/web', 'outside/vm'], [443]),
    ...refused(['wordpress/job', 'shop/cart'], ['outside/web'], ['53/UDP', 53]),
    ...refused(['outside/web', 'outside/vm'], ['wordpress/wp1', 'wordpress/wp2', 'shop/front'], [80]),
    ...refused(['wordpress/wp1', 'wordpress/wp2'], ['node/node1', 'node/node2'], [80]),
    ...refused(['node/node1'], ['wordpress/wp2'], [80]),
    ...refused(['node/node2'], ['wordpress/wp1'], [80]),
    ...refused(['mallory/nodes', 'mallory/big'], ['outside/web', 'wordpress/wp1', 'wordpress/wp2'], [80]),
  ],
});
