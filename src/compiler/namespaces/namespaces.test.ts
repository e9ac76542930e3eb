import { describe, expect, test } from '@jest/globals';
import { all, eq, has, isIn, printSelector } from '../../calico/selector.ts';
import {
  complement,
  everyNamespace,
  includesNamespace,
  intersect,
  isEmpty,
  mergeSets,
  namedNamespaces,
  namespacesFromLabels,
  without,
  type NamespaceSet,
} from './namespaces.ts';

const NAME = 'kubernetes.io/metadata.name';
const shown = ({ names, notNames, where }: NamespaceSet) => ({
  names,
  notNames,
  where: printSelector(where),
});
const labelled = (label: string): NamespaceSet => ({ notNames: [], where: has(label) });

describe('labels of namespaces', () => {
  const isOneOf = (key: string, ...values: readonly string[]) => ({
    matchExpressions: [{ key, operator: 'In' as const, values: [...values] }],
  });

  test.each([
    ['the name', { matchLabels: { [NAME]: 'blog' } }, ['blog'], 'all()'],
    ['names', isOneOf(NAME, 'shop', 'blog'), ['blog', 'shop'], 'all()'],
    [
      'names that meet',
      { matchLabels: { [NAME]: 'blog' }, ...isOneOf(NAME, 'shop', 'blog') },
      ['blog'],
      'all()',
    ],
    ['names that do not meet', { matchLabels: { [NAME]: 'blog' }, ...isOneOf(NAME, 'shop') }, [], 'all()'],
    ['another label', { matchLabels: { team: 'a' } }, undefined, "team == 'a'"],
    ['values of another label', isOneOf('team', 'a', 'b'), undefined, "team in {'a', 'b'}"],
    ['both', { matchLabels: { [NAME]: 'blog', team: 'a' } }, ['blog'], "team == 'a'"],
    ['none', {}, undefined, 'all()'],
  ])('become names where they are names: %s', (_, labels, names, where) => {
    expect(shown(namespacesFromLabels(labels))).toEqual({ names, notNames: [], where });
  });
});

describe('sets of namespaces', () => {
  const [a, b] = [namedNamespaces(['b', 'a', 'c', 'a']), namedNamespaces(['c', 'd'])];

  test.each<[what: string, set: NamespaceSet, names: unknown, notNames: readonly string[], where: string]>([
    ['names meet names', intersect(a, b), ['c'], [], 'all()'],
    ['names meet every namespace', intersect(a, everyNamespace), ['a', 'b', 'c'], [], 'all()'],
    ['every namespace meets names', intersect(everyNamespace, b), ['c', 'd'], [], 'all()'],
    ['labels meet labels', intersect(labelled('x'), labelled('y')), undefined, [], 'has(x) && has(y)'],
    ['names lose names', without(a, ['b', 'z']), ['a', 'c'], [], 'all()'],
    ['labels lose names', without(labelled('x'), ['z', 'b']), undefined, ['b', 'z'], 'has(x)'],
    [
      'labels lose names twice',
      without(without(labelled('x'), ['z']), ['b', 'z']),
      undefined,
      ['b', 'z'],
      'has(x)',
    ],
    ['the rest beside names', complement(a, [b]), ['a', 'b'], [], 'all()'],
    ['the rest beside labels', complement(everyNamespace, [labelled('x')]), undefined, [], '!has(x)'],
    [
      'the rest beside names with labels',
      complement(everyNamespace, [{ ...b, where: has('x') }]),
      undefined,
      [],
      `!(has(x) && ${NAME} in {'c', 'd'})`,
    ],
    [
      'the rest beside several',
      complement(everyNamespace, [b, labelled('x')]),
      undefined,
      ['c', 'd'],
      '!has(x)',
    ],
  ])('%s', (_, set, names, notNames, where) => {
    expect(shown(set)).toEqual({ names, notNames, where });
  });

  test('are empty only where no cluster could have such a namespace', () => {
    expect(isEmpty(intersect(namedNamespaces(['a']), namedNamespaces(['b'])))).toBe(true);
    expect([a, everyNamespace, labelled('x')].map(isEmpty)).toEqual([false, false, false]);
  });

  test('merge into one for names and one for labels', () => {
    expect(mergeSets([a, labelled('x'), b, labelled('y')]).map(shown)).toEqual([
      { names: ['a', 'b', 'c', 'd'], notNames: [], where: 'all()' },
      { names: undefined, notNames: [], where: 'has(x) || has(y)' },
    ]);
    expect(
      mergeSets([
        { ...a, names: [] },
        { ...labelled('x'), names: [] },
      ]),
    ).toEqual([]);
  });

  test('include a namespace by name and labels', () => {
    const blog = { name: 'blog', labels: { team: 'a' } };
    const includes = (set: Partial<NamespaceSet>): boolean =>
      includesNamespace({ notNames: [], where: all(), ...set }, blog);
    expect(includes({})).toBe(true);
    expect(includes({ names: ['blog'], where: eq('team', 'a') })).toBe(true);
    expect(includes({ names: ['shop'] })).toBe(false);
    expect(includes({ notNames: ['blog'] })).toBe(false);
    expect(includes({ where: eq('team', 'b') })).toBe(false);
    expect(includes({ where: isIn(NAME, ['blog']) })).toBe(true);
  });
});
