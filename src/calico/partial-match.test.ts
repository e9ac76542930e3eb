import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ANY_VALUE, mayMatch } from './partial-match.ts';
import { parseSelector } from './selector-parser.ts';
import { matchesSelector, type Selector } from './selector.ts';

describe('with the label ns = shop known, gone absent, and every other label unknown', () => {
  const may = (text: string): boolean =>
    mayMatch(parseSelector(text), (key) => (key === 'ns' ? 'shop' : key === 'gone' ? undefined : ANY_VALUE));

  test.each([
    ['all()', true],
    ["ns == 'shop'", true],
    ["ns == 'bank'", false],
    ["ns != 'shop'", false],
    ['has(gone)', false],
    ['!has(gone)', true],
    ["app == 'x'", true],
    ["!(app == 'x')", true],
    ["ns == 'bank' && app == 'x'", false],
    ["ns == 'bank' || app == 'x'", true],
    ["!(ns == 'shop' || app == 'x')", false],
    ["ns in {'shop', 'bank'} && app not in {'x'}", true],
  ])('%s may match: %s', (text, expected) => {
    expect(may(text)).toBe(expected);
  });
});

test('it never says no to labels that match', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const value = fc.constantFrom('x', 'y');
  const { selector } = fc.letrec<{ selector: Selector }>((tie) => ({
    selector: fc.oneof(
      { depthSize: 'small' },
      fc.record({ kind: fc.constant('has' as const), key }),
      fc.record({ kind: fc.constantFrom('eq' as const, 'ne' as const), key, value }),
      fc.record({ kind: fc.constantFrom('in' as const, 'notIn' as const), key, values: fc.array(value) }),
      fc.record({ kind: fc.constant('not' as const), of: tie('selector') }),
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        of: fc.array(tie('selector'), { minLength: 1, maxLength: 3 }),
      }),
    ),
  }));
  const labels = fc.dictionary(key, value);
  fc.assert(
    fc.property(selector, labels, fc.subarray(['a', 'b', 'c']), (of, all, known) => {
      const labelOf = (name: string) => (known.includes(name) ? all[name] : ANY_VALUE);
      fc.pre(matchesSelector(of, all));
      expect(mayMatch(of, labelOf)).toBe(true);
    }),
  );
});
