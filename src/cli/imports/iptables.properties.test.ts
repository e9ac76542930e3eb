/** An import lets in what the chains let in, and never more, by the simulator's verdict on the compiled result. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FEWER } from '../../compiler/testing/runs.ts';
import type { Known } from '../../importing/addresses.ts';
import { importRules } from '../../importing/import.ts';
import { parseCidr } from '../../net/cidr.ts';
import { filters, PACKETS, type PlainFilter, POD_ADDRESS, plainVerdicts, textOf } from './testing/chains.ts';
import { judgeOf } from './testing/judge.ts';

const KNOWN: Known = {
  pods: ['10.244.0.0/16', 'fd00:244::/48'].map(parseCidr),
  nodes: ['10.99.0.11/32', '10.99.0.12/32'].map(parseCidr),
  interfaces: new Map(),
  ipv4Only: true,
};
const NUMBERS = { tcp: 6, udp: 17, gre: 47 } as const;

const hasUnknown = ({ chains }: PlainFilter): boolean =>
  Object.values(chains).some((rules) => rules.some(({ unknown }) => unknown === true));

describe('chains of iptables', () => {
  test('never become wider, and stay as wide where all criteria are understood', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        const judge = judgeOf(importRules('iptables', [{ name: 'v4', text: textOf(filter) }], KNOWN).spec);
        for (const packet of PACKETS) {
          const verdicts = plainVerdicts(filter, packet);
          const isPod = packet.source === POD_ADDRESS;
          const seen = judge({
            from: isPod ? 'pod' : packet.source,
            protocol: NUMBERS[packet.protocol],
            port: packet.port,
          });
          const isSure = verdicts.size === 1 && verdicts.has('ACCEPT');
          if (seen) expect({ ...packet, isSure }).toEqual({ ...packet, isSure: true });
          // Some pods of a range cannot be named, and a policy that lets in everything is not taken over.
          const isExact = !isPod && !hasUnknown(filter) && filter.policy === 'DROP';
          if (isExact) expect({ ...packet, seen }).toEqual({ ...packet, seen: isSure });
        }
      }),
      FEWER,
    );
  });
});
