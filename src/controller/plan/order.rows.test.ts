/**
 * Every slot of the order of writes is needed: without it, a change of the firewall ends wrongly or shows a
 * wrong verdict on the way. So are the relations between slots that the order promises: with the two writes
 * the other way round, there is a wrong verdict on the way.
 *
 * The last pair of decision 14 needs no slot. While an allow has to go, the shadow is kept, so its removal is
 * not even planned.
 */
import { describe, expect, test } from '@jest/globals';
import type { Nodes, Spec } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';
import { flaws, inventory, SECOND_ADDRESS, type Case } from '../testing/flaws.ts';
import type { Disturbance, Situation } from '../testing/one-change.ts';
import type { Role } from '../objects/role.ts';
import { changeOf, type Change, type Step } from './step.ts';

const onNodeA = (change: (node: NodeInfo) => object): Inventory => ({
  ...inventory,
  nodes: inventory.nodes.map((node) => (node.name === 'a' ? { ...node, ...change(node) } : node)),
});
const withSecondAddress = onNodeA(({ addresses }) => ({ addresses: [...addresses, SECOND_ADDRESS] }));
const relabelled = onNodeA(() => ({ labels: {} }));

const office = { name: 'office', cidrs: ['198.51.100.0/24'] };
const narrowOffice = { name: 'office', cidrs: ['198.51.100.0/25'] };
const proxies = {
  name: 'proxies',
  pods: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'edge' } } },
};
const peers = [office, proxies];
const strangers = { ipBlock: { cidr: '203.0.113.0/24' } };

const nothing: Situation = { spec: undefined, inventory };
const pods = (spec: Partial<Spec>): Situation => ({ spec: { peers, ...spec }, inventory });
/** A firewall that has no effect on pods. */
const nodes = (some: Partial<Nodes> | undefined, at: Inventory = inventory): Situation => ({
  spec: { peers, defaults: { deny: 'None' }, ...(some && { nodes: { mode: 'Enforce', ...some } }) },
  inventory: at,
});

const group = (name: string, ports: readonly number[]) => ({
  name,
  namespaces: [name],
  ingress: ports.map((port) => ({
    name: `port-${String(port)}`,
    pods: {},
    from: [{ peer: 'proxies' }, { peer: 'office' }],
    ports: [port],
  })),
});
const guardrail = (name: string, ports: number[]) => ({ name, pods: {}, to: [strangers], ports });
const zone = (name: string, from: NonNullable<Nodes['zones']>[number]['from'][number], ports: number[]) => ({
  name,
  from: [from],
  allow: { ports },
});
const byPeer = (peer: string) => ({ peer });
const edited =
  (name: RegExp, edit: object = { order: 5 }) =>
  (object: GeneratedObject): GeneratedObject =>
    name.test(object.metadata.name)
      ? ({ ...object, spec: { ...object.spec, ...edit } } as GeneratedObject)
      : object;

const ofPods = pods({
  guardrails: [guardrail('corp', [80])],
  namespaces: [group('blog', [80, 81]), group('edge', [80, 81])],
});
const twoGuardrails = (a: number, b: number): Situation =>
  pods({
    defaults: { deny: 'None', metadataAPI: { action: 'None' } },
    guardrails: [guardrail('a', [a]), guardrail('b', [b])],
  });
