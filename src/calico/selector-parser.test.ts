import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseSelector } from './selector-parser.ts';
import type { Selector } from './selector.ts';
import { all, and, eq, global, has, isIn, not, notIn, or, printSelector, SelectorError } from './selector.ts';

const long = 'k'.repeat(512);

describe("texts that Calico's own parser reads (v3.31)", () => {
  test.each<[string, string]>([
    ['', 'all()'],
    [' \t ', 'all()'],
    ['all()', 'all()'],
    ['all( \t)', 'all()'],
    ['global( )', 'global()'],
    ['has( a\t)', 'has(a)'],
    ["a=='x'", "a == 'x'"],
    ['a == "x"', "a == 'x'"],
    [`a == 'say "x"'`, `a == 'say "x"'`],
    ["a == 'é\n'", "a == 'é\n'"],
    ["a!='x'", "a != 'x'"],
    ["!a == 'x'", "a != 'x'"],
    ["! ! a == 'x'", "a == 'x'"],
    ["!a!='x'", "a == 'x'"],
    ['!all()', '!all()'],
    ["a in{'y','x','y'}", "a in {'x', 'y'}"],
    ["a in {'x',}", "a == 'x'"],
    ['a in {}', 'a in {}'],
    ["a notin {'x', 'y'}", "a not in {'x', 'y'}"],
    ["a not\t in {'x', 'y'}", "a not in {'x', 'y'}"],
    ['a not in {}', 'all()'],
    ["a contains'x'", "a contains 'x'"],
    ["a startswith 'x'", "a starts with 'x'"],
    ["a starts  with'x'", "a starts with 'x'"],
    ["a ends with 'x'", "a ends with 'x'"],
    ["in in {'x'}", "in == 'x'"],
    ["has == 'x'", "has == 'x'"],
    ["all == 'x'", "all == 'x'"],
    ["a.b/c-d_e == 'x'", "a.b/c-d_e == 'x'"],
    ["- == 'x'", "- == 'x'"],
    [`has(${long})`, `has(${long})`],
    ["(((a == 'x')))", "a == 'x'"],
    ["a == 'x' || b == 'x' && c == 'x'", "a == 'x' || b == 'x' && c == 'x'"],
    ["(a == 'x' || b == 'x') && c == 'x'", "(a == 'x' || b == 'x') && c == 'x'"],
    ['has(b)&&(has(a)&&has(c))', 'has(a) && has(b) && has(c)'],
    ['!(has(a) || has(b)) && has(c)', '!(has(a) || has(b)) && has(c)'],
  ])('%j', (text, canonical) => {
    expect(printSelector(parseSelector(text))).toBe(canonical);
  });

  test.each([
    ["a = 'x'", 'expected ==, !=, in, not in, contains, starts with or ends with at character 3'],
    ['a', 'expected =='],
    ['all', 'expected =='],
    ['has (a)', 'expected =='],
    ['has()', 'expected =='],
    ['all(x)', 'expected =='],
    ["a inn {'x'}", 'expected =='],
    ['a == b', 'expected a text in quotes at character 6'],
    ["a == 'x", 'expected a text in quotes'],
    ["a == 'it\\'s'", 'expected &&, || or the end'],
    ["a in 'x'", 'expected {'],
    ["a in {'x' 'y'}", 'expected , or }'],
    ['a in {,}', 'expected a text in quotes'],
    ["a in {'x'", 'expected , or }'],
    ["a == 'x' &&", 'expected a label'],
    ["a == 'x' & b == 'x'", 'expected &&, || or the end'],
    ["a == 'x' b == 'x'", 'expected &&, || or the end'],
    ["(a == 'x'", 'expected )'],
    ["a == 'x')", 'expected &&, || or the end at character 9'],
    ['()', 'expected a label'],
    ["! = 'x'", 'expected a label'],
    ["!= 'x'", 'expected a label'],
    ["a == 'x'\n", 'expected &&, || or the end'],
    ["é == 'x'", 'expected a label'],
    [`has(k${long})`, 'expected'],
    [`k${long} == 'x'`, 'expected a label of at most 512 characters'],
  ])('%j is refused', (text, message) => {
    expect(() => parseSelector(text)).toThrow(SelectorError);
    expect(() => parseSelector(text)).toThrow(message);
  });
});

test('printed text reads back as the same selector', () => {
  fc.assert(
    fc.property(selectors, (selector) => {
      const text = printSelector(selector);
      expect(parseSelector(text)).toEqual(selector);
      expect(printSelector(parseSelector(text))).toBe(text);
    }),
  );
});

const keys = fc.constantFrom('a', 'in', 'not', 'has', 'projectcalico.org/name', 'A-b_c.d');
const values = fc.oneof(
  fc.constantFrom('', 'x', "it's", 'say "x"', '&& ||', 'all()'),
  fc.stringMatching(/^[a-z]{0,5}$/),
);
const leaves: fc.Arbitrary<Selector> = fc.oneof(
  fc.constantFrom(all(), global()),
  keys.map(has),
  fc.tuple(keys, values).map(([key, value]) => eq(key, value)),
  fc.tuple(keys, fc.array(values)).map(([key, list]) => isIn(key, list)),
  fc.tuple(keys, fc.array(values)).map(([key, list]) => notIn(key, list)),
  fc
    .tuple(fc.constantFrom('contains', 'startsWith', 'endsWith'), keys, values)
    .map(([kind, key, value]): Selector => ({ kind, key, value })),
);
const { selectors } = fc.letrec<{ selectors: Selector }>((tie) => ({
  selectors: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaves,
    tie('selectors').map(not),
    fc.array(tie('selectors'), { minLength: 1, maxLength: 4 }).map((of) => and(...of)),
    fc.array(tie('selectors'), { minLength: 1, maxLength: 4 }).map((of) => or(...of)),
  ),
}));

test.each([
  ['parentheses', '('.repeat(60_000)],
  ['negations', '!'.repeat(60_000)],
  ['length', `a == 'b'${" || a == 'b'".repeat(100_000)}`],
])('a selector beyond all measure is an error, and no overflow: %s', (_, text) => {
  expect(() => parseSelector(text)).toThrow(SelectorError);
});

test('a hundred levels are parsed', () => {
  expect(parseSelector(`${'('.repeat(100)}has(a)${')'.repeat(100)}`)).toEqual({ kind: 'has', key: 'a' });
});
