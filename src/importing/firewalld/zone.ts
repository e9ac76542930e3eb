/** A zone of firewalld, from either of its forms (firewalld.zone(5), firewalld.richlanguage(5)). */
import type { SourceLine } from '../result.ts';

/** A value with the line that it stands in. */
export interface Item {
  readonly value: string;
  readonly line: SourceLine;
}

export interface RichRule {
  readonly line: SourceLine;
  readonly priority: number;
  readonly family?: string;
  /** Words of iptables for source and destination. */
  readonly ends: readonly string[];
  /** `service ssh`, `port 80/tcp`, `protocol vrrp`; absent: everything. Others are not understood. */
  readonly element?: string;
  readonly action?: 'accept' | 'drop' | 'reject';
  readonly logs: boolean;
  /** Words that are not understood. */
  readonly unknown: readonly string[];
}

export interface Zone {
  readonly name: string;
  readonly line: SourceLine;
  readonly isDefault: boolean;
  readonly target: Item;
  readonly interfaces: readonly Item[];
  readonly sources: readonly Item[];
  readonly services: readonly Item[];
  /** `80/tcp`. */
  readonly ports: readonly Item[];
  readonly protocols: readonly Item[];
  readonly rich: readonly RichRule[];
  /** Settings without a counterpart, with the reason. */
  readonly others: readonly Item[];
}

export type Draft = {
  -readonly [K in keyof Zone]: Zone[K] extends readonly (infer T)[] ? T[] : Zone[K];
};

export const draft = (name: string, line: SourceLine, isDefault: boolean): Draft => ({
  name,
  line,
  isDefault,
  target: { value: 'default', line },
  interfaces: [],
  sources: [],
  services: [],
  ports: [],
  protocols: [],
  rich: [],
  others: [],
});

export const REASONS: Readonly<Record<string, string>> = {
  masquerade: 'addresses are not translated here: that is for Services, and for natOutgoing of an IPPool',
  'forward-port': 'addresses are not translated here: that is for Services',
  'source-port': 'not opened: the port of the source is not judged',
  'icmp-block': 'ICMP stays open: `baseline.disable: [icmp, icmpv6]` closes it',
  'icmp-block-inversion': 'ICMP stays open: `baseline.disable: [icmp, icmpv6]` closes it',
};
