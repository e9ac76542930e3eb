import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LabelSelectorLike, Selector } from './selector.ts';
import {
  all,
  and,
  eq,
  fromLabelSelector,
  global,
  has,
  isIn,
  matchesSelector,
  not,
  notIn,
  or,
  prefixed,
  printSelector,
  SelectorError,
} from './selector.ts';

describe('constructors', () => {
  const a = eq('a', '1');
  const b = eq('b', '1');

  test.each<[string, Selector, Selector]>([
    ['one value is ==', isIn('k', ['x']), eq('k', 'x')],
    ['one excluded value is !=', notIn('k', ['x', 'x']), { kind: 'ne', key: 'k', value: 'x' }],
    [
      'values are sorted, each once',
      isIn('k', ['y', 'x', 'y']),
      { kind: 'in', key: 'k', values: ['x', 'y'] },
    ],
    ['in nothing matches nothing', isIn('k', []), { kind: 'in', key: 'k', values: [] }],
    ['not in nothing matches all', notIn('k', []), all()],
    ['the complement of == is !=', not(a), { kind: 'ne', key: 'a', value: '1' }],
    ['the complement of != is ==', not(not(a)), a],
    ['the complement of in is not in', not(isIn('k', ['x', 'y'])), notIn('k', ['x', 'y'])],
    ['the complement of not in is in', not(notIn('k', ['x', 'y'])), isIn('k', ['x', 'y'])],
    ['not twice is nothing', not(not(has('k'))), has('k')],
    ['and of nothing is all', and(), all()],
    ['and of one is that one', and(a, all(), a), a],
    ['and in and is one and', and(b, and(a, has('c'))), and(has('c'), b, a)],
    ['or of one is that one', or(a, a), a],
    ['or in or is one or', or(b, or(a, has('c'))), or(has('c'), b, a)],
    ['or with all is all', or(a, all()), all()],
  ])('%s', (_, made, expected) => {
    expect(made).toEqual(expected);
  });

  test.each<[Selector, Selector]>([
    [all(), all()],
    [global(), global()],
    [has('k'), has('p.k')],
    [eq('k', 'v'), eq('p.k', 'v')],
    [not(has('k')), not(has('p.k'))],
    [and(a, has('c')), and(eq('p.a', '1'), has('p.c'))],
    [or(a, and(b, has('c'))), or(eq('p.a', '1'), and(eq('p.b', '1'), has('p.c')))],
  ])('%j with a prefix is %j', (selector, expected) => {
    expect(prefixed('p.', selector)).toEqual(expected);
  });

  test('a value with quotes is never read as another selector', () => {
    const forged = eq('a', "1' && b == '1");
    expect(or(and(a, b), forged)).toEqual({ kind: 'or', of: expect.arrayContaining([and(a, b), forged]) });
  });

  test('any of nothing is a mistake of the caller', () => {
    expect(() => or()).toThrow(SelectorError);
  });
});

describe('printing', () => {
  test.each<[Selector, string]>([
    [all(), 'all()'],
    [global(), 'global()'],
    [has('projectcalico.org/name'), 'has(projectcalico.org/name)'],
    [eq('app', 'web'), "app == 'web'"],
    [not(eq('app', 'web')), "app != 'web'"],
    [isIn('app', ['web', 'db']), "app in {'db', 'web'}"],
    [notIn('app', ['web', 'db']), "app not in {'db', 'web'}"],
    [isIn('app', []), 'app in {}'],
    [{ kind: 'contains', key: 'a', value: 'x' }, "a contains 'x'"],
    [{ kind: 'startsWith', key: 'a', value: 'x' }, "a starts with 'x'"],
    [{ kind: 'endsWith', key: 'a', value: 'x' }, "a ends with 'x'"],
    [eq('a', ''), "a == ''"],
    [eq('a', 'say "x"'), `a == 'say "x"'`],
    [eq('a', "it's"), `a == "it's"`],
    [not(has('a')), '!has(a)'],
    [not(and(has('a'), has('b'))), '!(has(a) && has(b))'],
    [not(or(has('a'), has('b'))), '!(has(a) || has(b))'],
    [and(or(has('b'), has('a')), has('c')), '(has(a) || has(b)) && has(c)'],
    [or(and(has('b'), has('a')), has('c')), 'has(a) && has(b) || has(c)'],
    [
      not(
        or(
          has('projectcalico.org/orchestrator'),
          and(eq('clusterfirewall.io/set', 'nodes'), not(has('projectcalico.org/namespace'))),
        ),
      ),
      "!(!has(projectcalico.org/namespace) && clusterfirewall.io/set == 'nodes' || has(projectcalico.org/orchestrator))",
    ],
  ])('%j is %s', (selector, text) => {
    expect(printSelector(selector)).toBe(text);
  });

  test.each<[Selector, string]>([
    [eq('a', `it's "x"`), 'has both kinds of quotes'],
    [isIn('a', ['x', `'"`]), 'has both kinds of quotes'],
    [has(''), '"" is no label key'],
    [has('a) || has(b'), 'is no label key'],
    [eq('a b', 'x'), 'is no label key'],
    [eq('ä', 'x'), 'is no label key'],
    [has('a'.repeat(513)), 'at most 512'],
  ])('%j cannot be printed', (selector, message) => {
    expect(() => printSelector(selector)).toThrow(SelectorError);
    expect(() => printSelector(selector)).toThrow(message);
  });

  test('the order of operands and values changes no byte', () => {
    const leaf = fc.constantFrom(has('a'), has('b'), eq('a', '1'), eq('b', "'"), not(has('c')), all());
    const values = fc.array(fc.constantFrom('x', 'y', 'z'), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(leaf, { minLength: 1 }), values, (leaves, names) => {
        for (const combine of [and, or]) {
          const forth = combine(isIn('k', names), ...leaves, or(...leaves));
          const back = combine(
            or(...[...leaves].reverse()),
            ...[...leaves].reverse(),
            isIn('k', [...names].reverse()),
          );
          expect(printSelector(back)).toBe(printSelector(forth));
        }
      }),
    );
  });
});

