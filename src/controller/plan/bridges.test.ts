import { describe, expect, test } from '@jest/globals';
import { MAX_RULES, MAX_SELECTOR } from '../../calico/limits.ts';
import type { EntityRule, GlobalPolicySpec, Rule } from '../../calico/types.ts';
import { ANNOTATION_RULES, LABEL_FIREWALL, ORDER, TIER } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { allow, deny, live, nodeAllow, set, storedObject, tier } from '../testing/objects.ts';
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

/** The policy with some of its spec replaced. */
const withSpec = (made: DesiredObject, spec: Partial<GlobalPolicySpec>): DesiredObject => ({
  ...made,
  object: { ...made.object, spec: { ...made.object.spec, ...spec } } as DesiredObject['object'],
});
const specsOf = (bridges: readonly DesiredObject[]): readonly Partial<GlobalPolicySpec>[] =>
  bridges.map(({ object: { spec } }) => spec as GlobalPolicySpec);
const both = ['Ingress', 'Egress'] as const;
const closing = withSpec(deny({ name: 'deny' }), { types: both, namespaceSelector: "team == 'a'" });

const PODS = "projectcalico.org/orchestrator == 'k8s'";
const NAMED = 'has(projectcalico.org/name)';
const SHOP = "projectcalico.org/namespace == 'shop'";

describe('the rules of a bridge', () => {
  /** A rule of a policy, and what the bridge makes of it. */
  const narrowed = (
    where: { readonly direction: 'ingress' | 'egress'; readonly namespace?: string },
    rule: Rule,
    spec: Partial<GlobalPolicySpec> = {},
  ): readonly Rule[] => {
    const { direction, namespace } = where;
    const made = allow({ name: 'a', content: "app == 'a'", ...(namespace !== undefined && { namespace }) });
    const policy = withSpec(made, { ingress: [], [direction]: [rule], types: both, ...spec });
    const [bridge] = specsOf(newBridges([closing, policy]));
    return [...(bridge?.ingress ?? []), ...(bridge?.egress ?? [])];
  };
  const own = { selector: `app == 'a' && ${PODS}`, namespaceSelector: NAMED };
  const inShop = { selector: `app == 'a' && ${SHOP} && ${PODS}`, namespaceSelector: NAMED };
  const nets: EntityRule = { nets: ['192.0.2.0/24'] };
  const selected: EntityRule = { selector: "app == 'b'" };
  const elsewhere: EntityRule = { selector: "app == 'b'", namespaceSelector: "team == 'b'" };

  test('are for the pods that the policy selects', () => {
    const rule: Rule = { action: 'Allow', protocol: 'TCP' };
    expect(narrowed({ direction: 'ingress' }, rule)).toEqual([{ ...rule, destination: own }]);
    expect(narrowed({ direction: 'egress' }, rule)).toEqual([{ ...rule, source: own }]);
    expect(narrowed({ direction: 'ingress' }, rule, { namespaceSelector: "team == 'a'" })).toEqual([
      { ...rule, destination: { ...own, namespaceSelector: "team == 'a'" } },
    ]);
  });

  test('are for the pods of its namespace, where it is in one', () => {
    const namespace = 'shop';
    expect(narrowed({ direction: 'ingress', namespace }, { action: 'Allow' })).toEqual([
      { action: 'Allow', destination: inShop },
    ]);
    expect(narrowed({ direction: 'egress', namespace }, { action: 'Allow' })).toEqual([
      { action: 'Allow', source: inShop },
    ]);
  });

  test.each<[what: string, namespace: string | undefined, peer: EntityRule, carried: EntityRule]>([
    ['addresses', undefined, nets, nets],
    ['pods', undefined, selected, selected],
    ['addresses, in a namespace', 'shop', nets, nets],
    [
      'pods of the same namespace',
      'shop',
      { ...selected, notNets: ['192.0.2.0/24'] },
      { selector: `app == 'b' && ${SHOP}`, namespaceSelector: NAMED, notNets: ['192.0.2.0/24'] },
    ],
    ['pods of other namespaces', 'shop', elsewhere, elsewhere],
  ])('keep their peer: %s', (_, namespace, peer, carried) => {
    const where = namespace === undefined ? {} : { namespace };
    const subject = namespace === undefined ? own : inShop;
    expect(narrowed({ direction: 'ingress', ...where }, { action: 'Allow', source: peer })).toEqual([
      { action: 'Allow', source: carried, destination: subject },
    ]);
    expect(narrowed({ direction: 'egress', ...where }, { action: 'Allow', destination: peer })).toEqual([
      { action: 'Allow', source: subject, destination: carried },
    ]);
  });

  test('keep what they already say of the pods that the policy selects', () => {
    const ports = { ports: [443] };
    expect(narrowed({ direction: 'ingress' }, { action: 'Allow', destination: ports })).toEqual([
      { action: 'Allow', destination: { ...ports, ...own } },
    ]);
    expect(narrowed({ direction: 'ingress' }, { action: 'Allow', destination: elsewhere })).toEqual([
      {
        action: 'Allow',
        destination: {
          selector: `app == 'a' && app == 'b' && ${PODS}`,
          namespaceSelector: `${NAMED} && team == 'b'`,
        },
      },
    ]);
  });

  test.each<Rule['action']>(['Deny', 'Log', 'Pass'])('are no rules that %s', (action) => {
    expect(narrowed({ direction: 'ingress' }, { action })).toEqual([]);
  });

  test('are only those whose selectors Calico takes, to the last character', () => {
    const long = (length: number): string => `a == '${'x'.repeat(length - "a == ''".length)}'`;
    const room = MAX_SELECTOR;
    const carried = (rule: Partial<Rule>, spec: Partial<GlobalPolicySpec> = {}): number =>
      narrowed({ direction: 'ingress' }, { action: 'Allow', ...rule }, spec).length;
    expect(carried({ source: { selector: long(room) } })).toBe(1);
    expect(carried({ source: { selector: long(room + 1) } })).toBe(0);
    expect(carried({ source: { namespaceSelector: long(room) } })).toBe(1);
    expect(carried({ source: { namespaceSelector: long(room + 1) } })).toBe(0);
    expect(carried({}, { namespaceSelector: long(room) })).toBe(1);
    expect(carried({}, { namespaceSelector: long(room + 1) })).toBe(0);
  });

  test('come once each, sorted', () => {
    const rule = (port: number): Rule => ({ action: 'Allow', destination: { ports: [port] } });
    const policy = (name: string, ...ports: readonly number[]): DesiredObject =>
      withSpec(allow({ name }), { ingress: ports.map(rule) });
    const rules = (...policies: readonly DesiredObject[]) =>
      specsOf(newBridges([closing, ...policies])).map(({ ingress }) => ingress);
    expect(rules(policy('b', 2, 1), policy('c', 1))).toEqual(rules(policy('a', 1, 2)));
    expect(rules(policy('a', 1, 2))).toEqual([[expect.anything(), expect.anything()]]);
  });
});

