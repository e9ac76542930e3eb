import { expect, test } from '@jest/globals';
import { MUTANTS, mutated } from '../mutants.ts';

test.each(MUTANTS)('there is a place in the source for the mutant: $what', async (mutant) => {
  expect(await mutated(mutant)).toContain(mutant.to);
});

test('there are at least twenty, each with its own name', () => {
  expect(new Set(MUTANTS.map(({ what }) => what)).size).toBeGreaterThanOrEqual(20);
});
