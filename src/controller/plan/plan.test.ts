import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ruleId, TIER, type RuleId } from '../../compiler/names.ts';
import type { DesiredObject, Frozen } from '../../compiler/types.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';
import type { Role } from '../objects/role.ts';
import { isFrozen, plan, type PlanInput } from './plan.ts';
import type { Step } from './step.ts';
import { allow, deny, endpoint, foreign, finalDeny, live, nodeAllow, set, tier } from '../testing/objects.ts';
import { idsOf, phasesOf, planned, renamed } from '../testing/planned.ts';

const idOf = ({ object }: DesiredObject): string => objectId(object.kind, object.metadata);

describe('a deny that stands in for more', () => {
  const standIn: DesiredObject = { ...deny({ name: 'guardrail', content: 'part' }), standIn: true };

  test('is written where nothing is stored', () => {
    expect(phasesOf(planned({ desired: [standIn] }))).toEqual([['+GlobalNetworkPolicy/guardrail']]);
  });

  test('never takes the place of what is stored', () => {
    const stored = [live(deny({ name: 'guardrail', content: 'whole' }))];
    expect(phasesOf(planned({ desired: [standIn], live: stored }))).toEqual([]);
  });
});

describe('the order of writes', () => {
  test('the first time: tier, sets, allows, denies', () => {
    const desired = [deny({ name: 'deny' }), allow({ name: 'web' }), set({ name: 'nodes' }), tier()];
    expect(phasesOf(planned({ desired }))).toEqual([
      [`+Tier/${TIER}`],
      ['+GlobalNetworkSet/nodes'],
      ['+GlobalNetworkPolicy/web'],
      ['+GlobalNetworkPolicy/deny'],
    ]);
  });

  test('at the end: denies, allows, sets, tier', () => {
    const stored = [tier(), set({ name: 'nodes' }), allow({ name: 'web' }), deny({ name: 'deny' })].map(live);
    expect(phasesOf(planned({ live: stored }))).toEqual([
      ['-GlobalNetworkPolicy/deny'],
      ['-GlobalNetworkPolicy/web'],
      ['-GlobalNetworkSet/nodes'],
      [`-Tier/${TIER}`],
    ]);
  });

  test('nodes: lo first, then what opens, what closes, and the endpoints', () => {
    const desired = [
      endpoint('a', '*'),
      finalDeny(),
      nodeAllow({ name: 'zone' }),
      endpoint('a', 'lo'),
      set({ name: 'nodes' }),
    ];
    expect(phasesOf(planned({ desired }))).toEqual([
      ['+GlobalNetworkSet/nodes'],
      ['+HostEndpoint/a-lo'],
      ['+GlobalNetworkPolicy/zone'],
      ['+GlobalNetworkPolicy/last'],
      ['+HostEndpoint/a-all'],
    ]);
    expect(phasesOf(planned({ live: desired.map(live) }))).toEqual([
      ['-HostEndpoint/a-all'],
      ['-GlobalNetworkPolicy/last'],
      ['-GlobalNetworkPolicy/zone'],
      ['-HostEndpoint/a-lo'],
      ['-GlobalNetworkSet/nodes'],
    ]);
  });

  test('while something is in the way, endpoints that stand stay and none is made', () => {
    const desired = [endpoint('a', '*'), endpoint('b', '*'), endpoint('b', 'lo')];
    const result = planned({ desired, live: [live(endpoint('a', '*'))], holdsEndpoints: true });
    expect(phasesOf(result)).toEqual([['+HostEndpoint/b-lo']]);
    expect(idsOf(result, 'Waiting')).toEqual(['HostEndpoint/b-all']);
  });

  test('nothing closes at nodes while the name of what opens there is taken', () => {
    const zone = nodeAllow({ name: 'zone', rules: ['default/nodes/zones/z'] });
    const result = planned({ desired: [zone, finalDeny(), endpoint('a', '*')], live: [foreign(zone)] });
    expect(phasesOf(result)).toEqual([]);
    expect(idsOf(result, 'NeedsTaken')).toEqual(['GlobalNetworkPolicy/last', 'HostEndpoint/a-all']);
  });

  describe('with a taken name', () => {
    const ofNodes = ['default/nodes/zones/z'];
    const closing = [
      finalDeny(),
      { ...finalDeny('Allow'), object: renamed(finalDeny('Allow'), 'observe') },
      set({ name: 'addresses', rules: ['default/nodes/judged'] }),
      endpoint('a', '*'),
    ];
    const others = [allow({ name: 'web' }), nodeAllow({ name: 'other', rules: ofNodes }), set({ name: 'c' })];
    const blocked = (taken: DesiredObject): readonly string[] =>
      idsOf(planned({ desired: [taken, ...closing, ...others], live: [foreign(taken)] }), 'NeedsTaken');

    test.each([
      ['a zone', nodeAllow({ name: 'zone', rules: ofNodes })],
      ['a set of a zone', set({ name: 'zone', rules: ['default/g/ingress/a', ...ofNodes] })],
      ['the exemption of lo', endpoint('a', 'lo')],
    ])('nothing closes at nodes: %s', (_, taken) => {
      expect(blocked(taken)).toEqual(closing.map(idOf));
    });

    test.each([
      ['a set of pods', set({ name: 'office', rules: ['default/g/ingress/a'] })],
      ['a set of peers called nodes', set({ name: 'office', rules: ['nodes/g/ingress/a'] })],
      ['what is refused at nodes', nodeAllow({ name: 'no', rules: ['default/nodes/blocked'] })],
      ['an allow of pods', allow({ name: 'a', rules: ['default/g/ingress/a'] })],
    ])('all the rest is written: %s', (_, taken) => {
      expect(blocked(taken)).toEqual([]);
    });
  });

  test('a renamed rule is there under its new name before the old one goes', () => {
    const desired = [allow({ name: 'new', rules: ['default/g/ingress/a'] })];
    const stored = [live(allow({ name: 'old', rules: ['default/g/ingress/a'] }))];
    expect(phasesOf(planned({ desired, live: stored }))).toEqual([
      ['+GlobalNetworkPolicy/new'],
      ['-GlobalNetworkPolicy/old'],
    ]);
  });

  test('in a split, the new part is there before the first one shrinks', () => {
    const desired = [allow({ name: 'a', content: 'half' }), allow({ name: 'a-2', content: 'other half' })];
    const stored = [live(allow({ name: 'a', content: 'whole' }))];
    expect(phasesOf(planned({ desired, live: stored }))).toEqual([
      ['+GlobalNetworkPolicy/a-2'],
      ['~GlobalNetworkPolicy/a'],
    ]);
  });

  test('a stale allow stays until the deny that needed it is narrowed or gone', () => {
    const desired = [deny({ name: 'deny', content: 'narrow' })];
    const stored = [
      deny({ name: 'deny', content: 'wide' }),
      deny({ name: 'stale' }),
      allow({ name: 'web' }),
    ].map(live);
    expect(phasesOf(planned({ desired, live: stored }))).toEqual([
      ['~GlobalNetworkPolicy/deny'],
      ['-GlobalNetworkPolicy/stale'],
      ['-GlobalNetworkPolicy/web'],
    ]);
  });
});

