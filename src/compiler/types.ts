/** Input and output of the compiler. Plain data: no I/O, no clock. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { Selector } from '../calico/selector.ts';
import type { GeneratedObject } from '../calico/types.ts';
import type { Known } from '../inventory/known.ts';
import type { Directions, FelixConfigurationInfo, Inventory, NamespaceInfo } from '../inventory/types.ts';
import type { RuleId } from './names.ts';

/**
 * CamelCase reasons, in the style of Kubernetes conditions. A problem of the compiler keeps a rule, or a part
 * of it, from being programmed. A warning does not.
 */
export type ProblemReason =
  | 'UnknownPeer'
  | 'EntityUnresolved'
  | 'ResolvesToNothing'
  | 'TooManyNames'
  | 'SelectorTooLong'
  | 'TooLarge'
  | 'NamedPortNeedsPods'
  | 'PortsNotAllowed'
  | 'NoDefaultFirewall'
  | 'BackendsUnknown'
  | 'UnknownService'
  | 'BuiltInService'
  | 'UnknownBaseline'
  | 'NodeCIDRsContainPods'
  | 'NotAddressesOfNodes'
  | 'PoolsUnknown'
  | 'UnreadableObject';

export type WarningReason =
  | 'ExemptNamespace'
  | 'ExemptByLabel'
  | 'OverlappingGroups'
  | 'NamespaceNotFound'
  | 'NoNamespaceMatches'
  | 'NodesUnknown'
  | 'NamespacesUnknown'
  | 'ServicesUnknown'
  | 'ServiceWithoutSelector'
  | 'NoNodeFirewall'
  | 'NoEffect'
  | 'ClientsSeenAsNodes'
  | 'NodeOutsideNodeCIDRs'
  | 'PortsOfClusterUnclear'
  | 'ControlPlaneUnlabelled'
  | 'ForeignPolicySelectsHosts'
  | 'EndpointConflict'
  | 'UnclaimedNamespace'
  | 'ClusterAddresses'
  | 'NodeLabelUnguarded'
  | 'NoNodeMatches';

export interface Problem {
  readonly severity: 'problem' | 'warning';
  readonly firewall: string;
  /** `FIREWALL/GROUP/LIST/NAME`, or a shorter prefix where the problem is not that of a single rule. */
  readonly rule: RuleId;
  /** Path in the manifest, for example `spec.namespaces[0].ingress[2].from[1].peer`. */
  readonly path: string;
  readonly reason: ProblemReason | WarningReason;
  /** A sentence that a person can act on: the problem and the remedy. */
  readonly message: string;
}

/** A generated object, with the facts that the operator needs to order and hold it. */
export interface DesiredObject {
  readonly object: GeneratedObject;
  /** Name of the ClusterFirewall that it belongs to. */
  readonly firewall: string;
  /** Ids of the rules that it carries, sorted. */
  readonly rules: readonly RuleId[];
  /**
   * The remaining part of a deny that has a problem. It is written only where nothing of the deny is stored:
   * a stored object may deny more, and leaving out the deny altogether would widen.
   */
  readonly standIn?: true;
  /**
   * For a set: addresses that are stored in it stay. Part of the cluster cannot be read, and without these
   * addresses a negation would mean more, and a deny less.
   */
  readonly keepsAddresses?: true;
  /** For a set of a deny: the same for everything that is stored in it. */
  readonly keepsNets?: true;
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

/** An object of others that may open what is closed. */
export interface Opening {
  /** `Kind/NAME`, or a kind whose objects cannot be listed. */
  readonly object: string;
  /** The traffic that it may open, in words that follow "may open". */
  readonly opens: string;
  /** True when spec.acceptForeign names it. */
  readonly accepted: boolean;
  /** True when the operator cannot see whether it opens anything. */
  readonly isUnseen?: true;
  /** True for a policy that opens pods alone, so that its flows can be followed (src/openings). */
  readonly isOnPods?: true;
}

/** The objects of others that may open something, and where the default deny applies. */
export interface Foreign {
  readonly openings: readonly Opening[];
  /** The directions and the names of the namespaces that the default deny closes. */
  readonly closed: { readonly deny: Directions; readonly namespaces: ReadonlySet<string> };
}

/** The outcome of `spec.nodes`. */
export interface NodesSummary {
  readonly mode: 'Enforce' | 'Observe' | 'Disabled';
  /**
   * How host endpoints come about. Contradiction: the spec says Managed, and Calico makes automatic ones. None:
   * nodes are not policed.
   */
  readonly endpoints: Known<'Automatic' | 'Managed' | 'Contradiction' | 'None'>;
  /** Names of the nodes that spec.nodes selects, sorted. */
  readonly selected: Known<readonly string[]>;
  /** Names of those that it would select if Calico had host endpoints there, sorted. */
  readonly unsupported?: readonly string[];
  /** The reason why no further node is enforced: that of the first obstacle, and a sentence on each of them. */
  readonly blocked?: {
    readonly reason: 'ForeignPolicySelectsHosts' | 'EndpointConflict';
    readonly message: string;
  };
  /** Names of GlobalNetworkPolicies of others that may let in what the rules refuse. */
  readonly openedBy?: readonly string[];
  /** Ports that Felix keeps open although the rules close them, as `6443/TCP`. */
  readonly failsafesOpen: readonly string[];
  /** With failsafes: Managed, the ports that Felix must keep open, with protocols in lower case. */
  readonly failsafes?: NonNullable<FelixConfigurationInfo['failsafeInbound']>;
  /** With failsafes: Managed, the reason why they cannot be computed, and the remedy. */
  readonly failsafesWaitFor?: string;
  /** With failsafes: Managed, the reason why failsafes stay as they are, narrowed or not. */
  readonly failsafesKept?: string;
  /** Sentences about traffic that is not policed, or is policed in an unexpected way. */
  readonly notes: readonly string[];
}

/**
 * One rule, all rules below a prefix, or the sets with this id or one below it. Sets have a form of their own,
 * because a group may be called `peers`.
 */
export type Frozen = { readonly rule: RuleId } | { readonly prefix: RuleId } | { readonly sets: RuleId };

/** Where policies of pods may be in force. */
export interface Reach {
  /** A namespaceSelector that matches the namespaces under the default deny; undefined where there are none. */
  readonly enforced: Selector | undefined;
  readonly deny: Directions;
  /** The cluster's namespaces. */
  readonly namespaces: readonly NamespaceInfo[];
}

export interface Compilation {
  readonly objects: readonly DesiredObject[];
  /** Absent where no firewall has `nodes`. */
  readonly nodes?: NodesSummary;
  /**
   * The nodes that must carry the enforcement label once all objects are stored. The label puts automatic
   * host endpoints under the policies of nodes. Every other node must not carry it. While this is unknown,
   * labels stay unchanged.
   */
  readonly labelledNodes: Known<readonly string[]>;
  readonly problems: readonly Problem[];
  /**
   * The rules whose stored objects must be kept because of a problem. An owned object is not pruned if it
   * carries a frozen rule, even when none of its rules is desired any more.
   */
  readonly frozen: readonly Frozen[];
  readonly summaries: readonly FirewallSummary[];
  /** Absent where there is no firewall called default. */
  readonly foreign?: Foreign;
  /** Absent where there is no firewall called default, and where the namespaces are unknown. */
  readonly reach?: Reach;
}

export type Compile = (firewalls: readonly ClusterFirewall[], inventory: Inventory) => Compilation;
