/**
 * The baseline: traffic to nodes that a cluster needs to work. It is open unless `nodes.baseline.disable`
 * names it.
 */
import { protocolMatch, type ProtocolMatch } from './protocols.ts';
import type { ServiceName } from '../../net/services.ts';

/**
 * `anyone`: every source. `controlPlanePods`: pods of peers in nodes.controlPlane. `etcd`: members of etcd.
 */
export type BaselineSource =
  'anyone' | 'nodes' | 'pods' | 'controlPlane' | 'controlPlanePods' | 'etcd' | 'bgpPeers' | 'metricsServer';

export interface BaselineEntry {
  readonly name: string;
  /** For people: the function that would stop. */
  readonly what: string;
  readonly from: readonly BaselineSource[];
  /**
   * Names of services; `unprivileged` for every port but those of PRIVILEGED; `joiningPorts` for those of the
   * distributions that are seen; or a protocol without ports.
   */
  readonly opens: readonly ServiceName[] | 'unprivileged' | 'joiningPorts' | ProtocolMatch;
  /** Destinations, where they are not every address. */
  readonly to?: readonly string[];
  /** The entry opens only the ports layer. Felix's own rules decide the rest. */
  readonly onlyPorts?: true;
  /** The layers in which it is also open to machines that may join. */
  readonly joining?: 'ports' | 'both';
  /** Clusters in which the entry is compiled; absent: all. */
  readonly where?: 'flannel' | 'metricsServer' | 'distribution';
}

/** Services that even nodes do not reach on other nodes, unless they are the control plane. */
export const PRIVILEGED = [
  'etcd',
  'kubelet',
  'kube-controller-manager',
  'kube-scheduler',
] as const satisfies readonly ServiceName[];

export const BASELINE: readonly BaselineEntry[] = [
  { name: 'icmp', what: 'ping, path MTU discovery', from: ['anyone'], opens: protocolMatch(1) },
  {
    name: 'icmpv6',
    what: 'neighbour discovery, without which there is no IPv6; multicast listeners, ping, path MTU discovery',
    from: ['anyone'],
    opens: protocolMatch(58),
  },
  {
    name: 'igmp',
    what: 'routers and switches learn who listens to multicast',
    from: ['anyone'],
    opens: protocolMatch(2),
    to: ['224.0.0.0/4'],
  },
  {
    name: 'dhcp',
    what: 'answers of DHCP servers, requests to a node that is a DHCP server',
    from: ['anyone'],
    opens: ['dhcp', 'dhcpv6-client'],
  },
  {
    name: 'api-server',
    what: 'kubelets, pods and joining machines reach the API server',
    from: ['controlPlane', 'controlPlanePods', 'nodes', 'pods'],
    opens: ['kube-apiserver'],
    joining: 'both',
  },
  {
    name: 'joining',
    what: 'machines join k3s, RKE2, microk8s, k0s, Talos',
    from: ['nodes'],
    opens: 'joiningPorts',
    joining: 'both',
    where: 'distribution',
  },
  {
    name: 'etcd',
    what: 'the API server reaches etcd, and members of etcd reach each other',
    from: ['controlPlane', 'etcd'],
    opens: ['etcd'],
  },
  {
    name: 'kubelet',
    what: 'the API server reaches kubelets: logs, exec, port-forward',
    from: ['controlPlane', 'controlPlanePods'],
    opens: ['kubelet'],
  },
  {
    name: 'nodes-to-nodes',
    what: `pods of the host network, and traffic through another node, which arrives with that node's address; all but ${PRIVILEGED.join(', ')}`,
    from: ['nodes'],
    opens: 'unprivileged',
  },
  {
    name: 'vxlan',
    what: "Calico's VXLAN between nodes; Felix itself drops VXLAN from other machines",
    from: ['anyone'],
    opens: ['vxlan'],
    onlyPorts: true,
  },
  {
    name: 'ipip',
    what: "Calico's IP-in-IP between nodes; Felix itself drops IP-in-IP from other machines",
    from: ['anyone'],
    opens: protocolMatch(4),
    onlyPorts: true,
  },
  {
    name: 'vrrp',
    what: 'keepalived on nodes: a virtual address moves',
    from: ['nodes'],
    opens: protocolMatch(112),
  },
  {
    name: 'ah',
    what: 'IPsec between nodes: authentication',
    from: ['nodes'],
    opens: protocolMatch(51),
  },
  {
    name: 'esp',
    what: 'IPsec between nodes: encryption',
    from: ['nodes'],
    opens: protocolMatch(50),
  },
  {
    name: 'wireguard',
    what: "Calico's encryption between nodes",
    from: ['nodes'],
    opens: ['wireguard'],
    joining: 'ports',
  },
  {
    name: 'bgp',
    what: 'routes, from nodes and from BGPPeers',
    from: ['nodes', 'bgpPeers'],
    opens: ['bgp'],
    joining: 'both',
  },
  {
    name: 'typha',
    what: 'Felix of other nodes reaches Typha',
    from: ['nodes'],
    opens: ['typha'],
    joining: 'both',
  },
  {
    name: 'flannel',
    what: 'the overlay of Canal',
    from: ['nodes'],
    opens: ['flannel-vxlan', 'flannel-udp'],
    joining: 'both',
    where: 'flannel',
  },
  {
    name: 'node-local-dns',
    what: "the DNS cache in the node's own network",
    from: ['pods'],
    opens: ['dns'],
  },
  {
    name: 'metrics-server',
    what: 'metrics-server reaches kubelets: kubectl top, autoscaling',
    from: ['metricsServer'],
    opens: ['kubelet'],
    where: 'metricsServer',
  },
];
