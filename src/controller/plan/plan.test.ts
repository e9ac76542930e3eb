import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LABEL_SET, ruleId, TIER, type RuleId } from '../../compiler/names.ts';
import type { DesiredObject, Frozen } from '../../compiler/types.ts';
import { objectId } from '../objects/kinds.ts';
import { projectLive, type LiveObject } from '../objects/live.ts';
import type { Role } from '../objects/role.ts';
import { isFrozen, only, plan, type Comparison, type Plan, type PlanInput } from './plan.ts';
import { changeOf, isHeld, type Step } from './step.ts';
import {
  allow,
  deny,
  emptiedObject,
  endpoint,
  foreign,
  finalDeny,
  heldObject,
  live,
  nodeAllow,
  open,
  removal,
  set,
  storedObject,
  tier,
} from '../testing/objects.ts';

/** The object under another name. */
const renamed = ({ object }: DesiredObject, name: string): DesiredObject['object'] => ({
  ...object,
  metadata: { ...object.metadata, name },
});
const frozenRule = ruleId('default/g/ingress/frozen');
const frozen = [{ rule: frozenRule }];
const tierOf = (content: string): DesiredObject => {
  const made = tier({ rules: ['default/g/ingress/a', frozenRule] });
  const spec = { ...made.object.spec, order: content.length };
  return { ...made, object: { ...made.object, spec } as DesiredObject['object'] };
};

const planned = (input: Partial<PlanInput>): Plan =>
  plan({
    desired: [],
    live: [],
    frozen: [],
    firewalls: new Set(['default', 'team']),
    isClosedNamespace: () => false,
    ...input,
  });

const idOf = ({ object }: DesiredObject): string => objectId(object.kind, object.metadata);
const idsOf = ({ comparisons }: Plan, is: Comparison['is']): readonly string[] =>
  only(comparisons, is).map(({ id }) => id);
const shown = (step: Step): string =>
  `${step.action === 'remove' ? '-' : step.live === undefined ? '+' : '~'}${step.id}`;
const phases = (result: Plan): readonly (readonly string[])[] =>
  result.phases.map((steps) => steps.map(shown));

describe('a deny that stands in for more', () => {
  const standIn: DesiredObject = { ...deny({ name: 'guardrail', content: 'part' }), standIn: true };

  test('is written where nothing is stored', () => {
    expect(phases(planned({ desired: [standIn] }))).toEqual([['+GlobalNetworkPolicy/guardrail']]);
  });

  test('never takes the place of what is stored', () => {
    const stored = [live(deny({ name: 'guardrail', content: 'whole' }))];
    expect(phases(planned({ desired: [standIn], live: stored }))).toEqual([]);
  });
});

