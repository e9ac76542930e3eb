import { expect, test } from '@jest/globals';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { removeStep } from '../plan/step.ts';
import { deny, heldObject, live } from '../testing/objects.ts';
import { Patience, PATIENCE_MS } from './patience.ts';

const NEVER = -Infinity;
const closing = deny({ name: 'deny' });
const held = heldObject(closing);
const step = removeStep(held);

test('an object that others keep is waited for, for a bounded time', async () => {
  const clock = new ManualClock();
  const patience = new Patience(clock);
  await clock.advance(1e6);
  patience.notice([live(closing)], NEVER);
  await clock.advance(1e6);
  patience.notice([held], NEVER);
  expect([patience.isOver(step), patience.waitMs(step)]).toEqual([false, PATIENCE_MS]);
  await clock.advance(PATIENCE_MS - 1);
  patience.notice([held], NEVER);
  expect([patience.isOver(step), patience.waitMs(step)]).toEqual([false, 1]);
  await clock.advance(1);
  expect([patience.isOver(step), patience.waitMs(step)]).toEqual([true, 0]);
  await clock.advance(1);
  expect([patience.isOver(step), patience.waitMs(step)]).toEqual([true, 0]);
});

test('an object that has not been noticed is waited for', async () => {
  const clock = new ManualClock();
  await clock.advance(1e6);
  expect(new Patience(clock).isOver(step)).toBe(false);
});

test('an outage sets the time back, and so does an object that was gone for a while', async () => {
  const clock = new ManualClock();
  const patience = new Patience(clock);
  patience.notice([held], NEVER);
  await clock.advance(PATIENCE_MS);
  patience.notice([held], clock.now());
  expect(patience.waitMs(step)).toBe(PATIENCE_MS);
  await clock.advance(PATIENCE_MS);
  expect(patience.isOver(step)).toBe(true);
  patience.notice([], NEVER);
  patience.notice([held], NEVER);
  expect(patience.waitMs(step)).toBe(PATIENCE_MS);
});
