/**
 * Calico `projectcalico.org/v3` objects, with the fields that this project writes or reads. Meaning of the
 * fields: https://docs.tigera.io/calico/latest/reference/resources/
 */

export const CALICO_API_VERSION = 'projectcalico.org/v3';

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type Action = 'Allow' | 'Deny' | 'Pass' | 'Log';
/** A number is IANA's, from 1 to 255. */
export type Protocol = 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPv6' | number;
export type PolicyType = 'Ingress' | 'Egress';

/** A number, a range as `30000:32767`, or the name of a container's port. */
export type CalicoPort = number | string;

export interface EntityRule {
  readonly nets?: readonly string[];
  readonly notNets?: readonly string[];
  readonly selector?: string;
  readonly namespaceSelector?: string;
  readonly notSelector?: string;
  readonly ports?: readonly CalicoPort[];
  readonly services?: { readonly name: string; readonly namespace: string };
}

export interface Rule {
  readonly action: Action;
  readonly ipVersion?: 4 | 6;
  readonly protocol?: Protocol;
  readonly notProtocol?: Protocol;
  readonly source?: EntityRule;
  readonly destination?: EntityRule;
  /** Felix prints the annotations as a comment into the packet filter. */
  readonly metadata?: { readonly annotations: Readonly<Record<string, string>> };
}

/**
 * Shared by the four kinds of policies. `types`, `tier`, `order` and `selector` are required, because native
 * CRDs have no defaults for them.
 */
export interface PolicySpec {
  readonly tier: string;
  readonly order: number;
  readonly selector: string;
  readonly types: readonly PolicyType[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}

export interface GlobalPolicySpec extends PolicySpec {
  readonly namespaceSelector?: string;
  /**
   * Applies before DNAT hides NodePorts and hostPorts. It needs applyOnForward, and only affects host
   * endpoints.
   */
  readonly preDNAT?: true;
  readonly applyOnForward?: true;
}

interface CalicoObject<K extends string, S> {
  readonly apiVersion: typeof CALICO_API_VERSION;
  readonly kind: K;
  readonly metadata: ObjectMeta;
  readonly spec: S;
}

export type Tier = CalicoObject<'Tier', { readonly order: number; readonly defaultAction: 'Pass' | 'Deny' }>;
export type GlobalNetworkSet = CalicoObject<'GlobalNetworkSet', { readonly nets: readonly string[] }>;
export type GlobalNetworkPolicy = CalicoObject<'GlobalNetworkPolicy', GlobalPolicySpec>;
export type NetworkPolicy = CalicoObject<'NetworkPolicy', PolicySpec>;
export type StagedGlobalNetworkPolicy = CalicoObject<
  'StagedGlobalNetworkPolicy',
  GlobalPolicySpec & { readonly stagedAction: 'Set' }
>;
export type StagedNetworkPolicy = CalicoObject<
  'StagedNetworkPolicy',
  PolicySpec & { readonly stagedAction: 'Set' }
>;

export type HostEndpoint = CalicoObject<
  'HostEndpoint',
  { readonly node: string; readonly interfaceName: string; readonly profiles: readonly string[] }
>;

/** Every kind that the compiler makes. */
export type GeneratedObject =
  | Tier
  | HostEndpoint
  | GlobalNetworkSet
  | GlobalNetworkPolicy
  | NetworkPolicy
  | StagedGlobalNetworkPolicy
  | StagedNetworkPolicy;

export type GeneratedKind = GeneratedObject['kind'];
