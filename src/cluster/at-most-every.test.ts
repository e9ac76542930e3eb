import { expect, test } from '@jest/globals';
import { AtMostEvery } from './at-most-every.ts';
import { ManualClock } from './testing/manual-clock.ts';

test('the first call is passed on at once, and later ones once in each interval', async () => {
  const clock = new ManualClock();
  const times: number[] = [];
  const often = new AtMostEvery(clock, 1000, () => times.push(clock.now()));
  for (let ms = 0; ms < 2500; ms += 100) {
    often.call();
    await clock.advance(100);
  }
  await clock.advance(10_000);
  expect(times).toEqual([0, 1000, 2000, 3000]);
  often.call();
  expect(times.at(-1)).toBe(12_500);
});

test('a call that waits is forgotten at the end, and leaves no timer', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const often = new AtMostEvery(clock, 1000, () => (calls += 1));
  often.call();
  often.call();
  often.stop();
  expect(clock.pending).toBe(0);
  await clock.advance(5000);
  expect(calls).toBe(1);
});
