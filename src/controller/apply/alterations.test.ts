import { expect, test } from '@jest/globals';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { Alterations } from './alterations.ts';

const fields = ['spec.selector'];

test('an altered object is tried again ever more slowly, at least once a minute', async () => {
  const clock = new ManualClock();
  const alterations = new Alterations(clock);
  const waits: (number | undefined)[] = [];
  for (let tries = 0; tries < 8; tries += 1) {
    alterations.note('a', 'h', fields);
    const waitMs = alterations.waitMs('a', 'h');
    waits.push(waitMs);
    await clock.advance(waitMs ?? 0);
    expect(alterations.waitMs('a', 'h')).toBe(0);
    await clock.advance(500);
    expect(alterations.waitMs('a', 'h')).toBe(0);
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

test('it is that of one content of one object', () => {
  const alterations = new Alterations(new ManualClock());
  alterations.note('a', 'h', fields);
  expect(alterations.fields('a', 'h')).toEqual(fields);
  for (const [id, hash] of [
    ['a', 'other'],
    ['b', 'h'],
  ] as const) {
    expect(alterations.fields(id, hash)).toBeUndefined();
    expect(alterations.waitMs(id, hash)).toBeUndefined();
  }
});

test('another content, or a write that is stored as sent, begins anew', () => {
  const alterations = new Alterations(new ManualClock());
  const note = (hash: string, altered: readonly string[]): void => {
    alterations.note('a', hash, altered);
  };
  note('h', fields);
  note('h', fields);
  note('other', fields);
  expect(alterations.waitMs('a', 'other')).toBe(1000);
  note('other', []);
  expect(alterations.fields('a', 'other')).toBeUndefined();
  note('other', fields);
  expect(alterations.waitMs('a', 'other')).toBe(1000);
});

test('objects that are not wanted any more are forgotten', () => {
  const alterations = new Alterations(new ManualClock());
  alterations.note('a', 'h', fields);
  alterations.note('b', 'h', fields);
  alterations.retain(new Set(['b']));
  expect([alterations.fields('a', 'h'), alterations.fields('b', 'h')]).toEqual([undefined, fields]);
});
