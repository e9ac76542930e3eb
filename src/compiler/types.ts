/** What goes into the compiler and what comes out of it. Plain data: no I/O, no clock. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { GeneratedObject } from '../calico/types.ts';

export interface NamespaceInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** True once it has a deletionTimestamp: what stands in it stays, nothing new is made there. */
  readonly terminating?: boolean;
}

export interface NodeInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Every address known of the node (Node status, Calico's annotations), without a mask. */
  readonly addresses: readonly string[];
  /** True where flannel has left its annotations: Canal. */
  readonly flannel?: boolean;
}

/** A HostEndpoint that is not ours. */
export interface HostEndpointInfo {
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `*`, an interface, or absent where expectedIPs say it. */
  readonly interfaceName?: string;
  /** Made by Calico's kube-controllers, which take it back whenever somebody changes it. */
  readonly automatic: boolean;
}

/** A GlobalNetworkPolicy that is not ours, as far as it can meet host endpoints and our sets. */
export interface ForeignPolicyInfo {
  readonly name: string;
  readonly selector: string;
  readonly namespaceSelector: string;
  /** Of each end of each rule. */
  readonly ends: readonly {
    readonly selector: string;
    readonly notSelector: string;
    readonly namespaceSelector: string;
  }[];
}

/** What of a FelixConfiguration matters to nodes; absent fields are not set there. */
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

/** A Service that the API server calls, by the word of an object such as a webhook configuration. */
export interface ApiServerBackend {
  readonly namespace: string;
  readonly service: string;
  /** The Service's port, not the pods'. */
  readonly port: number;
  /** `Kind/name` of the object that says so. */
  readonly because: string;
}

export interface ServiceInfo {
  readonly namespace: string;
  readonly name: string;
  /** Labels of the pods behind it; absent where somebody else says what is behind it. */
  readonly selector?: Readonly<Record<string, string>>;
  /** `targetPort` is the pods': a number, or the name of a container's port. */
  readonly ports: readonly { readonly port: number; readonly targetPort: number | string }[];
}

/**
 * The cluster as the compiler sees it. An absent list means "not known" (offline render), which is not the same as empty:
 * unknown namespaces are assumed to exist under their names, unknown nodes leave the node set empty with a warning.
 */
