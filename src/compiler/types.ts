/** What goes into the compiler and what comes out of it. Plain data: no I/O, no clock. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { GeneratedObject } from '../calico/types.ts';
import type { FelixConfigurationInfo, Inventory } from '../inventory/types.ts';

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
