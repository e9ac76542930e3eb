import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chunk } from './limits.ts';

describe('chunk', () => {
  test.each([
    [[], []],
    [[1], [[1]]],
    [[1, 2], [[1, 2]]],
    [
      [1, 2, 3, 4, 5],
      [[1, 2], [3, 4], [5]],
    ],
  ])('%j by two is %j', (items, chunks) => {
    expect(chunk(items, 2)).toEqual(chunks);
  });

  test('by one is every item alone', () => {
    expect(chunk([1, 2], 1)).toEqual([[1], [2]]);
  });

  test('loses nothing, keeps the order, and fills every run but the last', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 10 }), (items, size) => {
        const chunks = chunk(items, size);
        expect(chunks.flat()).toEqual(items);
        expect(chunks.slice(0, -1).every((run) => run.length === size)).toBe(true);
        expect(chunks.every((run) => run.length > 0 && run.length <= size)).toBe(true);
      }),
    );
  });

  test.each([0, -1, 1.5, Number.NaN])('a size of %s is refused', (size) => {
    expect(() => chunk([1], size)).toThrow(RangeError);
  });
});