describe('bridges', () => {
  const out: Rule = { action: 'Allow', destination: { nets: ['192.0.2.0/24'] } };
  const web = withSpec(allow({ name: 'web' }), { types: both, egress: [out] });
  const wanted = newBridges([closing, web]);
  const before = oldBridges(stored([closing, web]));

  test('select what the default deny selects, at its order', () => {
    expect(specsOf(wanted)).toStrictEqual([
      {
        tier: 'default',
        order: ORDER.defaultDeny,
        selector: 'all()',
        namespaceSelector: "team == 'a'",
        types: both,
        ingress: [expect.objectContaining({ action: 'Allow' })],
        egress: [expect.objectContaining({ destination: out.destination })],
      },
    ]);
    const [plain] = newBridges([deny({ name: 'deny' })]);
    expect(plain?.object.spec).toStrictEqual({
      tier: 'default',
      order: ORDER.defaultDeny,
      selector: 'all()',
      types: ['Ingress'],
    });
    const [outward] = newBridges([withSpec(deny({ name: 'deny' }), { types: ['Egress'] })]);
    expect(outward?.object.spec).not.toHaveProperty('egress');
  });

  test.each(both)('carry rules only where the default deny closes: %s', (type) => {
    const [spec] = specsOf(newBridges([withSpec(closing, { types: [type] }), web]));
    expect(spec).toHaveProperty(type.toLowerCase());
    expect(spec).not.toHaveProperty(type === 'Ingress' ? 'egress' : 'ingress');
  });

  test('are ours, belong to the firewall of the default deny, and say which side they are of', () => {
    const ofTeam = withSpec(deny({ name: 'deny', firewall: 'team' }), {});
    for (const [bridges, id, roles] of [
      [newBridges([ofTeam]), 'team/defaults/bridge-to', ['bridgeNew']],
      [oldBridges(stored([ofTeam])), 'team/defaults/bridge-from', ['bridgeOldComplete']],
    ] as const) {
      const [bridge] = bridges;
      expect(bridge).toMatchObject({ firewall: 'team' });
      expect(bridge?.rules[0]).toBe(id);
      expect(bridge?.object).toMatchObject({
        kind: 'GlobalNetworkPolicy',
        apiVersion: 'projectcalico.org/v3',
      });
      expect(bridge?.object.metadata.labels?.[LABEL_FIREWALL]).toBe('team');
      expect(bridges.map(live)).toMatchObject(roles.map((role) => ({ ours: true, firewall: 'team', role })));
    }
  });

  test('of both sides have names of their own, whatever they carry', () => {
    const names = [...wanted, ...before].map(({ object }) => object.metadata.name);
    expect(new Set(names).size).toBe(2);
    expect(newBridges([closing]).map(({ object }) => object.metadata.name)).toEqual(names.slice(0, 1));
  });

  test('from what is stored say what bridges to the same say', () => {
    expect(specsOf(before)).toEqual(specsOf(wanted));
  });

  test('from what is stored: the last one says that all of them are there', () => {
    const two = oldBridges(stored([closing, deny({ name: 'other' })]));
    expect(two.map(live)).toMatchObject([{ role: 'bridgeOld' }, { role: 'bridgeOldComplete' }]);
    const carried = two.map(({ object }) => object.metadata.annotations?.[ANNOTATION_RULES]);
    expect(carried).toEqual(two.map(({ rules }) => rules.join(',')));
  });

  test('there is one for each default deny and each share of rules that a policy can carry', () => {
    const rule = (port: number): Rule => ({ action: 'Allow', destination: { ports: [port] } });
    const rules = (count: number): readonly Rule[] => Array.from({ length: count }, (_, port) => rule(port));
    const counts = (policy: Partial<GlobalPolicySpec>) =>
      specsOf(newBridges([closing, deny({ name: 'other' }), withSpec(allow({ name: 'a' }), policy)])).map(
        ({ ingress, egress }) => [ingress?.length, egress?.length],
      );
    const isolated = [undefined, undefined];
    expect(counts({ ingress: rules(MAX_RULES + 1) })).toEqual([
      [MAX_RULES, undefined],
      [1, undefined],
      [MAX_RULES, undefined],
      [1, undefined],
    ]);
    expect(counts({ ingress: [], egress: rules(MAX_RULES + 1) })).toEqual([
      [undefined, MAX_RULES],
      [undefined, 1],
      isolated,
      isolated,
    ]);
    const all = newBridges([
      ...['a', 'b', 'c'].map((name) => deny({ name })),
      withSpec(allow({ name: 'a' }), { ingress: rules(MAX_RULES + 1) }),
    ]);
    expect(new Set(all.map(({ object }) => object.metadata.name)).size).toBe(6);
  });

  test('are made of policies of pods only', () => {
    const observed = allow({ name: 'observed', content: "app == 'observed'" });
    const others = [
      tier(),
      set({ name: 'office' }),
      nodeAllow({ name: 'zone' }),
      withSpec(allow({ name: 'tiered', content: "app == 'tiered'" }), { tier: TIER }),
      {
        ...observed,
        object: { ...observed.object, kind: 'StagedGlobalNetworkPolicy' } as DesiredObject['object'],
      },
    ];
    expect(newBridges([closing, web, ...others])).toEqual(wanted);
    expect(oldBridges(stored([closing, web, ...others, ...wanted, ...before]))).toEqual(before);
  });
});