test('one rule is frozen, or all rules below a prefix', () => {
  const isFrozenBy = (frozen: Frozen, rule: string): boolean => isFrozen([frozen], ruleId(rule));
  const one = { rule: ruleId('default/g/ingress/a') };
  expect(isFrozenBy(one, 'default/g/ingress/a')).toBe(true);
  expect(isFrozenBy(one, 'default/g/ingress/ab')).toBe(false);
  expect(isFrozenBy(one, 'default/g/ingress/a/b')).toBe(false);
  const all = { prefix: ruleId('default/g') };
  expect(isFrozenBy(all, 'default/g/ingress/a')).toBe(true);
  expect(isFrozenBy(all, 'default/g')).toBe(false);
  expect(isFrozenBy(all, 'default/gg/ingress/a')).toBe(false);
});

test('groups may be called like the sections that a problem holds', () => {
  const revoked = allow({ name: 'revoked', rules: ['default/peers/ingress/web'] });
  const ofNodes = allow({ name: 'of-nodes', rules: ['default/nodes/ingress/web'] });
  const zone = nodeAllow({ name: 'zone', rules: ['default/nodes/zones/z'] });
  const office = set({ name: 'office', rules: ['default/peers/office'] });
  const result = planned({
    live: [revoked, ofNodes, zone, office].map(live),
    frozen: [
      { rule: ruleId('default/g/ingress/bad') },
      { prefix: ruleId('default/nodes') },
      { sets: ruleId('default/peers') },
    ],
  });
  expect(phasesOf(result).flat()).toEqual(['-GlobalNetworkPolicy/revoked', '-GlobalNetworkPolicy/of-nodes']);
  expect(result.frozen.map(({ name }) => name)).toEqual(['zone', 'office']);
});

