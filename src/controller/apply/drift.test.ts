import { expect, test } from '@jest/globals';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { Drift } from './drift.ts';

const current = new Map([['a', 'hash']]);
const desired = new Set(['a']);

test('a difference is drift only after the object was as desired', () => {
  const drift = new Drift(new ManualClock());
  expect(drift.isDrift('a', 'hash')).toBe(false);
  drift.remember(current, desired);
  expect(drift.isDrift('a', 'hash')).toBe(true);
  expect(drift.isDrift('a', 'another desired hash')).toBe(false);
  drift.remember(new Map(), new Set());
  expect(drift.isDrift('a', 'hash')).toBe(false);
});

test('an object fought over is repaired ever more slowly, and at once again after a quiet time', async () => {
  const clock = new ManualClock();
  const drift = new Drift(clock);
  drift.remember(current, desired);
  const waits: number[] = [];
  for (let repair = 0; repair < 12; repair += 1) {
    waits.push(drift.waitMs('a'));
    await clock.advance(drift.waitMs('a'));
    expect(drift.waitMs('a')).toBe(0);
    expect(drift.repaired('a', String(repair))).toBe(true);
    expect(drift.isDrift('a', 'hash')).toBe(true);
    drift.remember(current, desired);
  }
  expect(waits).toEqual([0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
  expect(drift.isContested('a')).toBe(true);
  expect(drift.calmMs()).toBe(300_001);
  await clock.advance(300_001);
  expect(drift.calmMs()).toBeUndefined();
  expect(drift.isContested('a')).toBe(false);
  expect(drift.waitMs('a')).toBe(0);
});

test('fights are told by the time between repairs, whatever the clock says', async () => {
  const QUIET_MS = 300_000;
  const contestedAfter = async (pauseMs: number, quietMs = 0): Promise<boolean> => {
    const clock = new ManualClock();
    const drift = new Drift(clock);
    await clock.advance(1e9);
    drift.remember(current, desired);
    for (let repair = 0; repair < 5; repair += 1) {
      await clock.advance(pauseMs);
      drift.repaired('a', String(repair));
    }
    await clock.advance(quietMs);
    return drift.isContested('a');
  };
  expect(await contestedAfter(1)).toBe(true);
  expect(await contestedAfter(QUIET_MS)).toBe(true);
  expect(await contestedAfter(QUIET_MS + 1)).toBe(false);
  expect(await contestedAfter(1, QUIET_MS)).toBe(true);
  expect(await contestedAfter(1, QUIET_MS + 1)).toBe(false);
});

test('the manager of the last change is named while the fight lasts', async () => {
  const clock = new ManualClock();
  const drift = new Drift(clock);
  drift.remember(current, desired);
  for (let repair = 0; repair < 5; repair += 1) {
    expect(drift.contestant('a')).toBeUndefined();
    drift.repaired('a', String(repair), 'kubectl-edit');
    drift.remember(current, desired);
  }
  expect(drift.contestant('a')).toBe('kubectl-edit');
  drift.repaired('a', undefined);
  expect(drift.contestant('a')).toBeUndefined();
  drift.repaired('a', '9', 'argocd');
  await clock.advance(300_001);
  expect(drift.contestant('a')).toBeUndefined();
});

test('what is written again because the watch is late is not fought over', () => {
  const drift = new Drift(new ManualClock());
  drift.remember(current, desired);
  expect(drift.repaired('a', '7')).toBe(true);
  for (let round = 0; round < 10; round += 1) {
    expect(drift.repaired('a', '7')).toBe(false);
    drift.remember(current, desired);
  }
  expect(drift.isContested('a')).toBe(false);
  // Deleted again and again: there is no version to tell one time from the other.
  for (let round = 0; round < 4; round += 1) expect(drift.repaired('a', undefined)).toBe(true);
  expect(drift.isContested('a')).toBe(true);
});
