import { describe, expect, test } from '@jest/globals';
import { changeOf, isSame, lineOf, report, staleIn } from './report.ts';
import type { Change, Result, Verdict } from './report.ts';

const SOURCE = `function f(a: number): void {
  if (a > 1) {
    g(a);
  }
}
`;

const change = (before: string, after: string, file = 'src/a.ts'): Change => ({ file, before, after });

describe('a mutant is shown', () => {
  test('as the whole line that it changes', () => {
    const start = SOURCE.indexOf('>');
    expect(changeOf('src/a.ts', SOURCE, { start, end: start + 1, text: '>=' })).toEqual(
      change('if (a > 1) {', 'if (a >= 1) {'),
    );
    expect(lineOf(SOURCE, start)).toBe(2);
  });

  test('as one line where it changes several', () => {
    const start = SOURCE.indexOf('if');
    const mutant = { start, end: SOURCE.lastIndexOf('  }') + 3, text: ';' };
    expect(changeOf('src/a.ts', SOURCE, mutant)).toEqual(change('if (a > 1) { g(a); }', ';'));
  });

  test('without the middle of a long text', () => {
    const { before } = changeOf('src/a.ts', `${'a'.repeat(150)}${'b'.repeat(150)}`, {
      start: 0,
      end: 0,
      text: '',
    });
    expect(before).toBe(`${'a'.repeat(100)} … ${'b'.repeat(100)}`);
  });
});

test('an equivalent is known by file and text, and is stale where its file has no such mutant', () => {
  const listed = { ...change('a < b', 'a <= b'), reason: 'they differ' };
  expect(isSame(listed, change('a < b', 'a <= b'))).toBe(true);
  expect(isSame(listed, change('a < b', 'a <= b', 'src/b.ts'))).toBe(false);
  expect(staleIn([listed], [change('a < b', 'a <= b')], ['src/a.ts'])).toEqual([]);
  expect(staleIn([listed], [change('a < b', 'a >= b')], ['src/a.ts'])).toEqual([listed]);
  expect(staleIn([listed], [], ['src/b.ts'])).toEqual([]);
});

test('the report has a line a file, what was not killed, and the sums alone on its last line', () => {
  const result = (file: string, verdict: Verdict, line: number): Result => ({
    change: change('a && b', 'a', file),
    line,
    verdict,
  });
  const results = [
    result('src/a.ts', 'killed', 1),
    result('src/a.ts', 'timed out', 2),
    result('src/a.ts', 'survived', 3),
    ...[4, 7, 8, 8, 9].map((line) => result('src/ab.ts', 'not covered', line)),
    result('src/ab.ts', 'equivalent', 10),
  ];
  const stale = { ...change('x', 'y'), reason: 'none' };
  expect(report(results, [stale]).split('\n')).toEqual([
    'file       mutants  killed  timed out  survived  not covered  equivalent  error',
    'src/a.ts         3       1          1         1            0           0      0',
    'src/ab.ts        6       0          0         0            5           1      0',
    'total            9       1          1         1            5           1      0',
    '',
    'src/a.ts:2 timed out',
    '  - a && b',
    '  + a',
    '',
    'src/a.ts:3 survived',
    '  - a && b',
    '  + a',
    '',
    'src/ab.ts: no test covers the mutants of these lines: 4, 7-9',
    '',
    'src/a.ts: no mutant is like this entry of equivalent.json any more',
    '  - x',
    '  + y',
    '',
    '1 killed, 1 timed out, 6 survived, 1 equivalent',
  ]);
});