describe('matching', () => {
  const value = (kind: 'eq' | 'ne' | 'contains' | 'startsWith' | 'endsWith', text: string): Selector => ({
    kind,
    key: 'a',
    value: text,
  });

  // The results of Calico's own Evaluate (v3.31): absent labels match != and not in, and nothing else.
  test.each<[Selector, Record<string, boolean>]>([
    [all(), { absent: true, '': true, xy: true }],
    [global(), { absent: true, '': true, xy: true }],
    [not(all()), { absent: false, '': false, xy: false }],
    [has('a'), { absent: false, '': true, xy: true }],
    [not(has('a')), { absent: true, '': false, xy: false }],
    [value('eq', 'xy'), { absent: false, '': false, xy: true, x: false }],
    [value('eq', ''), { absent: false, '': true, xy: false }],
    [value('ne', 'xy'), { absent: true, '': true, xy: false, x: true }],
    [isIn('a', ['x', 'xy']), { absent: false, '': false, xy: true, x: true, y: false }],
    [notIn('a', ['x', 'xy']), { absent: true, '': true, xy: false, x: false, y: true }],
    [isIn('a', []), { absent: false, '': false, xy: false }],
    [value('contains', 'x'), { absent: false, '': false, xy: true, y: false, yx: true }],
    [value('startsWith', 'x'), { absent: false, '': false, xy: true, yx: false }],
    [value('endsWith', 'x'), { absent: false, '': false, xy: false, yx: true }],
    [value('contains', ''), { absent: false, '': true, xy: true }],
    [and(has('a'), value('ne', 'x')), { absent: false, x: false, y: true }],
    [or(not(has('a')), value('eq', 'x')), { absent: true, x: true, y: false }],
  ])('%j', (selector, expected) => {
    for (const [label, matches] of Object.entries(expected)) {
      const labels: Record<string, string> = label === 'absent' ? {} : { a: label };
      expect({ label, matches: matchesSelector(selector, labels) }).toEqual({ label, matches });
    }
  });

  test('a label is never one that every JavaScript object has', () => {
    expect(matchesSelector(has('constructor'), {})).toBe(false);
    expect(matchesSelector(not(eq('toString', 'x')), {})).toBe(true);
  });
});

describe('from a Kubernetes label selector', () => {
  test.each<[LabelSelectorLike, string]>([
    [{}, 'all()'],
    [{ matchLabels: { app: 'web' } }, "app == 'web'"],
    [{ matchLabels: { b: '2', a: '1' } }, "a == '1' && b == '2'"],
    [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['y', 'x'] }] }, "a in {'x', 'y'}"],
    [{ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['x'] }] }, "a != 'x'"],
    [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }, 'has(a)'],
    [{ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] }, '!has(a)'],
    [
      { matchLabels: { a: '1' }, matchExpressions: [{ key: 'b', operator: 'NotIn', values: ['2', '3'] }] },
      "a == '1' && b not in {'2', '3'}",
    ],
  ])('%j is %s', (labels, text) => {
    expect(printSelector(fromLabelSelector(labels))).toBe(text);
  });

  test.each(['In', 'NotIn'] as const)('%s without values is refused, never everything', (operator) => {
    for (const values of [undefined, []]) {
      const broken: LabelSelectorLike = { matchExpressions: [{ key: 'a', operator, values }] };
      expect(() => fromLabelSelector(broken)).toThrow(`${operator} of the label a needs values`);
    }
  });

  test('matches the same labels as Kubernetes', () => {
    fc.assert(
      fc.property(labelSelectors, labelSets, (selector, labels) => {
        expect(matchesSelector(fromLabelSelector(selector), labels)).toBe(
          kubernetesMatches(selector, labels),
        );
      }),
    );
  });
});

const keys = fc.constantFrom('a', 'b');
const values = fc.constantFrom('', 'x', 'y', 'z');
const labelSets = fc.dictionary(keys, values);
const someValues = fc.array(values, { minLength: 1, maxLength: 3 });
const labelSelectors: fc.Arbitrary<LabelSelectorLike> = fc.record(
  {
    matchLabels: fc.dictionary(keys, values),
    matchExpressions: fc.array(
      fc.oneof(
        fc.record({ key: keys, operator: fc.constantFrom('In', 'NotIn'), values: someValues }),
        fc.record({ key: keys, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: [] },
);

/** The rules of k8s.io/apimachinery/pkg/labels, Requirement.Matches, written a second time. */
function kubernetesMatches(selector: LabelSelectorLike, labels: Record<string, string>): boolean {
  const present = new Map(Object.entries(labels));
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (present.get(key) !== value) return false;
  }
  for (const { key, operator, values: listed = [] } of selector.matchExpressions ?? []) {
    const value = present.get(key);
    const isListed = value !== undefined && listed.includes(value);
    const holds = {
      In: isListed,
      NotIn: !isListed,
      Exists: value !== undefined,
      DoesNotExist: value === undefined,
    };
    if (!holds[operator]) return false;
  }
  return true;
}
