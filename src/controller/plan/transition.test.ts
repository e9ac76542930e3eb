import { describe, expect, test } from '@jest/globals';
import type { DesiredObject } from '../../compiler/types.ts';
import {
  allow,
  deny,
  emptiedObject,
  finalDeny,
  foreign,
  heldObject,
  live,
  nodeAllow,
  set,
  storedObject,
} from '../testing/objects.ts';
import { newBridges, oldBridges, withFreeName } from './bridges.ts';
import { nodeShadows } from './node-shadows.ts';
import { plan } from './plan.ts';
import {
  fromStored,
  transition,
  type FromStored,
  type Transition,
  type TransitionInput,
} from './transition.ts';

interface Given extends Partial<Omit<TransitionInput, 'live'>> {
  readonly desired: readonly DesiredObject[];
  readonly stored: readonly DesiredObject[];
}
const inputOf = ({ stored, ...rest }: Given): TransitionInput => ({
  live: stored.map(live),
  frozen: [],
  firewalls: new Set(['default']),
  isClosedNamespace: () => false,
  ignoresWaves: () => false,
  fromStored: undefined,
  ...rest,
});
const made = (stored: readonly DesiredObject[]): FromStored =>
  fromStored(stored.map((each) => storedObject(each)));
const written = ({ plan: { phases } }: Transition): readonly string[] =>
  phases.flat().map(({ action, id }) => `${action} ${id}`);
const writes = (objects: readonly DesiredObject[]): readonly string[] =>
  objects.map(({ object }) => `apply ${object.kind}/${object.metadata.name}`);
const removes = (objects: readonly DesiredObject[]): readonly string[] =>
  objects.map(({ object }) => `remove ${object.kind}/${object.metadata.name}`);

const closing = (content: string): DesiredObject => deny({ name: 'deny', content });
const zone = (name: string, net: string): DesiredObject => {
  const made = nodeAllow({ name, rules: [`default/nodes/zones/${name}`] });
  const spec = { ...made.object.spec, ingress: [{ action: 'Pass', source: { nets: [net] } }] };
  return { ...made, object: { ...made.object, spec } as DesiredObject['object'] };
};
const web = allow({ name: 'web' });
const api = allow({ name: 'api', content: "app == 'api'" });

test('where nothing temporary is wanted nor stored, it is the plan', () => {
  const input = inputOf({ stored: [web], desired: [web, api] });
  expect(transition(input)).toEqual({ plan: plan(input), staged: false, needsStored: false });
});

describe('bridges', () => {
  const stored = [closing('has(old)'), web];
  const desired = [closing('has(new)'), web, api];
  const old = oldBridges(stored.map((each) => storedObject(each)));

  test('are wanted, and asked for where those from what is stored are not known', () => {
    const { staged, needsStored } = transition(inputOf({ stored, desired }));
    expect({ staged, needsStored }).toEqual({ staged: true, needsStored: true });
    const result = transition(inputOf({ stored, desired, fromStored: made(stored) }));
    expect(result).toMatchObject({ staged: true, needsStored: false });
    expect(written(result)).toEqual([
      ...writes(old),
      ...writes(newBridges(desired)),
      ...writes([api, closing('has(new)')]),
    ]);
  });

  test('stay while anything is left to do that they are for', () => {
    const rest = { stored: [...stored, ...old, set({ name: 'old' })], desired: [...stored, api] };
    const result = transition(inputOf(rest));
    expect(result).toMatchObject({ staged: true, needsStored: false });
    expect(written(result)).toEqual([...writes([api]), 'remove GlobalNetworkSet/old']);
  });

  test('that somebody deletes are made anew, and no change relies on them', () => {
    const deleted = old.map((each) => heldObject(each));
    const input = { ...inputOf({ stored, desired }), live: [...stored.map(live), ...deleted] };
    expect(transition(input)).toMatchObject({ staged: true, needsStored: true });
    const result = transition({ ...input, fromStored: made(stored) });
    const anew = writes(old.map((each) => withFreeName(each, new Set(deleted.map(({ id }) => id)))));
    expect(anew).not.toEqual(writes(old));
    expect(written(result)).toEqual([
      ...anew,
      ...writes([...newBridges(desired), api, closing('new')]),
      ...writes(old).map((write) => write.replace('apply', 'empty')),
    ]);
    const emptied = old.map((each) => heldObject(emptiedObject(each)));
    const again = transition({
      ...input,
      live: [...stored.map(live), ...emptied],
      fromStored: made(stored),
    });
    expect(written(again)[0]).toEqual(anew[0]);
  });

  test('that somebody keeps are emptied, and start nothing then', () => {
    const kept = (all: readonly DesiredObject[]): TransitionInput => ({
      ...inputOf({ stored, desired: stored }),
      live: [...stored.map(live), ...all.map((each) => heldObject(each))],
    });
    const first = transition(kept(old));
    expect(written(first)).toEqual(
      old.map(({ object }) => `empty GlobalNetworkPolicy/${object.metadata.name}`),
    );
    const then = transition(kept(old.map(emptiedObject)));
    expect([written(then), then.staged, then.plan.held.length]).toEqual([[], false, old.length]);
  });

  test('go at the end', () => {
    const result = transition(inputOf({ stored: [...stored, ...old], desired: stored }));
    expect(written(result)).toEqual(removes(old));
    expect(result).toMatchObject({ staged: true, needsStored: false });
  });

  test('are not made for steps that wait for nothing', () => {
    const ignoresWaves = (): boolean => true;
    const result = transition(inputOf({ stored, desired, ignoresWaves }));
    expect(result).toMatchObject({ staged: false, needsStored: false });
    expect(written(result)).toEqual(writes([api, closing('has(new)')]));
  });
});

