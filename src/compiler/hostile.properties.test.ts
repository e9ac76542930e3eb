/**
 * Whatever stands in a document of 4 kB becomes issues, problems or objects that Calico takes, and never too
 * many.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { validateDocument } from '../api/validate.ts';
import { BOUNDS } from './bounds.ts';
import { compile } from './compile.ts';
import { hostileDocument } from './testing/hostile.ts';
import { scene } from './testing/surroundings.ts';
import { flawsOf } from './testing/wellformed.ts';

/** `make fuzz` tries 100,000 with its own number of runs, which is 2,000. */
const RUNS = 50 * Number(process.env['FUZZ_RUNS'] ?? 1);

test('a document of up to 4 kB', () => {
  const seen = { refused: 0, compiled: 0 };
  fc.assert(
    fc.property(hostileDocument, scene, (document, { inventory }) => {
      const validated = validateDocument(document);
      if (!validated.ok) {
        seen.refused += 1;
        expect(validated.issues.length).toBeGreaterThan(0);
        for (const { message } of validated.issues) expect(message).toMatch(/\S/);
        return;
      }
      const { objects } = compile([validated.firewall], inventory);
      seen.compiled += 1;
      expect(flawsOf(objects.slice(0, 50).map(({ object }) => object))).toEqual([]);
      expect(objects.length).toBeLessThanOrEqual(BOUNDS.firewall.objects);
      const sizes = objects.map(({ object }) => JSON.stringify(object).length);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(BOUNDS.firewall.bytes);
      expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(1.2 * BOUNDS.policy.bytes);
    }),
    { numRuns: RUNS },
  );
  // The generator is worth something only if it meets both.
  expect(Math.min(seen.refused, seen.compiled)).toBeGreaterThan(RUNS / 10);
});
