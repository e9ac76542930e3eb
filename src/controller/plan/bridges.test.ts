import { describe, expect, test } from '@jest/globals';
import { MAX_SELECTOR } from '../../calico/limits.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { allow, deny, storedObject } from '../testing/objects.ts';
import { oldBridges, newBridges } from './bridges.ts';

/** An allow for the pods of a selector as long as this. */
const selecting = (name: string, length: number): DesiredObject =>
  allow({ name, content: `app == '${'x'.repeat(length - "app == ''".length)}'` });
const stored = (desired: readonly DesiredObject[]) =>
  desired.map((each) => ({ ...storedObject(each), kind: each.object.kind }));
const rulesIn = (bridges: readonly DesiredObject[]): readonly unknown[] =>
  bridges.flatMap(({ object: { spec } }) => ('ingress' in spec ? (spec.ingress ?? []) : []));
const selectorsIn = (bridges: readonly DesiredObject[]): readonly string[] =>
  bridges.flatMap(({ object: { spec } }) => {
    const rules = 'ingress' in spec ? (spec.ingress ?? []) : [];
    return rules.flatMap(({ source, destination }) =>
      [source, destination].flatMap((end) => end?.selector ?? []),
    );
  });

describe('a bridge', () => {
  const closing = deny({ name: 'deny' });

  test('carries every allow, for the pods of the policy that it is taken from', () => {
    const bridges = newBridges([closing, allow({ name: 'a', content: "app == 'a'" }), selecting('b', 200)]);
    expect(bridges.length).toBeGreaterThan(0);
    expect(rulesIn(bridges)).toHaveLength(2);
    expect(selectorsIn(bridges).every((selector) => selector.includes('app == '))).toBe(true);
  });

  test.each([
    ['what is desired', (desired: readonly DesiredObject[]) => newBridges(desired)],
    ['what is stored', (desired: readonly DesiredObject[]) => oldBridges(stored(desired))],
  ])('to %s leaves out a rule whose selector Calico would not take', (_, bridged) => {
    const fitting = allow({ name: 'fits', content: "app == 'a'" });
    const bridges = bridged([closing, fitting, selecting('long', MAX_SELECTOR)]);
    expect(rulesIn(bridges)).toHaveLength(1);
    expect(selectorsIn(bridges).every((selector) => selector.length <= MAX_SELECTOR)).toBe(true);
  });

  test('is not made where nothing is isolated', () => {
    expect(newBridges([allow({ name: 'a' })])).toEqual([]);
  });
});
