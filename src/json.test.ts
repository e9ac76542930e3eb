import { expect, test } from '@jest/globals';
import { isRecord, valueAt } from './json.ts';

test('an object with fields is a record; a list, null and a text are not', () => {
  expect([{}, { a: 1 }].every(isRecord)).toBe(true);
  expect([[], null, undefined, 'a'].some(isRecord)).toBe(false);
});

test.each([
  [['a', 'b', 1, 'c'], 3],
  [['a', 'b', 7], undefined],
  [['a', 'b', 'length'], undefined],
  [['a', 0], undefined],
  [['x', 'y'], undefined],
])('the value at %j', (path, value) => {
  expect(valueAt({ a: { b: [0, { c: 3 }] } }, ...path)).toBe(value);
});