describe('guardrails are copied', () => {
  const guardrail = deny({ name: `${TIER}.cfw-guard`, content: "app == 'a'" }, TIER);
  const copies = oldBridges(stored([guardrail]));

  test('as they are stored, under another name in the same tier', () => {
    expect(specsOf(copies)).toEqual([guardrail.object.spec]);
    const [copy] = copies;
    expect(copy?.object.metadata.name).toMatch(/^clusterfirewall\.cfw-[^.]*guard[^.]*$/);
    expect(copy?.object.metadata.labels?.['projectcalico.org/tier']).toBe(TIER);
    expect(copies.map(live)).toMatchObject([{ role: 'bridgeOldComplete' }]);
  });

  test('before the bridges, each under a name of its own', () => {
    const other = deny({ name: `${TIER}.cfw-other` }, TIER);
    const bridges = oldBridges(stored([deny({ name: 'deny' }), guardrail, other]));
    expect(specsOf(bridges).map(({ tier: where }) => where)).toEqual([TIER, TIER, 'default']);
    expect(bridges.map(live)).toMatchObject([
      { role: 'guardrailOld' },
      { role: 'guardrailOld' },
      { role: 'bridgeOldComplete' },
    ]);
    expect(new Set(bridges.map(({ object }) => object.metadata.name)).size).toBe(3);
  });

  test.each<[what: string, policy: DesiredObject]>([
    ['a deny in another tier', deny({ name: 'foreign.guard' }, 'foreign')],
    ['an allow in the tier', withSpec(allow({ name: `${TIER}.a` }), { tier: TIER })],
    [
      'a deny in a namespace',
      withSpec(allow({ name: `${TIER}.a`, namespace: 'shop' }), {
        tier: TIER,
        ingress: [{ action: 'Deny' }],
      }),
    ],
  ])('but not %s', (_, policy) => {
    expect(oldBridges(stored([policy]))).toEqual([]);
  });

  test('also where somebody stripped them of their firewall', () => {
    const labels = { 'app.kubernetes.io/managed-by': 'clusterfirewall' };
    const { name } = guardrail.object.metadata;
    const stripped = { ...storedObject(guardrail), metadata: { name, labels } };
    expect(oldBridges([stripped])).toMatchObject([{ firewall: '', object: { spec: guardrail.object.spec } }]);
  });

  test('only from what is stored', () => {
    expect(newBridges([guardrail])).toEqual([]);
  });
});
