import { allowed, refused } from '../../harness/rows.ts';
import { scenario } from '../story.ts';

const CLIENTS = ['wordpress/wp1', 'wordpress/wp2', 'shop/front'] as const;

export const dns = scenario({
  id: 'S2',
  title:
    'DNS: UDP and TCP 53 to the cluster’s DNS server, also where a node-local cache answers, and nowhere else',
  manifest: 'config/samples/s02-dns.yaml',
  rows: [
    ...allowed(CLIENTS, ['kube-system/dns1', 'kube-system/dns2'], ['53/UDP', 53]),
    ...allowed(CLIENTS, ['node-local-dns', 'dns-service'], ['53/UDP', 53]),
    // The DNS server asks upstream.
    ...allowed(['kube-system/dns1', 'kube-system/dns2'], ['outside/web'], ['53/UDP', 53]),

    ...refused(CLIENTS, ['kube-system/metrics'], ['53/UDP', 53]),
    ...refused(CLIENTS, ['wordpress/job'], ['53/UDP', 53]),
    // They carry the DNS server's label in other namespaces. The second one is exempt.
    ...refused(CLIENTS, ['shop/cart', 'kube-public/info'], ['53/UDP', 53]),
    ...refused(CLIENTS, ['outside/web'], ['53/UDP', 53]),
    ...refused(CLIENTS, ['kube-system/dns1', 'kube-system/dns2'], [8080]),
    ...refused(CLIENTS, ['node-local-dns', 'dns-service'], [8080]),
    ...refused(CLIENTS, ['node/node1', 'node/node2'], [80]),
  ],
});
