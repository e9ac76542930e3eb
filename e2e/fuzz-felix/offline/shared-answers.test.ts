import { expect, test } from '@jest/globals';
import { Connectivity } from '../../../src/simulator/connectivity.ts';
import { Pairs } from '../../../src/simulator/pairs.ts';
import { partiesOf } from '../../../src/simulator/parties.ts';
import { Prepared } from '../../../src/simulator/prepared.ts';
import { readWorld } from '../../../src/simulator/snapshot.ts';
import { seeded } from '../../harness/random.ts';
import { generate } from '../generate.ts';
import { offline } from '../offline.ts';

const CLUSTERS = Number(process.env['FUZZ_RUNS'] ?? '12');

test('pairs that share an answer have the same as when each of their packets is followed by itself', () => {
  let [pairs, shared] = [0, 0];
  for (let seed = 1; seed <= CLUSTERS; seed++) {
    const random = seeded(seed * 9973);
    const stored = readWorld(offline(generate(random)).stored);
    // Without host endpoints, verdicts between pods take a shorter way.
    const world = seed % 2 === 0 ? { ...stored, hostEndpoints: [] } : stored;
    const prepared = new Prepared(world);
    const { all, cells } = partiesOf([prepared]);
    const connectivity = new Connectivity(prepared, cells);
    const found = new Set<unknown>();
    const placed = new Pairs(prepared);
    for (const [from, to] of all.flatMap((a) => all.map((b) => [a, b] as const))) {
      for (const pair of placed.of(from, to)) {
        for (const family of [4, 6] as const) {
          const verdicts = connectivity.verdicts(pair.from, pair.to, family);
          if (verdicts === undefined) continue;
          const expected = cells[family].map(({ header }) => connectivity.follow(pair, header)?.verdict);
          const ways = connectivity.ways(pair.from, pair.to, family);
          const where = JSON.stringify({ seed, family, pair });
          expect([where, verdicts]).toEqual([where, expected]);
          expect([where, ways?.map((way) => way.at(-1)?.decision.verdict)]).toEqual([where, expected]);
          if (found.has(verdicts)) shared++;
          found.add(verdicts);
          pairs++;
        }
      }
    }
  }
  expect(pairs).toBeGreaterThan(CLUSTERS * 300);
  expect(shared).toBeGreaterThan(pairs / 2);
});