const onlyBlog: Partial<Spec> = {
  defaults: { exempt: { names: ['edge', 'shop'] } },
  namespaces: [group('blog', [80])],
};
/** Namespaces by name and by label have a default deny each, and therefore a bridge each. */
const twoDenies = pods({
  mode: 'Observe',
  namespaces: [
    { ...group('blog', [80, 81]), mode: 'Enforce' },
    {
      name: 'edge',
      ingress: group('edge', [80, 81]).ingress,
      namespaceSelector: {
        matchExpressions: [
          { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['blog', 'shop'] },
        ],
      },
      mode: 'Enforce',
    },
  ],
});
const ofNodes = nodes({ zones: [zone('a', byPeer('office'), [22])], blocked: [strangers] });
const observed = nodes({ mode: 'Observe' });
const CASES = {
  podsCome: { before: nothing, after: ofPods },
  podsGo: { before: ofPods, after: nothing },
  podsChange: {
    before: ofPods,
    after: pods({
      peers: [narrowOffice, proxies],
      defaults: { deny: 'Ingress' },
      guardrails: [guardrail('corp', [81])],
      namespaces: [group('blog', [80, 8080]), group('shop', [80])],
    }),
  },
  guardrailsExchange: { before: twoGuardrails(80, 81), after: twoGuardrails(81, 80) },
  /** The operator stopped after the first copy of a guardrail, and the copy selects nobody. */
  copyEdited: {
    before: twoGuardrails(80, 81),
    begun: { to: twoGuardrails(81, 80), until: 'guardrailOld' },
    edit: edited(/bridge-from/, { selector: 'has(nobody)' }),
    after: twoGuardrails(81, 80),
  },
  twoDeniesGo: { before: twoDenies, after: nothing },
  bridgeEdited: {
    before: twoDenies,
    begun: { to: nothing, until: 'bridgeOld' },
    edit: edited(/bridge-from/, { ingress: [] }),
    after: nothing,
  },
  /** Another edit comes while the first one is on its way. */
  bridgeChanges: {
    before: pods({ ...onlyBlog, mode: 'Observe' }),
    begun: { to: pods(onlyBlog), until: 'bridgeNew' },
    after: ofPods,
  },
  tierEdited: { before: ofPods, edit: edited(/^clusterfirewall$/), after: ofPods },
  passEdited: { before: ofPods, edit: edited(/defaults-pass/), after: ofPods },
  nodesCome: { before: nodes(undefined), after: ofNodes },
  nodesGo: { before: ofNodes, after: nodes(undefined) },
  loEdited: { before: nodes({}), edit: edited(/nodes-lo-/), after: nodes({}) },
  observe: { before: nodes({}), after: observed },
  observedEdited: { before: observed, edit: edited(/nodes-deny/), after: observed },
  observedGo: { before: observed, after: nodes(undefined) },
  addressComes: { before: nodes({}), after: nodes({}, withSecondAddress) },
  nodeRelabelled: { before: nodes({}), after: nodes({}, relabelled) },
  zonesExchange: {
    before: nodes({ zones: [zone('a', byPeer('office'), [22]), zone('b', byPeer('proxies'), [9100])] }),
    after: nodes({ zones: [zone('a', byPeer('proxies'), [22]), zone('b', byPeer('office'), [22])] }),
  },
  /** Port 10250 goes from the block for all pods to the block for some. */
  podBlocksExchange: {
    before: nodes({ zones: [zone('b', byPeer('proxies'), [9100])] }),
    after: nodes({ zones: [zone('b', byPeer('proxies'), [9100, 10250])] }),
  },
  /** The second address is denied as part of everything, then as one of the nodes'. */
  destinationsKnown: {
    before: nodes({ destinations: 'All' }),
    after: nodes({ destinations: 'Known' }, withSecondAddress),
  },
} satisfies Record<string, Case>;

/**
 * The case that needs the slot, or the reason why no change reaches it. Steps have a slot all the same, so
 * none is ever dropped.
 */
type Row = keyof typeof CASES | { readonly never: string };

const ROWS: Readonly<Record<Role, Readonly<Record<Change, Row>>>> = {
  tier: { create: 'podsCome', update: 'tierEdited', remove: 'podsGo' },
  finalPass: { create: 'podsCome', update: 'passEdited', remove: 'podsGo' },
  set: { create: 'nodesCome', update: 'addressComes', remove: 'nodesGo' },
  guardrail: { create: 'podsCome', update: 'podsChange', remove: 'podsGo' },
  allow: { create: 'podsCome', update: 'podsChange', remove: 'podsGo' },
  defaultDeny: { create: 'podsCome', update: 'podsChange', remove: 'podsGo' },
  bridgeOld: { create: 'twoDeniesGo', update: 'bridgeEdited', remove: 'twoDeniesGo' },
  guardrailOld: { create: 'guardrailsExchange', update: 'copyEdited', remove: 'podsGo' },
  bridgeOldComplete: {
    create: 'podsGo',
    update: { never: 'once it is stored, all old bridges stay as they are' },
    remove: 'podsGo',
  },
  bridgeNew: { create: 'podsCome', update: 'bridgeChanges', remove: 'podsCome' },
  lo: { create: 'nodesCome', update: 'loEdited', remove: 'nodesGo' },
  nodeAllow: { create: 'nodesCome', update: 'zonesExchange', remove: 'nodesGo' },
  nodeBlock: { create: 'nodesCome', update: 'observe', remove: 'nodesGo' },
  podBlock: { create: 'nodesCome', update: 'podBlocksExchange', remove: 'nodesGo' },
  finalDeny: { create: 'nodesCome', update: 'destinationsKnown', remove: 'nodesGo' },
  finalObserve: { create: 'observe', update: 'observedEdited', remove: 'observedGo' },
  nodeAddresses: { create: 'nodesCome', update: 'addressComes', remove: 'nodesGo' },
  nodeEndpoint: { create: 'nodesCome', update: 'nodeRelabelled', remove: 'nodesGo' },
  nodeShadow: {
    create: 'zonesExchange',
    update: { never: 'a stored shadow stays as it is' },
    remove: 'zonesExchange',
  },
  finalShadow: {
    create: 'destinationsKnown',
    update: { never: 'a stored shadow stays as it is' },
    remove: 'destinationsKnown',
  },
  podShadow: {
    create: 'podBlocksExchange',
    update: { never: 'a stored shadow stays as it is' },
    remove: 'podBlocksExchange',
  },
};

