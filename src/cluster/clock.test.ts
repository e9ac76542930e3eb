import { describe, expect, test } from '@jest/globals';
import { sleep, systemClock } from './clock.ts';
import { ManualClock, settle } from './testing/manual-clock.ts';

describe('sleep', () => {
  test('ends when its time has come', async () => {
    const clock = new ManualClock();
    let awake = false;
    void sleep(clock, 100).then(() => (awake = true));
    await clock.advance(99);
    expect(awake).toBe(false);
    await clock.advance(1);
    await settle();
    expect(awake).toBe(true);
  });

  test('rejects with the reason of an abort, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const sleeping = sleep(clock, 100, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });

  test('does not begin under an aborted signal', async () => {
    const clock = new ManualClock();
    await expect(sleep(clock, 100, AbortSignal.abort('text'))).rejects.toThrow('aborted');
    expect(clock.pending).toBe(0);
  });
});

test('the system clock never goes back, and its timers can be cancelled', async () => {
  const before = systemClock.now();
  const cancel = systemClock.setTimeout(() => {
    throw new Error('was cancelled');
  }, 0);
  cancel();
  await sleep(systemClock, 1);
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
});
