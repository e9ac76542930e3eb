/** The cluster as the compiler sees it. Plain data. */
import type { Selector } from '../calico/selector.ts';
import type { TransportProtocol } from '../net/ports.ts';
import type { Distribution } from './distributions.ts';
import { UNKNOWN, type Known } from './known.ts';
import type { Unreadable } from './unreadable.ts';

export interface NamespaceInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** True once it has a deletionTimestamp. Stored objects stay in it, and no new ones are made there. */
  readonly terminating?: boolean;
}

export interface NodeInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Every known address of the node (Node status, Calico's annotations), without a mask. */
  readonly addresses: readonly string[];
  /**
   * Addresses of its interfaces, as Calico found them. An address of a Service may be among them: see
   * withInterfaces.
   */
  readonly interfaceAddresses?: readonly string[];
  /** True where flannel has left its annotations, which means Canal. */
  readonly flannel?: boolean;
  /** Canonical ranges of the node's pods, where Kubernetes assigns them. Pods of Canal have them. */
  readonly podCIDRs?: readonly string[];
  /** The port of its kubelet, as its status says. */
  readonly kubeletPort?: number;
  /** The distributions that it bears signs of; absent for none. */
  readonly distributions?: readonly Distribution[];
}

/** A HostEndpoint that is not ours. */
export interface HostEndpointInfo {
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `*`, an interface, or absent where expectedIPs is set instead. */
  readonly interfaceName?: string;
  /** Made by Calico's kube-controllers, which reverts every change by other clients. */
  readonly automatic: boolean;
  /** It has expectedIPs, which rules match by its labels. */
  readonly hasAddresses?: true;
}

/** A GlobalNetworkSet that is not ours. */
export interface ForeignSetInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Directions of traffic, as seen from the pods or hosts that a policy selects. */
export interface Directions {
  readonly ingress: boolean;
  readonly egress: boolean;
}

/** A Tier that is not ours. */
export interface TierInfo {
  readonly name: string;
  readonly order: number;
  readonly defaultAction: string;
}

/** The directions in which a Calico policy of others has rules with an action. */
export interface PolicyActions {
  readonly tier: string;
  readonly allows: Directions;
  readonly passes: Directions;
}

/** The parts of a GlobalNetworkPolicy of others that can match host endpoints and our sets. */
export interface ForeignPolicyInfo extends PolicyActions {
  readonly name: string;
  /** True for a policy that Calico never applies to pods (preDNAT, doNotTrack). */
  readonly isForHostsAlone: boolean;
  /** True for a policy with a rule about an ICMP type and a code. */
  readonly hasIcmpCode?: true;
  readonly selector: string;
  readonly namespaceSelector: string;
  /** One entry for each end of each rule. */
  readonly ends: readonly {
    readonly selector: string;
    readonly notSelector: string;
    readonly namespaceSelector: string;
  }[];
}

/** A NetworkPolicy of others, Kubernetes' or Calico's. Kubernetes' are in tier default. */
export interface NamespacePolicyInfo extends PolicyActions {
  readonly namespace: string;
}

/** A policy of the group policy.networking.k8s.io, which is Kubernetes' own for administrators. */
export interface AdminPolicyInfo {
  readonly kind: AdminPolicyKind;
  readonly name: string;
  /** True for a policy that is asked after all NetworkPolicies. */
  readonly isBaseline: boolean;
  readonly allows: Directions;
  /** The labels of the namespaces with its pods. Absent if that cannot be read. */
  readonly namespaceSelector?: Selector;
}

export type AdminPolicyKind = 'AdminNetworkPolicy' | 'BaselineAdminNetworkPolicy' | 'ClusterNetworkPolicy';

/** The parts of a FelixConfiguration that matter to nodes. A field that is not set there is absent. */
export interface FelixConfigurationInfo {
  /** `default`, `node.NAME`, or any other name with a nodeSelector. */
  readonly name: string;
  readonly failsafeInbound?: readonly {
    readonly protocol: string;
    readonly port: number;
    readonly net?: string;
  }[];
  readonly endpointToHostAction?: string;
  readonly bpfEnabled?: boolean;
  readonly nftablesMode?: string;
  readonly iptablesFilterAllowAction?: string;
  readonly disableConntrackInvalidCheck?: boolean;
  readonly vxlanPort?: number;
  /** Limit on lines of the kernel log that Log rules write, since Calico 3.32. */
  readonly logActionRateLimit?: string;
  readonly wireguardPorts?: readonly number[];
}

/** A Service that the API server calls according to an object such as a webhook configuration. */
export interface ApiServerBackend {
  readonly namespace: string;
  readonly service: string;
  /** The Service's port, not the pods'. */
  readonly port: number;
  /** `Kind/name` of the object that names the Service. */
  readonly because: string;
}

/** One address of the API server, and a port at which it answers there over TCP. */
export interface ApiServerTarget {
  readonly address: string;
  readonly port: number;
}

