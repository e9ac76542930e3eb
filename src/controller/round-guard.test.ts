import { expect, test } from '@jest/globals';
import { ManualClock } from '../cluster/testing/manual-clock.ts';
import { MAX_FAILURES, RoundGuard, RoundTookTooLong } from './round-guard.ts';

test('a round within its limit is not disturbed, and its answer is passed on', async () => {
  const clock = new ManualClock();
  const guard = new RoundGuard(clock);
  let inside: AbortSignal | undefined;
  const answer = await guard.limit(1000, (signal) => {
    inside = guard.signal;
    expect(signal).toBe(inside);
    return Promise.resolve(7);
  });
  await clock.advance(5000);
  expect([answer, inside?.aborted, guard.signal, clock.pending]).toEqual([7, false, undefined, 0]);
});

test('a round beyond its limit is told to end, with the reason', async () => {
  const clock = new ManualClock();
  const guard = new RoundGuard(clock);
  const ended = guard.limit(1000, (signal) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
    return promise;
  });
  const failed = expect(ended).rejects.toThrow(RoundTookTooLong);
  await clock.advance(1000);
  await failed;
  expect([guard.signal, guard.stuck()]).toEqual([undefined, undefined]);
});

test('a round that does not end then makes the process unhealthy a minute later, until it ends', async () => {
  const clock = new ManualClock();
  const guard = new RoundGuard(clock);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const failed = expect(guard.limit(1000, () => promise)).rejects.toThrow(RoundTookTooLong);
  await clock.advance(60_999);
  expect(guard.stuck()).toBeUndefined();
  await clock.advance(1);
  expect(guard.stuck()).toContain('does not end');
  resolve(undefined);
  await failed;
  expect(guard.stuck()).toBeUndefined();
});

test('rounds fail when several in a row do, and the last reason is given', () => {
  const guard = new RoundGuard(new ManualClock());
  for (let failures = 1; failures < MAX_FAILURES; failures += 1) {
    expect(guard.failed(new Error('first'))).toBe(failures);
    expect(guard.failing()).toBeUndefined();
  }
  guard.failed(new Error('last'));
  expect(guard.failing()).toBe('the last 3 rounds failed: last');
  guard.succeeded();
  expect(guard.failing()).toBeUndefined();
  expect(guard.failed('again')).toBe(1);
});
