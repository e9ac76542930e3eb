import { expect, test } from '@jest/globals';
import { FAULT_CLASSES } from './faults/all.ts';
import { schedule } from './schedule.ts';
import { seeded } from '../harness/random.ts';
import { INITIAL } from './state.ts';

const drawn = (seed: number) =>
  schedule(100, seed).map((turn) => {
    const { parameters } = turn.fault.plan(seeded(turn.seed), INITIAL, 'full');
    return `${turn.fault.name} ${parameters}`;
  });

test('a seed repeats a campaign, and another seed gives a different one', () => {
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(8)).not.toEqual(drawn(7));
});

test('every class gets at least five of a hundred faults', () => {
  const turns = schedule(100, 7);
  expect(turns).toHaveLength(100);
  for (const fault of FAULT_CLASSES)
    expect(turns.filter((turn) => turn.fault === fault).length).toBeGreaterThanOrEqual(5);
});

test('every class gets one of twelve faults', () => {
  const names = schedule(FAULT_CLASSES.length, 7).map(({ fault }) => fault.name);
  expect(new Set(names).size).toBe(FAULT_CLASSES.length);
});