/** The API server, as one EndpointSlice tells it. */
export interface ApiServerSlice {
  readonly addresses: readonly string[];
  readonly targets: readonly ApiServerTarget[];
}

export interface ServicePort {
  readonly protocol: TransportProtocol;
  readonly port: number;
  /** The pods' port: a number, or the name of a container's port. */
  readonly targetPort: number | string;
}

export interface ServiceInfo {
  readonly namespace: string;
  readonly name: string;
  /** Labels of the pods behind it; absent where another program writes its endpoints. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Canonical addresses. A headless Service has none. */
  readonly clusterIPs: readonly string[];
  /** External IPs, and addresses of load balancers, canonical. */
  readonly externalIPs?: readonly string[];
  readonly ports: readonly ServicePort[];
  /** Its NodePorts outside of the usual range, as `20080/TCP`. Absent for none. */
  readonly unusualNodePorts?: readonly string[];
  readonly healthCheckNodePort?: number;
  /**
   * True where clients outside may enter through another node than the pod's, and then have the address of
   * that node: NodePort and LoadBalancer with externalTrafficPolicy: Cluster, which is the default.
   */
  readonly throughNodes?: true;
}

/**
 * The cluster as the compiler sees it. A part is unknown in an offline render, and while its API does not
 * answer. Objects of the optional lists are assumed not to exist where the list is absent.
 */
export interface Inventory {
  /** While they are unknown, namespaces are assumed to exist under their names. */
  readonly namespaces: Known<readonly NamespaceInfo[]>;
  /** While they are unknown, the set of the nodes is empty, with a warning. */
  readonly nodes: Known<readonly NodeInfo[]>;
  /** Addresses of the API server: the endpoints of the Service default/kubernetes. */
  readonly apiServerEndpoints: Known<readonly string[]>;
  /**
   * The API server's addresses with their ports: those of the slice called `kubernetes`. Empty while it says
   * nothing; absent where nobody has looked.
   */
  readonly apiServerTargets?: readonly ApiServerTarget[];
  /** NodePorts of Services outside of the usual range, as `20080/TCP`. */
  readonly unusualNodePorts?: readonly string[];
  /** healthCheckNodePorts of Services. */
  readonly healthCheckNodePorts?: readonly number[];
  /** CIDRs of Calico's IPPools. */
  readonly ipPools: Known<readonly string[]>;
  /** True where Calico's kube-controllers make host endpoints by themselves. */
  readonly automaticHostEndpoints: Known<boolean>;
  readonly apiServerBackends?: readonly ApiServerBackend[];
  /** At least the Services that backends or rules name, those with a port for UDP, and those through nodes. */
  readonly services?: readonly ServiceInfo[];
  /** Canonical ranges of Services: ServiceCIDRs, which Kubernetes has since 1.33. */
  readonly serviceCIDRs?: readonly string[];
  /** Addresses of all Services, canonical and sorted. */
  readonly clusterIPs?: readonly string[];
  /** External IPs and addresses of load balancers of all Services, canonical and sorted. */
  readonly externalIPs?: readonly string[];
  /** Kinds that could not be listed, for the message. Backends named by them may be missing. */
  readonly unlistedKinds?: readonly string[];
  /** Host endpoints of others. */
  readonly hostEndpoints?: readonly HostEndpointInfo[];
  /** GlobalNetworkPolicies of others. */
  readonly foreignPolicies?: readonly ForeignPolicyInfo[];
  /** GlobalNetworkSets of others that our rules could match. */
  readonly foreignSets?: readonly ForeignSetInfo[];
  /** Tiers of others, and `default`. */
  readonly foreignTiers?: readonly TierInfo[];
  /** Names of tiers whose policies the operator may not read. */
  readonly unseenTiers?: readonly string[];
  /** `TIER/NAMESPACE` for each namespace with a NetworkPolicy that allows in a tier of others. Sorted. */
  readonly tierNamespaces?: readonly string[];
  readonly adminPolicies?: readonly AdminPolicyInfo[];
  /** Kinds of adminPolicies that are served and cannot be listed. */
  readonly unlistedAdminKinds?: readonly AdminPolicyKind[];
  /** True where the Tigera operator has installed Calico; absent where that is not known. */
  readonly calicoInstallation?: boolean;
  readonly felixConfigurations?: readonly FelixConfigurationInfo[];
  /** Addresses of BGPPeers. */
  readonly bgpPeers?: readonly string[];
  /** Fields that were left out because they could not be read. */
  readonly unreadable?: readonly Unreadable[];
  /** The namespace that the operator runs in; always exempt. */
  readonly operatorNamespace?: string;
}

/** The cluster of an offline render. */
export const UNKNOWN_CLUSTER: Inventory = {
  namespaces: UNKNOWN,
  nodes: UNKNOWN,
  apiServerEndpoints: UNKNOWN,
  ipPools: UNKNOWN,
  automaticHostEndpoints: UNKNOWN,
};
