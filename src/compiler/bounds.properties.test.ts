/** The compiler with bounds so small that random firewalls meet them. */
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { compile } from './compile.ts';
import type { ClusterFirewall } from '../api/schema.ts';
import { firewalls } from './testing/generators.ts';
import { withNodes } from './testing/node-generators.ts';
import { readingOf } from './testing/reading.ts';
import { FEWER } from './testing/runs.ts';
import { flowsOf, scene } from './testing/surroundings.ts';
import { random, shuffled } from './testing/variations.ts';
import { flawsOf } from './testing/wellformed.ts';
import type { Compile } from './types.ts';

const { compile: compileBounded } = await (async (): Promise<{ compile: Compile }> => {
  jest.resetModules();
  jest.unstable_mockModule('./bounds.ts', () => ({
    BOUNDS: {
      rule: { nets: 8, rules: 12, bytes: 6000 },
      policy: { bytes: 3000 },
      firewall: { nets: 12, objects: 24, bytes: 24_000 },
    },
  }));
  return import('./compile.ts');
})();

const lists: fc.Arbitrary<readonly ClusterFirewall[]> = fc.oneof(firewalls, firewalls.chain(withNodes));

describe('a rule over a bound', () => {
  test('is in no object except a stand-in, and its stored objects are frozen', () => {
    let met = 0;
    fc.assert(
      fc.property(lists, scene, (list, { inventory }) => {
        const { objects, problems, frozen } = compileBounded(list, inventory);
        for (const { rule, message } of problems.filter(({ reason }) => reason === 'TooLarge')) {
          met += 1;
          expect(message).toMatch(/\d/);
          expect(frozen).toContainEqual({ rule });
          // Denies at pods have one id for all of them, and each that fits is better than none.
          if (rule.endsWith('/nodes/pods')) continue;
          const carrying = objects.filter(({ rules, standIn }) => rules.includes(rule) && standIn !== true);
          expect(carrying.map(({ object }) => object.metadata.name)).toEqual([]);
        }
        expect(flawsOf(objects.map(({ object }) => object))).toEqual([]);
      }),
      // Fewer might meet no bound at all.
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 40) },
    );
    expect(met).toBeGreaterThan(0);
  });

  test('and the others are the same bytes, whatever the order of lists', () => {
    fc.assert(
      fc.property(lists, scene, random, (list, { inventory }, chance) => {
        const other = compileBounded(shuffled(list, chance), shuffled(inventory, chance));
        expect(JSON.stringify(other.objects)).toBe(JSON.stringify(compileBounded(list, inventory).objects));
      }),
      FEWER,
    );
  });

  test('allows nothing that was not allowed', () => {
    fc.assert(
      fc.property(firewalls, scene, (list, { cluster, inventory }) => {
        const bounded = compileBounded(list, inventory);
        // A deny that is left out, and has never been written, leaves its traffic open.
        fc.pre(
          !bounded.problems.some(
            ({ rule, reason }) => reason === 'TooLarge' && /^default\/(defaults|guardrails)\//.test(rule),
          ),
        );
        const whole = readingOf(
          compile(list, inventory).objects.map(({ object }) => object),
          cluster,
        );
        const less = readingOf(
          bounded.objects.map(({ object }) => object),
          cluster,
        );
        for (const flow of flowsOf(cluster)) if (less(flow).allowed) expect(whole(flow).allowed).toBe(true);
      }),
      FEWER,
    );
  });
});
