/** An import lets in what the chains let in, and never more, by the simulator's verdict on the compiled result. */
import { describe, test } from '@jest/globals';
import fc from 'fast-check';
import { FEWER } from '../../compiler/testing/runs.ts';
import { filtersOf, type PlainFilter, plainVerdicts, textOf } from './testing/chains.ts';
import { expectEqual, KNOWN, specOf } from './testing/compare.ts';

const hasUnknown = ({ chains }: PlainFilter): boolean =>
  Object.values(chains).some((rules) => rules.some(({ unknown }) => unknown === true));

describe('chains', () => {
  test.each([
    ['iptables', 4],
    ['ip6tables', 6],
  ] as const)('of %s never become wider, and stay as wide where all criteria are understood', (_, family) => {
    fc.assert(
      fc.property(filtersOf(family), (filter) => {
        expectEqual({
          spec: specOf('iptables', textOf(filter, family), { ...KNOWN, ipv4Only: family === 4 }),
          families: [family],
          verdictsOf: (packet) => plainVerdicts(filter, packet),
          // A policy that lets in everything is not taken over.
          isExact: !hasUnknown(filter) && filter.policy === 'DROP',
        });
      }),
      FEWER,
    );
  });
});
