/** Compares an import of rules for nodes with the rules themselves. */
import { expect } from '@jest/globals';
import type { Spec } from '../../../api/schema.ts';
import type { Known } from '../../../importing/addresses.ts';
import { importRules, type Origin } from '../../../importing/import.ts';
import { parseCidr } from '../../../net/cidr.ts';
import { isPod, type PlainPacket, packetsOf, type PlainVerdict } from './chains.ts';
import { judgeOf } from './judge.ts';

export const KNOWN: Known = {
  pods: ['10.244.0.0/16', 'fd00:244::/48'].map(parseCidr),
  nodes: ['10.99.0.11/32', '10.99.0.12/32', 'fd00:99::11/128', 'fd00:99::12/128'].map(parseCidr),
  interfaces: new Map(),
  ipv4Only: false,
};

const NUMBERS = { tcp: 6, udp: 17, gre: 47 } as const;

export const specOf = (from: Origin, text: string, known: Known): Spec =>
  importRules(from, [{ name: 'rules', text }], known, () => []).spec;

interface Comparison {
  readonly spec: Spec;
  readonly families: readonly (4 | 6)[];
  /** Each verdict that is possible, whatever the criteria say that nobody can judge. */
  readonly verdictsOf: (packet: PlainPacket, family: 4 | 6) => ReadonlySet<PlainVerdict>;
  /** True where the import has to open everything that the rules surely open. */
  readonly isExact: boolean;
}

/** @throws as expect does, where the import is wider, or narrower without a reason */
export function expectEqual({ spec, families, verdictsOf, isExact }: Comparison): void {
  const judge = judgeOf(spec);
  for (const family of families)
    for (const packet of packetsOf(family)) {
      const verdicts = verdictsOf(packet, family);
      const isSure = verdicts.size === 1 && verdicts.has('ACCEPT');
      const seen = judge({
        from: isPod(packet) ? 'pod' : packet.source,
        protocol: NUMBERS[packet.protocol],
        port: packet.port,
        family,
      });
      if (seen) expect({ ...packet, isSure }).toEqual({ ...packet, isSure: true });
      // Some pods of a range cannot be named.
      if (isExact && !isPod(packet)) expect({ ...packet, seen }).toEqual({ ...packet, seen: isSure });
    }
}
