import { allowed, refused } from '../../harness/rows.ts';
import { ownManifest, scenario } from '../story.ts';

export const systemNamespaces = scenario({
  id: 'D14',
  title: 'with systemNamespaces: None every pod still reaches DNS, and the system is shut as well',
  manifest: ownManifest('no-system-namespaces.yaml'),
  rows: [
    ...allowed(
      ['wordpress/wp1', 'wordpress/wp2', 'kube-system/metrics', 'calico-system/typha'],
      ['kube-system/dns1', 'kube-system/dns2'],
      ['53/UDP', 53],
    ),
    ...allowed(['wordpress/wp1', 'kube-system/metrics'], ['node-local-dns', 'dns-service'], ['53/UDP']),
    // Pods of the host network, and a node-local cache.
    ...allowed(['node/node1', 'node/node2'], ['kube-system/dns1', 'kube-system/dns2'], ['53/UDP', 53]),
    ...refused(['node/node1'], ['kube-system/dns2'], [8080]),
    ...refused(['node/node1'], ['kube-system/metrics'], [4443]),

    ...refused(
      ['kube-system/metrics', 'wordpress/wp1', 'outside/web'],
      ['kube-system/dns1', 'kube-system/dns2'],
      [8080],
    ),
    ...refused(['outside/web', 'outside/vm'], ['kube-system/dns1', 'kube-system/dns2'], ['53/UDP', 53]),
    ...refused(
      ['kube-system/dns1', 'kube-system/dns2', 'kube-system/metrics'],
      ['outside/web'],
      [443, '53/UDP'],
    ),
    ...refused(['kube-system/metrics', 'outside/web'], ['calico-system/typha'], [5473]),
    ...refused(['tigera-operator/operator', 'kube-public/info'], ['outside/web', 'outside/metadata'], [80]),
  ],
});