describe('shadows', () => {
  const stored = [zone('a', '192.0.2.0/25'), zone('b', '192.0.2.128/25')];
  const desired = [zone('a', '192.0.2.128/25'), zone('b', '192.0.2.0/25')];
  const last = zone('a', '192.0.2.0/24');
  const shadows = [...nodeShadows(stored.map((each) => storedObject(each))).values()];
  const ofZone = live(nodeAllow({ name: 'shadow', rules: ['default/nodes/bridge-from'] }));

  test('are wanted, and asked for where they are not known', () => {
    expect(transition(inputOf({ stored, desired }))).toMatchObject({ staged: true, needsStored: true });
    const result = transition(inputOf({ stored, desired, fromStored: made(stored) }));
    expect(result).toMatchObject({ staged: true, needsStored: false });
    expect(written(result)).toEqual([...writes(shadows), ...writes(desired)]);
  });

  test('that somebody deletes do not count', () => {
    const input = { ...inputOf({ stored, desired }), fromStored: made(stored) };
    const deleted = shadows.map((each) => heldObject(emptiedObject(each)));
    const result = transition({ ...input, live: [...stored.map(live), ...deleted] });
    expect(written(result)).toEqual([...writes(shadows), ...writes(desired)]);
  });

  test('stay while anything is left to do that they are for, and go then', () => {
    const input = inputOf({ stored: [], desired: [last] });
    const rest = transition({ ...input, live: [ofZone] });
    expect(rest).toMatchObject({ staged: true, needsStored: false });
    expect(written(rest)).toEqual(writes([last]));
    const end = transition({ ...input, live: [ofZone, live(last)] });
    expect(written(end)).toEqual(['remove GlobalNetworkPolicy/shadow']);
    expect(end.staged).toBe(true);
  });
});

test('one temporary policy is written, and as many bridges as shadows are', () => {
  const [one, other] = [closing('a'), deny({ name: 'other' })];
  expect(written(transition(inputOf({ stored: [], desired: [one, web] })))).toEqual(
    writes([...newBridges([one, web]), web, one]),
  );
  const stored = [zone('a', '192.0.2.0/25'), zone('b', '192.0.2.128/25')];
  const desired = [zone('a', '192.0.2.128/25'), zone('b', '192.0.2.0/25'), web, one, other];
  const policies = made(stored);
  expect(written(transition(inputOf({ stored, desired, fromStored: policies }))).toSorted()).toEqual(
    writes([...newBridges([web, one, other]), ...policies.shadows.values(), ...desired]).toSorted(),
  );
});

test('what only looks temporary is not ours, and stays', () => {
  const bridge = foreign(newBridges([closing('has(new)')])[0] ?? web);
  const result = transition({ ...inputOf({ stored: [], desired: [finalDeny()] }), live: [bridge] });
  expect(written(result)).toEqual(writes([finalDeny()]));
  expect(result.staged).toBe(false);
});
