import { expect, test } from '@jest/globals';
import { coveredPositions } from './coverage.ts';

const script = (
  ...ranges: readonly (readonly [startOffset: number, endOffset: number, count: number])[]
) => ({
  scriptId: '1',
  url: 'file:///a.ts',
  functions: [
    {
      functionName: 'f',
      isBlockCoverage: true,
      ranges: ranges.map(([startOffset, endOffset, count]) => ({ startOffset, endOffset, count })),
    },
  ],
});

test('the innermost range says whether a position ran', () => {
  const withBranches = script([0, 100, 1], [20, 60, 0], [30, 40, 2]);
  expect(coveredPositions([withBranches], [0, 20, 30, 39, 40, 60, 99])).toEqual([0, 2, 3, 5, 6]);
});

test('a position ran when it did in any copy of the script', () => {
  expect(coveredPositions([script([0, 100, 0]), script([0, 100, 1], [50, 100, 0])], [10, 60])).toEqual([0]);
});

test('nothing ran of a script that was not loaded', () => {
  expect(coveredPositions([], [10])).toEqual([]);
});
