/** The content of a policy, whatever kind of object it comes from. */
import type { Cidr } from '../../net/cidr.ts';
import type { Selector } from '../selector.ts';
import type { Action } from '../types.ts';

/** Both ends included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface Ports {
  readonly ranges: readonly PortRange[];
  /** Names of ports of endpoints. */
  readonly names: readonly string[];
}

export interface IcmpMatch {
  readonly type?: number;
  readonly code?: number;
}

export interface RuleEnd {
  readonly nets: readonly Cidr[];
  readonly notNets: readonly Cidr[];
  /** Absent: every address, known or not. */
  readonly selector?: Selector;
  readonly notSelector?: Selector;
  readonly ports?: Ports;
  readonly notPorts?: Ports;
  /** `namespace/name` of a Service whose endpoints are meant. */
  readonly service?: string;
}

export interface PolicyRule {
  readonly action: Action;
  readonly ipVersion?: 4 | 6;
  /** IANA's number. */
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: RuleEnd;
  readonly destination: RuleEnd;
  /** True where the rule looks into HTTP, which the packet filter does not do. */
  readonly http: boolean;
  /** Why nobody knows what the rule does with packets that it matches. */
  readonly unclear?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Path in the object, for example `spec.ingress[2]`. Several rules may come from one path. */
  readonly path: string;
}

export interface StoredPolicy {
  /** The kind of the object, for example `NetworkPolicy`. */
  readonly kind: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly namespace?: string;
  /** Felix's own name for it. Policies of the same order are sorted by it. */
  readonly sortName: string;
  readonly tier: string;
  /** Infinity where the object has none. */
  readonly order: number;
  readonly selector: Selector;
  readonly types: { readonly ingress: boolean; readonly egress: boolean };
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
  readonly preDNAT: boolean;
  readonly doNotTrack: boolean;
  readonly applyOnForward: boolean;
  /** Absent for a policy that is enforced. */
  readonly staged?: 'Set' | 'Delete';
}
