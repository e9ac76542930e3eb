/** The cluster as the compiler sees it. Plain data. */

export interface NamespaceInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** True once it has a deletionTimestamp. Objects in it stay; none is created there. */
  readonly terminating?: boolean;
}

export interface NodeInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Every known address of the node (Node status, Calico's annotations), without a mask. */
  readonly addresses: readonly string[];
  /** True where flannel has left its annotations: Canal. */
  readonly flannel?: boolean;
}

/** A HostEndpoint. */
export interface HostEndpointInfo {
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `*` or an interface. Absent where the endpoint has expectedIPs instead. */
  readonly interfaceName?: string;
  /** Made by Calico's kube-controllers, which revert every change to it. */
  readonly automatic: boolean;
}

/** A GlobalNetworkPolicy that is not ours: the parts that can match host endpoints and our sets. */
export interface ForeignPolicyInfo {
  readonly name: string;
  readonly selector: string;
  readonly namespaceSelector: string;
  /** One for each end of each rule that has a selector. */
  readonly ends: readonly {
    readonly selector: string;
    readonly notSelector: string;
    readonly namespaceSelector: string;
  }[];
}

/** The fields of a FelixConfiguration that matter to nodes. A field that is not set is absent. */
export interface FelixConfigurationInfo {
  /** `default`, `node.NAME`, or any other with a nodeSelector. */
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
  readonly wireguardPorts?: readonly number[];
}

/** A Service that the API server calls, because an object such as a webhook configuration names it. */
export interface ApiServerBackend {
  readonly namespace: string;
  readonly service: string;
  /** The Service's port, not the pods'. */
  readonly port: number;
  /** `Kind/name` of the object that names the Service. */
  readonly because: string;
}

export interface ServiceInfo {
  readonly namespace: string;
  readonly name: string;
  /** Labels of the pods behind it. Absent where a selector does not decide which pods these are. */
  readonly selector?: Readonly<Record<string, string>>;
  /** `targetPort` is the pods': a number, or the name of a container's port. */
  readonly ports: readonly { readonly port: number; readonly targetPort: number | string }[];
}

/**
 * An absent list means "not known" (offline render), which is not the same as empty: unknown namespaces are assumed to exist under
 * their names, unknown nodes leave the node set empty with a warning.
 */
export interface Inventory {
  readonly namespaces?: readonly NamespaceInfo[];
  readonly nodes?: readonly NodeInfo[];
  /** Addresses of the API server: those of the endpoints of the Service default/kubernetes. */
  readonly apiServerEndpoints?: readonly string[];
  readonly apiServerBackends?: readonly ApiServerBackend[];
  /** At least the Services that backends name. */
  readonly services?: readonly ServiceInfo[];
  /** Plurals of the kinds that could not be listed, for a message. Backends that such objects name may be missing. */
  readonly unseen?: readonly string[];
  /** CIDRs of Calico's IPPools. */
  readonly ipPools?: readonly string[];
  /** Host endpoints that are not ours. */
  readonly hostEndpoints?: readonly HostEndpointInfo[];
  /** Whether Calico's kube-controllers make host endpoints by themselves. */
  readonly automaticHostEndpoints?: boolean;
  readonly foreignPolicies?: readonly ForeignPolicyInfo[];
  readonly felixConfigurations?: readonly FelixConfigurationInfo[];
  /** Addresses of BGPPeers. */
  readonly bgpPeers?: readonly string[];
  /** Namespace the operator runs in; always exempt. */
  readonly operatorNamespace?: string;
}
