import { expect, test } from '@jest/globals';
import { Backoff, backoffDelay } from './backoff.ts';
import { ManualClock } from './testing/manual-clock.ts';

const policy = { initialMs: 100, maxMs: 1000, factor: 2, jitter: 0.5 };

test('delays double up to the maximum', () => {
  const delays = [0, 1, 2, 3, 4, 2000].map((attempt) => backoffDelay(policy, attempt, () => 0));
  expect(delays).toEqual([100, 200, 400, 800, 1000, 1000]);
});

test('jitter adds at most its share', () => {
  expect(backoffDelay(policy, 1, () => 0.5)).toBe(250);
  expect(backoffDelay(policy, 9, () => 0.999_999)).toBeLessThan(1500);
});

test('a quiet time after the last delay starts it over', async () => {
  const clock = new ManualClock();
  const backoff = new Backoff({ ...policy, resetAfterMs: 5000 }, clock, () => 0);
  expect([backoff.next(), backoff.next()]).toEqual([100, 200]);
  await clock.advance(5200);
  expect(backoff.next()).toBe(400);
  await clock.advance(5401);
  expect(backoff.next()).toBe(100);
});