type SlotName = `${Role} ${Change}`;
const slotOf = (step: Step): SlotName => `${step.role} ${changeOf(step)}`;
const without =
  (slot: SlotName): Disturbance =>
  (steps) =>
    steps.filter((step) => slotOf(step) !== slot);

const rows = Object.entries(ROWS).flatMap(([role, changes]) =>
  Object.entries(changes).map(([change, row]) => ({ slot: `${role} ${change}` as SlotName, row })),
);
const isNever = (step: Step): boolean => typeof ROWS[step.role][changeOf(step)] !== 'string';

describe.each(Object.entries<Case>(CASES))('the change %s', (name, each) => {
  test('ends as compiled, shows no wrong verdict on the way, and needs no slot that is never needed', () => {
    const seen: Step[] = [];
    const found = flaws(each, (steps) => {
      seen.push(...steps);
      return steps;
    });
    expect(found).toEqual([]);
    expect(seen.filter(isNever).map(slotOf)).toEqual([]);
  });
  const own = rows.filter(({ row }) => row === name);
  test.each(own)('goes wrong without the slot $slot', ({ slot }) => {
    expect(flaws(each, without(slot))).not.toEqual([]);
  });
});

/** The first slot is withheld as long as there is something to write in the second one. */
const swapped =
  (first: SlotName, second: SlotName): Disturbance =>
  (steps) =>
    steps.some((step) => slotOf(step) === second) ? without(first)(steps) : steps;

const open22 = zone('a', { entity: 'World' }, [22]);
const closed = nodes({});
const opened = nodes({ zones: [open22], blocked: [strangers] });
const boundless = {
  name: 'blog',
  namespaces: ['blog'],
  egress: [{ name: 'all', pods: {}, to: [{ entity: 'World' as const }], ports: [80] }],
};
const bare = { defaults: { metadataAPI: { action: 'None' as const } } };
const unbounded = pods(bare);
const bounded = pods({ ...bare, namespaces: [boundless], guardrails: [guardrail('corp', [80])] });
const office22 = zone('a', byPeer('office'), [22]);
const onlyA = { nodeSelector: { matchLabels: { edge: 'true' } } };

interface Relation extends Case {
  readonly first: SlotName;
  readonly second: SlotName;
}
const RELATIONS: readonly Relation[] = [
  // Blocks come before the allows that they bound, and go after them.
  { first: 'guardrail create', second: 'allow create', before: unbounded, after: bounded },
  { first: 'allow remove', second: 'guardrail remove', before: bounded, after: unbounded },
  { first: 'nodeBlock create', second: 'nodeAllow create', before: closed, after: opened },
  { first: 'nodeAllow remove', second: 'nodeBlock remove', before: opened, after: closed },
  // A renamed zone never lacks its policy.
  {
    first: 'nodeAllow create',
    second: 'nodeAllow remove',
    before: nodes({ zones: [office22] }),
    after: nodes({ zones: [{ ...office22, name: 'b' }] }),
  },
  // A node that is open before or after the change is open during it.
  {
    first: 'nodeEndpoint remove',
    second: 'nodeAllow remove',
    before: nodes({ zones: [office22] }),
    after: nodes(onlyA),
  },
  {
    first: 'nodeAllow create',
    second: 'nodeEndpoint create',
    before: nodes(onlyA),
    after: nodes({ zones: [office22] }),
  },
  // Before, nobody denies the second address. Afterwards it is none of the nodes' any more.
  {
    first: 'nodeAddresses update',
    second: 'finalDeny create',
    before: nodes({ mode: 'Observe' }, withSecondAddress),
    after: nodes({}),
  },
];

describe.each(RELATIONS)('$first comes before $second', ({ first, second, ...each }) => {
  test('in this order, no verdict is wrong on the way', () => {
    expect(flaws(each)).toEqual([]);
  });
  test('the other way round, one is', () => {
    expect(flaws(each, swapped(first, second))).toContainEqual(expect.stringContaining('→'));
  });
});
