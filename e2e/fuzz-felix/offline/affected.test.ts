import { expect, test } from '@jest/globals';
import { affectedParties } from '../../../src/questions/affected.ts';
import { Connectivity } from '../../../src/simulator/connectivity.ts';
import { Pairs } from '../../../src/simulator/pairs.ts';
import { partiesOf } from '../../../src/simulator/parties.ts';
import { Prepared } from '../../../src/simulator/prepared.ts';
import { readWorld } from '../../../src/simulator/snapshot.ts';
import { seeded } from '../../harness/random.ts';
import { generate } from '../generate.ts';
import { offline } from '../offline.ts';

const CLUSTERS = Number(process.env['FUZZ_RUNS'] ?? '12');

test('a change of policies leaves the flows between parties that it does not affect as they were', () => {
  let [left, changed] = [0, 0];
  for (let seed = 1; seed <= CLUSTERS; seed++) {
    const random = seeded(seed * 7717);
    const world = readWorld(offline(generate(random)).stored);
    const gone = random.pick(world.policies.filter(({ staged }) => staged === undefined));
    const policies = world.policies.filter((policy) => policy !== gone);
    const [old, now] = [new Prepared(world), new Prepared({ ...world, policies })];
    const isAffected = affectedParties(old, now);
    const { all, cells } = partiesOf([old, now]);
    const [before, after] = [new Connectivity(old, cells), new Connectivity(now, cells)];
    for (const from of all) {
      for (const to of all) {
        for (const pair of new Pairs(old).of(from, to)) {
          const [a, b] = [before, after]
            .map((each) => each.verdicts(pair.from, pair.to, 4))
            .map((each) => (each ?? []).join());
          const mayDiffer = isAffected === undefined || isAffected(from) || isAffected(to);
          if (!mayDiffer) expect([seed, from, to, b]).toEqual([seed, from, to, a]);
          if (!mayDiffer) left++;
          if (a !== b) changed++;
        }
      }
    }
  }
  expect({ left: left > 0, changed: changed > 0 }).toEqual({ left: true, changed: true });
});