describe('the order of writes', () => {
  test('the first time: tier, sets, allows, denies', () => {
    const desired = [deny({ name: 'deny' }), allow({ name: 'web' }), set({ name: 'nodes' }), tier()];
    expect(phases(planned({ desired }))).toEqual([
      [`+Tier/${TIER}`],
      ['+GlobalNetworkSet/nodes'],
      ['+GlobalNetworkPolicy/web'],
      ['+GlobalNetworkPolicy/deny'],
    ]);
  });

  test('at the end: denies, allows, sets, tier', () => {
    const stored = [tier(), set({ name: 'nodes' }), allow({ name: 'web' }), deny({ name: 'deny' })].map(live);
    expect(phases(planned({ live: stored }))).toEqual([
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
    expect(phases(planned({ desired }))).toEqual([
      ['+GlobalNetworkSet/nodes'],
      ['+HostEndpoint/a-lo'],
      ['+GlobalNetworkPolicy/zone'],
      ['+GlobalNetworkPolicy/last'],
      ['+HostEndpoint/a-all'],
    ]);
    expect(phases(planned({ live: desired.map(live) }))).toEqual([
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
    expect(phases(result)).toEqual([['+HostEndpoint/b-lo']]);
    expect(idsOf(result, 'Waiting')).toEqual(['HostEndpoint/b-all']);
  });

  test('nothing closes at nodes while the name of what opens there is taken', () => {
    const zone = nodeAllow({ name: 'zone', rules: ['default/nodes/zones/z'] });
    const result = planned({ desired: [zone, finalDeny(), endpoint('a', '*')], live: [foreign(zone)] });
    expect(phases(result)).toEqual([]);
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
    expect(phases(planned({ desired, live: stored }))).toEqual([
      ['+GlobalNetworkPolicy/new'],
      ['-GlobalNetworkPolicy/old'],
    ]);
  });

  test('in a split, the new part is there before the first one shrinks', () => {
    const desired = [allow({ name: 'a', content: 'half' }), allow({ name: 'a-2', content: 'other half' })];
    const stored = [live(allow({ name: 'a', content: 'whole' }))];
    expect(phases(planned({ desired, live: stored }))).toEqual([
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
    expect(phases(planned({ desired, live: stored }))).toEqual([
      ['~GlobalNetworkPolicy/deny'],
      ['-GlobalNetworkPolicy/stale'],
      ['-GlobalNetworkPolicy/web'],
    ]);
  });
});

describe('what is left alone', () => {
  test('an object as desired: nothing is written', () => {
    const desired = [tier(), set({ name: 'nodes' }), allow({ name: 'web' }), deny({ name: 'deny' })];
    const result = planned({ desired, live: desired.map(live) });
    expect(result.phases).toEqual([]);
    expect(idsOf(result, 'Current')).toEqual(desired.map(idOf));
  });

  test("a stranger's object of our name, and what depends on it", () => {
    const nodes = set({ name: 'nodes' });
    const world = allow({ name: 'world', content: `!(${LABEL_SET} == 'nodes')` });
    const desired = [tier(), nodes, world, allow({ name: 'web' }), deny({ name: 'guard' }, TIER)];
    const result = planned({ desired, live: [foreign(nodes, 'helm'), foreign(tier(), 'kubectl')] });
    expect(phases(result)).toEqual([['+GlobalNetworkPolicy/web']]);
    expect(
      only(result.comparisons, 'NameTaken').map(({ id, foreignManager }) => [id, foreignManager]),
    ).toEqual([
      [`Tier/${TIER}`, 'kubectl'],
      ['GlobalNetworkSet/nodes', 'helm'],
    ]);
    expect(idsOf(result, 'NeedsTaken')).toEqual(['GlobalNetworkPolicy/world', 'GlobalNetworkPolicy/guard']);
  });

  test("what needs a set alone, or the tier alone, whose name is a stranger's", () => {
    const [nodes, guard] = [set({ name: 'nodes' }), deny({ name: 'guard' }, TIER)];
    const world = allow({ name: 'world', content: `!(${LABEL_SET} == 'nodes')` });
    const desired = [tier(), nodes, world, guard];
    expect(idsOf(planned({ desired, live: [foreign(nodes)] }), 'NeedsTaken')).toEqual([idOf(world)]);
    expect(idsOf(planned({ desired, live: [foreign(tier())] }), 'NeedsTaken')).toEqual([idOf(guard)]);
  });

  test("a stranger's object of a name that we do not want", () => {
    const { phases: steps, orphans, comparisons } = planned({ live: [foreign(allow({ name: 'theirs' }))] });
    expect({ steps, orphans, comparisons }).toEqual({ steps: [], orphans: [], comparisons: [] });
  });

  test('the old object of a rule whose new name is taken', () => {
    const renamed = allow({ name: 'new', rules: ['default/g/ingress/a'] });
    const old = live(allow({ name: 'old', rules: ['default/g/ingress/a'] }));
    const result = planned({ desired: [renamed], live: [foreign(renamed), old] });
    expect(result.phases).toEqual([]);
    expect(result.frozen).toEqual([old]);
  });

  test('the old object of a rule only where its new name is taken, if that is in a namespace', () => {
    const rules = ['default/g/ingress/a'];
    const taken = foreign(allow({ name: 'cfw-new', namespace: 'evil', rules }));
    const old = ['evil', 'victim'].map((namespace) => live(allow({ name: 'cfw-old', namespace, rules })));
    const elsewhere = live(allow({ name: 'old', rules }));
    const result = planned({
      desired: [allow({ name: 'cfw-new', namespace: 'evil', rules })],
      live: [taken, ...old, elsewhere],
    });
    expect(result.frozen.map(({ id }) => id)).toEqual(['NetworkPolicy/evil/cfw-old']);
    expect(phases(result)).toEqual([['-NetworkPolicy/victim/cfw-old', '-GlobalNetworkPolicy/old']]);
  });

  test('an open policy while all of its firewall is frozen, and not for a rule that it names', () => {
    const forged = open(allow({ name: 'cfw-x', namespace: 'evil', rules: [frozenRule] }));
    expect(phases(planned({ live: [forged], frozen }))).toEqual([['-NetworkPolicy/evil/cfw-x']]);
    const whole = planned({ live: [forged], frozen: [{ prefix: ruleId('default') }] });
    expect([phases(whole), whole.frozen]).toEqual([[], [forged]]);
    const unknown = planned({ live: [forged], firewalls: new Set() });
    expect([phases(unknown), unknown.orphans]).toEqual([[], []]);
  });

  test('an open policy that waits for a finalizer', () => {
    const waiting = { ...open(allow({ name: 'cfw-x', namespace: 'evil' })), waitsFor: ['a'] } as LiveObject;
    const result = planned({ live: [waiting] });
    expect([phases(result), result.lingering]).toEqual([[], [waiting]]);
  });

  test('an open policy under a name that we want never stays as it is for a frozen rule', () => {
    const made = { name: 'cfw-x', namespace: 'evil', rules: ['default/g/ingress/a'] };
    const edited = allow({ ...made, content: 'has(x)', rules: [...made.rules, frozenRule] });
    const input = { desired: [allow(made)], frozen };
    expect(phases(planned({ ...input, live: [open(edited)] }))).toEqual([['~NetworkPolicy/evil/cfw-x']]);
    expect(phases(planned({ ...input, live: [live(edited)] }))).toEqual([]);
  });

  test('objects of frozen rules, also when others of the same firewall go', () => {
    const stored = [
      live(allow({ name: 'a', rules: ['default/g/ingress/a'] })),
      live(allow({ name: 'b', rules: ['default/g/ingress/b'] })),
    ];
    expect(phases(planned({ live: stored, frozen: [{ rule: ruleId('default/g/ingress/a') }] }))).toEqual([
      ['-GlobalNetworkPolicy/b'],
    ]);
    expect(phases(planned({ live: stored, frozen: [{ prefix: ruleId('default/g') }] }))).toEqual([]);
  });

  test('everything of a frozen firewall, also what carries no rule', () => {
    const stored = [tier(), allow({ name: 'a', rules: ['default/g/ingress/a'] })].map(live);
    expect(planned({ live: stored, frozen: [{ prefix: ruleId('default') }] }).phases).toEqual([]);
    expect(planned({ live: stored, frozen: [{ prefix: ruleId('team') }] }).phases).toHaveLength(2);
  });

  test('a policy that would lose a frozen rule; a set is brought up to date nevertheless', () => {
    const frozen = [{ rule: ruleId('default/g/ingress/a') }];
    const rules = ['default/g/ingress/a', 'default/g/ingress/b'];
    const stored = [allow({ name: 'both', rules }), set({ name: 'office', rules })].map(live);
    const desired = [
      allow({ name: 'both', rules: ['default/g/ingress/b'], content: 'b' }),
      set({ name: 'office', rules: ['default/g/ingress/b'], content: '198.51.100.0/24' }),
    ];
    const result = planned({ desired, live: stored, frozen });
    expect(phases(result)).toEqual([['~GlobalNetworkSet/office']]);
    expect(idsOf(result, 'Frozen')).toEqual(['GlobalNetworkPolicy/both']);
  });

  test.each([
    ['the tier', (content: string) => tierOf(content)],
    [
      "the nodes' addresses",
      (content: string) => set({ name: 'judged', rules: ['default/nodes/judged', frozenRule], content }),
    ],
  ])('but not %s: it is brought up to date', (_, make) => {
    const old = make('before');
    const desired = { ...make('after'), rules: old.rules.filter((rule) => rule !== frozenRule) };
    expect(phases(planned({ desired: [desired], live: [live(old)], frozen }))).toEqual([
      [`~${idOf(desired)}`],
    ]);
  });

  test('a policy that carries a frozen rule goes on with it, when the new one carries it too', () => {
    const rules = [frozenRule, 'default/g/ingress/b'];
    const stored = live(allow({ name: 'a', rules }));
    const desired = allow({ name: 'a', rules, content: 'new' });
    expect(phases(planned({ desired: [desired], live: [stored], frozen }))).toEqual([
      ['~GlobalNetworkPolicy/a'],
    ]);
  });

  test('objects of a firewall that does not exist', () => {
    const orphan = live(allow({ name: 'a', firewall: 'gone' }));
    const result = planned({ live: [orphan] });
    expect(result.phases).toEqual([]);
    expect(result.orphans).toEqual([orphan]);
  });

  test('namespaces that are absent or going: nothing new is made there', () => {
    const inShop = allow({ name: 'cfw-a', namespace: 'shop' });
    const desired = [inShop, allow({ name: 'cfw-a', namespace: 'blog' }), allow({ name: 'a' })];
    const result = planned({ desired, isClosedNamespace: (namespace) => namespace !== 'blog' });
    expect(phases(result)).toEqual([['+NetworkPolicy/blog/cfw-a', '+GlobalNetworkPolicy/a']]);
    expect(idsOf(result, 'Waiting')).toEqual([idOf(inShop)]);
  });
});

describe('what is deleted and kept by finalizers of others', () => {
  const held = (...made: readonly DesiredObject[]): readonly LiveObject[] =>
    made.map((each) => heldObject(each));
  const web = allow({ name: 'web' });
  const inShop = allow({ name: 'cfw-own', namespace: 'shop' });
  const closing = deny({ name: 'deny' });
  const closingNodes = finalDeny();

  test('is emptied where it lets through, and then nothing is left to do', () => {
    const result = planned({ live: held(web, inShop, nodeAllow({ name: 'zone' }), endpoint('a', '*')) });
    expect(result.phases.flat().map(({ action, id }) => [action, id])).toEqual([
      ['empty', 'HostEndpoint/a-all'],
      ['empty', 'GlobalNetworkPolicy/web'],
      ['empty', 'NetworkPolicy/shop/cfw-own'],
      ['empty', 'GlobalNetworkPolicy/zone'],
    ]);
    expect(result.held).toHaveLength(4);
    const emptied = planned({ live: held(...[web, inShop, endpoint('a', '*')].map(emptiedObject)) });
    expect([emptied.phases, emptied.held.length]).toEqual([[], 3]);
  });

  test('is left alone where it has no effect', () => {
    const result = planned({ live: held(tier(), set({ name: 'office' })) });
    expect([result.phases, result.held.length]).toEqual([[], 2]);
  });

  test('counts as there where it refuses', () => {
    const {
      phases: [steps = []],
    } = planned({ live: held(closing) });
    expect(steps.map((step) => [step.id, isHeld(step)])).toEqual([['GlobalNetworkPolicy/deny', true]]);
    expect(isHeld(removal(closing))).toBe(false);
  });

  test('is written like any other where it is desired', () => {
    const result = planned({ desired: [allow({ name: 'web', content: 'new' })], live: held(web) });
    expect([phases(result), result.held]).toEqual([[['~GlobalNetworkPolicy/web']], []]);
    const [[step] = []] = planned({ desired: [web], live: held(emptiedObject(web)) }).phases;
    expect(step && changeOf(step)).toBe('create');
  });

  test.each<
    [what: string, deny: DesiredObject, stays: readonly DesiredObject[], goes: readonly DesiredObject[]]
  >([
    [
      'of a default deny: what it would refuse',
      closing,
      [web, inShop, set({ name: 's' }), tier()],
      [nodeAllow({ name: 'zone' })],
    ],
    [
      'of a guardrail: what it names',
      deny({ name: 'corp' }, TIER),
      [set({ name: 's' }), tier()],
      [web, inShop],
    ],
    [
      'of what denies at nodes: what it would refuse',
      closingNodes,
      [nodeAllow({ name: 'zone' }), endpoint('a', 'lo'), set({ name: 's' })],
      [web, endpoint('a', '*')],
    ],
  ])('keeps what a deny needs, before and after it is deleted: %s', (_, made, stays, goes) => {
    const finalizers = ['example.com/keep'];
    const stored = storedObject(made);
    const kept = { ...stored, metadata: { ...stored.metadata, finalizers } };
    const before = projectLive('GlobalNetworkPolicy', new Set())(kept);
    for (const closes of [before, heldObject(made)]) {
      const result = planned({ live: [closes, ...[...stays, ...goes].map(live)] });
      expect(result.needed.map(({ id }) => id)).toEqual(stays.map(idOf));
      const removed = result.phases.flat().map(({ id }) => id);
      expect(removed.toSorted()).toEqual([made, ...goes].map(idOf).toSorted());
    }
  });

  test('keeps no allow where another default deny is desired: its removal is a revocation', () => {
    const other = deny({ name: 'other' });
    const result = planned({ desired: [other], live: [live(other), heldObject(closing), live(web)] });
    expect(result.needed).toEqual([]);
    expect(phases(result)).toEqual([['-GlobalNetworkPolicy/deny'], ['-GlobalNetworkPolicy/web']]);
  });

  test('needs nothing once it is emptied by somebody', () => {
    const result = planned({ live: [heldObject(emptiedObject(closing)), live(web)] });
    expect([phases(result), result.needed]).toEqual([[['-GlobalNetworkPolicy/web']], []]);
  });

  test('stays as it is with a frozen rule', () => {
    const rules = [frozenRule];
    const result = planned({ live: held(allow({ name: 'web', rules })), frozen });
    expect([result.phases, result.held, result.frozen.length]).toEqual([[], [], 1]);
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
  expect(phases(result).flat()).toEqual(['-GlobalNetworkPolicy/revoked', '-GlobalNetworkPolicy/of-nodes']);
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
