/** Stored objects that a plan leaves as they are, and those that finalizers of others keep. */
import { describe, expect, test } from '@jest/globals';
import { LABEL_SET, ruleId, TIER } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { objectId } from '../objects/kinds.ts';
import { projectLive, type LiveObject } from '../objects/live.ts';
import { only } from './plan.ts';
import { changeOf, isHeld } from './step.ts';
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
import { idsOf, phasesOf, planned } from '../testing/planned.ts';

const frozenRule = ruleId('default/g/ingress/frozen');
const frozen = [{ rule: frozenRule }];
const tierOf = (content: string): DesiredObject => {
  const made = tier({ rules: ['default/g/ingress/a', frozenRule] });
  const spec = { ...made.object.spec, order: content.length };
  return { ...made, object: { ...made.object, spec } as DesiredObject['object'] };
};

const idOf = ({ object }: DesiredObject): string => objectId(object.kind, object.metadata);

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
    expect(phasesOf(result)).toEqual([['+GlobalNetworkPolicy/web']]);
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
    expect(phasesOf(result)).toEqual([['-NetworkPolicy/victim/cfw-old', '-GlobalNetworkPolicy/old']]);
  });

  test('an open policy while all of its firewall is frozen, and not for a rule that it names', () => {
    const forged = open(allow({ name: 'cfw-x', namespace: 'evil', rules: [frozenRule] }));
    expect(phasesOf(planned({ live: [forged], frozen }))).toEqual([['-NetworkPolicy/evil/cfw-x']]);
    const whole = planned({ live: [forged], frozen: [{ prefix: ruleId('default') }] });
    expect([phasesOf(whole), whole.frozen]).toEqual([[], [forged]]);
    const unknown = planned({ live: [forged], firewalls: new Set() });
    expect([phasesOf(unknown), unknown.orphans]).toEqual([[], []]);
  });

  test('an open policy that waits for a finalizer', () => {
    const waiting = { ...open(allow({ name: 'cfw-x', namespace: 'evil' })), waitsFor: ['a'] } as LiveObject;
    const result = planned({ live: [waiting] });
    expect([phasesOf(result), result.lingering]).toEqual([[], [waiting]]);
  });

  test('an open policy under a name that we want never stays as it is for a frozen rule', () => {
    const made = { name: 'cfw-x', namespace: 'evil', rules: ['default/g/ingress/a'] };
    const edited = allow({ ...made, content: 'has(x)', rules: [...made.rules, frozenRule] });
    const input = { desired: [allow(made)], frozen };
    expect(phasesOf(planned({ ...input, live: [open(edited)] }))).toEqual([['~NetworkPolicy/evil/cfw-x']]);
    expect(phasesOf(planned({ ...input, live: [live(edited)] }))).toEqual([]);
  });

  test('objects of frozen rules, also when others of the same firewall go', () => {
    const stored = [
      live(allow({ name: 'a', rules: ['default/g/ingress/a'] })),
      live(allow({ name: 'b', rules: ['default/g/ingress/b'] })),
    ];
    expect(phasesOf(planned({ live: stored, frozen: [{ rule: ruleId('default/g/ingress/a') }] }))).toEqual([
      ['-GlobalNetworkPolicy/b'],
    ]);
    expect(phasesOf(planned({ live: stored, frozen: [{ prefix: ruleId('default/g') }] }))).toEqual([]);
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
    expect(phasesOf(result)).toEqual([['~GlobalNetworkSet/office']]);
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
    expect(phasesOf(planned({ desired: [desired], live: [live(old)], frozen }))).toEqual([
      [`~${idOf(desired)}`],
    ]);
  });

  test('a policy that carries a frozen rule goes on with it, when the new one carries it too', () => {
    const rules = [frozenRule, 'default/g/ingress/b'];
    const stored = live(allow({ name: 'a', rules }));
    const desired = allow({ name: 'a', rules, content: 'new' });
    expect(phasesOf(planned({ desired: [desired], live: [stored], frozen }))).toEqual([
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
    expect(phasesOf(result)).toEqual([['+NetworkPolicy/blog/cfw-a', '+GlobalNetworkPolicy/a']]);
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
    expect([phasesOf(result), result.held]).toEqual([[['~GlobalNetworkPolicy/web']], []]);
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
    expect(phasesOf(result)).toEqual([['-GlobalNetworkPolicy/deny'], ['-GlobalNetworkPolicy/web']]);
  });

  test('needs nothing once it is emptied by somebody', () => {
    const result = planned({ live: [heldObject(emptiedObject(closing)), live(web)] });
    expect([phasesOf(result), result.needed]).toEqual([[['-GlobalNetworkPolicy/web']], []]);
  });

  test('stays as it is with a frozen rule', () => {
    const rules = [frozenRule];
    const result = planned({ live: held(allow({ name: 'web', rules })), frozen });
    expect([result.phases, result.held, result.frozen.length]).toEqual([[], [], 1]);
  });
});