describe('carried out one write at a time, in any order inside a phase', () => {
  const rules = ['default/g/ingress/a', 'default/g/ingress/b', 'default/g/egress/c'].map((rule) =>
    ruleId(rule),
  );
  const someAllow = fc.record({
    name: fc.constantFrom('p1', 'p2', 'p3', 'p4'),
    rules: fc.subarray(rules),
    content: fc.constantFrom('x', 'y'),
  });
  const objects = fc
    .record({
      tier: fc.option(fc.constant(tier()), { nil: undefined }),
      sets: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom('s1', 's2'),
          content: fc.constantFrom('10.0.0.0/8', '192.0.2.0/24'),
        }),
        { selector: (made) => made.name },
      ),
      allows: fc.uniqueArray(someAllow, { selector: (made) => made.name }),
      denies: fc.uniqueArray(
        fc.record({ name: fc.constantFrom('d1', 'd2'), content: fc.constantFrom('x', 'y') }),
        { selector: (made) => made.name },
      ),
    })
    .map((made) => [
      ...(made.tier === undefined ? [] : [made.tier]),
      ...made.sets.map(set),
      ...made.allows.map(allow),
      ...made.denies.map((each) => deny(each)),
    ]);

  /** States after each single write. */
  function* states(
    input: PlanInput,
    shuffle: (steps: readonly Step[]) => readonly Step[],
  ): Generator<ReadonlyMap<string, LiveObject>> {
    const state = new Map([...input.live].map((object) => [object.id, object]));
    for (const steps of plan(input).phases) {
      for (const step of shuffle(steps)) {
        if (step.action === 'apply') state.set(step.id, live(step.desired));
        else state.delete(step.id);
        yield new Map(state);
      }
    }
  }

  const inputOf = (before: readonly DesiredObject[], after: readonly DesiredObject[]): PlanInput => ({
    desired: after,
    live: before.map(live),
    frozen: [],
    firewalls: new Set(['default']),
    isClosedNamespace: () => false,
  });

  const carrying = (rule: RuleId) => (object: LiveObject) =>
    object.ours && object.role === 'allow' && object.rules.includes(rule);
  const shuffled = fc.infiniteStream(fc.nat()).map(
    (stream) => (steps: readonly Step[]) =>
      steps
        .map((step) => ({ step, key: stream.next().value as number }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ step }) => step),
  );

  test('the result is what is desired, and then nothing is left to do', () => {
    fc.assert(
      fc.property(objects, objects, shuffled, (before, after, shuffle) => {
        const input = inputOf(before, after);
        const final =
          [...states(input, shuffle)].at(-1) ??
          new Map(before.map(live).map((object) => [object.id, object]));
        expect([...final.keys()].toSorted()).toEqual(after.map(idOf).toSorted());
        expect(plan({ ...input, live: final.values() }).phases).toEqual([]);
      }),
    );
  });

  test('a rule that is carried before and after is carried all the time, unless two objects swap rules', () => {
    fc.assert(
      fc.property(objects, objects, shuffled, (before, after, shuffle) => {
        const stored = before.map(live);
        const next = after.map(live);
        for (const rule of rules) {
          const was = stored.filter(carrying(rule)).map(({ id }) => id);
          const willBe = next.filter(carrying(rule)).map(({ id }) => id);
          const known = new Set(stored.map(({ id }) => id));
          const isNew = willBe.some((id) => !known.has(id) || was.includes(id));
          const isReplaced = was.some((id) => !next.some((object) => object.id === id));
          if (was.length === 0 || willBe.length === 0 || !(isNew || isReplaced)) continue;
          for (const state of states(inputOf(before, after), shuffle)) {
            expect([...state.values()].some(carrying(rule))).toBe(true);
          }
        }
      }),
    );
  });

  test('a deny appears or changes only when every allow is as desired; an allow goes only when every deny is', () => {
    fc.assert(
      fc.property(objects, objects, shuffled, (before, after, shuffle) => {
        const input = inputOf(before, after);
        const desired = new Map(after.map(live).map((object) => [object.id, object]));
        const isDone = (state: ReadonlyMap<string, LiveObject>, role: Role): boolean =>
          [...desired.values()].every(
            (object) => !object.ours || object.role !== role || hashOf(state.get(object.id)) === object.hash,
          );
        let previous: ReadonlyMap<string, LiveObject> = new Map(
          [...input.live].map((object) => [object.id, object]),
        );
        for (const state of states(input, shuffle)) {
          const denies = idsOf(state, 'defaultDeny');
          if (!sameDenies(previous, state) && denies.length >= idsOf(previous, 'defaultDeny').length)
            expect(isDone(state, 'allow')).toBe(true);
          if (idsOf(state, 'allow').length < idsOf(previous, 'allow').length) {
            expect(denies.toSorted()).toEqual(idsOf(desired, 'defaultDeny').toSorted());
            expect(isDone(state, 'defaultDeny')).toBe(true);
          }
          previous = state;
        }
      }),
    );
  });

  const hashOf = (object: LiveObject | undefined): string | undefined =>
    object?.ours === true ? object.hash : undefined;
  const idsOf = (state: ReadonlyMap<string, LiveObject>, role: Role): string[] =>
    [...state.values()].filter((object) => object.ours && object.role === role).map(({ id }) => id);
  const sameDenies = (a: ReadonlyMap<string, LiveObject>, b: ReadonlyMap<string, LiveObject>): boolean =>
    JSON.stringify(idsOf(a, 'defaultDeny').map((id) => [id, hashOf(a.get(id))])) ===
    JSON.stringify(idsOf(b, 'defaultDeny').map((id) => [id, hashOf(b.get(id))]));
});