export interface Inventory {
  readonly namespaces?: readonly NamespaceInfo[];
  readonly nodes?: readonly NodeInfo[];
  /** Addresses of the API server: those of the endpoints of the Service default/kubernetes. */
  readonly apiServerEndpoints?: readonly string[];
  readonly apiServerBackends?: readonly ApiServerBackend[];
  /** Those that backends name, at least. */
  readonly services?: readonly ServiceInfo[];
  /** What was asked for and not told, for a person to read: kinds without which backends may be missed. */
  readonly unseen?: readonly string[];
  /** CIDRs of Calico's IPPools. */
  readonly ipPools?: readonly string[];
  /** Host endpoints of others. */
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

/**
 * CamelCase reasons, as Kubernetes conditions have them. The compiler's problems keep a rule, or what a rule says, from being programmed;
 * its warnings do not.
 */
export type ProblemReason =
  | 'UnknownPeer'
  | 'EntityUnresolved'
  | 'ResolvesToNothing'
  | 'ExemptNamespace'
  | 'OverlappingGroups'
  | 'TooManyNames'
  | 'SelectorTooLong'
  | 'NamedPortNeedsPods'
  | 'PortsNotAllowed'
  | 'NoDefaultFirewall'
  | 'BackendsUnknown'
  | 'UnknownService'
  | 'BuiltInService'
  | 'UnknownBaseline'
  | 'NodeCIDRsContainPods'
  | 'PoolsUnknown';

export type WarningReason =
  | 'NamespaceNotFound'
  | 'NoNamespaceMatches'
  | 'NodesUnknown'
  | 'NamespacesUnknown'
  | 'ServiceWithoutSelector'
  | 'NoNodeFirewall'
  | 'ForeignPolicySelectsHosts'
  | 'EndpointConflict';

export interface Problem {
  readonly severity: 'problem' | 'warning';
  readonly firewall: string;
  /** `FIREWALL/GROUP/LIST/NAME`, or a shorter prefix of it where the problem is not a single rule's. */
  readonly rule: string;
  /** Path in the manifest, for example `spec.namespaces[0].ingress[2].from[1].peer`. */
  readonly path: string;
  readonly reason: ProblemReason | WarningReason;
  /** A sentence a person can act on: what is wrong and the remedy. */
  readonly message: string;
}

/**
 * What an object does, which decides when it is written (controller/plan/plan.ts): the tier, its last word, sets, what denies in the tier, what
 * allows, the default deny. Bridges are not compiled: they stand beside these while they change (controller/plan/bridges.ts).
 */
export type Phase =
  | 'tier'
  | 'pass'
  | 'set'
  | 'guardrail'
  | 'allow'
  | 'deny'
  | 'bridgeFrom'
  | 'bridgeTo'
  /** What exempts lo, what passes at nodes, what denies there, whom it binds, and which addresses it means. */
  | 'lo'
  | 'nodeAllow'
  | 'nodeDeny'
  | 'hostEndpoint'
  | 'judged';

/** Generated object plus what the operator needs to order and hold it. */
export interface DesiredObject {
  readonly object: GeneratedObject;
  /** Name of the ClusterFirewall it belongs to. */
  readonly firewall: string;
  /** Ids of the rules it carries, sorted. */
  readonly rules: readonly string[];
  readonly phase: Phase;
  /**
   * What can be said of a deny that has a problem. To be written only where nothing of it is stored: what is stored may say
   * more, and to leave out a deny altogether would widen.
   */
  readonly standIn?: true;
}

export interface FirewallSummary {
  readonly firewall: string;
  /** Namespaces under this firewall's default deny; null when the inventory has no namespaces. */
  readonly namespaces: {
    readonly enforced: number;
    readonly observed: number;
    readonly exempt: number;
  } | null;
}

/** What `spec.nodes` comes to. */
export interface NodesSummary {
  readonly mode: 'Enforce' | 'Observe' | 'Disabled';
  /** How host endpoints come about; undefined while it cannot be told. */
  readonly endpoints: 'Automatic' | 'Managed' | undefined;
  /** Names of the nodes that spec.nodes selects, sorted; null when the inventory has no nodes. */
  readonly selected: readonly string[] | null;
  /** Why nothing is enforced at nodes that were not prepared before: CamelCase and a sentence with the remedy. */
  readonly blocked?: {
    readonly reason: 'ForeignPolicySelectsHosts' | 'EndpointConflict';
    readonly message: string;
  };
  /** Ports that Felix keeps open and the rules mean to close, as `6443/TCP`. */
  readonly failsafesOpen: readonly string[];
  /** With failsafes: Managed, what Felix is to keep open, protocols in lower case. */
  readonly failsafes?: NonNullable<FelixConfigurationInfo['failsafeInbound']>;
  /** With failsafes: Managed, why that cannot be told, and the remedy. */
  readonly failsafesWaitFor?: string;
  /** What is not judged, or differs from what one would expect, in sentences. */
  readonly notes: readonly string[];
}

export interface Compilation {
  readonly objects: readonly DesiredObject[];
  /** Absent where no firewall has `nodes`. */
  readonly nodes?: NodesSummary;
  /**
   * Nodes that are to carry the gate label, by which automatic host endpoints come under the policies of nodes, once all
   * objects stand; every other node must not carry it. Absent while that cannot be told: labels stay as they are.
   */
  readonly labelledNodes?: readonly string[];
  readonly problems: readonly Problem[];
  /**
   * Ids of rules, or prefixes ending in `/`, whose present objects must be kept as they are because of a problem:
   * an owned object none of whose rules is desired any more but that carries a held id is not pruned.
   */
  readonly held: readonly string[];
  readonly summaries: readonly FirewallSummary[];
}

export type Compile = (firewalls: readonly ClusterFirewall[], inventory: Inventory) => Compilation;
