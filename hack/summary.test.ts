import { describe, expect, test } from '@jest/globals';
import { countTests, summary } from './summary.ts';

const none = {
  numPassedTests: 0,
  numFailedTests: 0,
  numRuntimeErrorTestSuites: 0,
  numPendingTests: 0,
  numTodoTests: 0,
};

describe('counting a run of tests', () => {
  test('takes what passed and what failed', () => {
    expect(countTests({ ...none, numPassedTests: 3, numFailedTests: 2 }, 1, false)).toEqual({
      passed: 3,
      failed: 2,
    });
  });

  test('counts a file that does not load as a failure', () => {
    expect(countTests({ ...none, numPassedTests: 3, numRuntimeErrorTestSuites: 1 }, 1, false).failed).toBe(1);
  });

  test('counts a skipped test as a failure, unless a filter left it out', () => {
    const skipped = { ...none, numPassedTests: 3, numPendingTests: 1 };
    expect(countTests(skipped, 0, false).failed).toBe(1);
    expect(countTests(skipped, 0, true).failed).toBe(0);
  });

  test('counts a run without any test as a failure', () => {
    expect(countTests(none, 0, false)).toEqual({ passed: 0, failed: 1, remark: 'no test ran' });
  });

  test('counts an exit code that no test explains as a failure', () => {
    expect(countTests({ ...none, numPassedTests: 3 }, 1, false).failed).toBe(1);
  });
});

test('the summary ends with the sum, alone on its line', () => {
  const results = [
    { name: 'lint', seconds: 3.21, passed: 0, failed: 1 },
    { name: 'unit', seconds: 5, passed: 312, failed: 0 },
    { name: 'packets', seconds: 195, passed: 40, failed: 2 },
  ];
  const text = summary(results, 203);
  expect(text.split('\n')).toEqual([
    'lint          3.2 s  FAILED, 1 failed',
    'unit          5.0 s  ok, 312 passed',
    'packets  3 min 15 s  FAILED, 40 passed, 2 failed',
    'total    3 min 23 s',
    '',
    '352 passed, 3 failed',
  ]);
});
