/**
 * Judges, flow by flow, every state that a node can see on the way from one spec.nodes to another. A flow that
 * gets in before and after gets in all the time. A flow that gets in neither before nor after never does.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ClusterFirewall, Nodes } from '../../api/schema.ts';
import type { GeneratedObject, HostEndpoint } from '../../calico/types.ts';
import { readHostEndpoint } from '../../inventory/calico.ts';
import { compile } from '../../compiler/compile.ts';
import { LABEL_ENFORCED } from '../../compiler/names.ts';
import { given } from '../../compiler/testing/arbitraries.ts';
import type { Cluster, Endpoint } from '../../compiler/testing/cluster.ts';
import { readOnce } from '../../compiler/read-once.ts';
import { random } from '../../compiler/testing/variations.ts';
import type { Compilation } from '../../compiler/types.ts';
import { knownOr } from '../../inventory/known.ts';
import type { HostEndpointInfo, Inventory } from '../../inventory/types.ts';
import { labelPlan, isDeferred, nodesOfOurs, type LabelPlan } from '../nodes/enforcement-labels.ts';
import type { StoredNode } from '../observe/cluster-state.ts';
import type { LiveObject } from '../objects/live.ts';
import { nodesStand } from '../nodes/nodes-report.ts';
import { asStored, contentOf, projected, verdictsAfter } from '../testing/objects.ts';
import type { Step } from './step.ts';
import { describeNodeFlow, nodeReadingOf, type NodeFlow } from '../testing/node-reading.ts';
import { Nodes as Watchers, type Stored } from '../testing/watchers.ts';
import { fromStored, transition, type Transition } from './transition.ts';
import { WaveTimer } from './wave-timer.ts';

const EDGE = { edge: 'true' };
const CONTROL_PLANE: StoredNode = {
  name: 'cp',
  uid: '1',
  labels: { 'node-role.kubernetes.io/control-plane': '' },
  addresses: ['10.99.0.11'],
};
// Calico's own endpoint of it, `a-auto-hep`, sorts before what merely begins with `cfw-`.
const WORKER: StoredNode = { name: 'a', uid: '2', labels: EDGE, addresses: ['10.99.0.12'] };
const NODES = [CONTROL_PLANE, WORKER];
const VIP = '192.0.2.7';
const outside = (id: string, address: string): Endpoint => ({
  kind: 'outside',
  id,
  addresses: { 4: address },
});
const [OFFICE, ADMIN, STRANGER] = [
  outside('office', '198.51.100.10'),
  outside('admin', '198.51.100.200'),
  outside('stranger', '203.0.113.50'),
];
const POD = {
  kind: 'pod',
  id: 'pod',
  namespace: 'blog',
  labels: { app: 'metrics' },
  addresses: { 4: '10.244.0.5' },
  node: 'a',
  ports: [],
} as const;
const CLUSTER: Cluster = {
  namespaces: [{ name: 'blog', labels: {} }],
  pods: [POD],
  nodes: NODES.map(({ name, labels, addresses }) => ({
    kind: 'node' as const,
    id: name,
    labels,
    addresses: { 4: addresses[0] ?? '' },
  })),
  outside: [],
  hostEndpoints: false,
  apiServer: [],
  tenantSets: [],
  tenantPolicies: [],
};

const PORTS = [22, 9100, 10250, 30080];
const FLOWS: readonly NodeFlow[] = [
  ...[OFFICE, ADMIN, STRANGER, POD, ...CLUSTER.nodes].flatMap((from) =>
    NODES.flatMap(({ name, addresses: [own = ''] }) =>
      [own, VIP].flatMap((address) =>
        PORTS.map((port) => ({ from, node: name, address, port, forwarded: port === 30080 })),
      ),
    ),
  ),
  // On the way to another node.
  ...[POD, STRANGER].flatMap((from) =>
    PORTS.map((port) => ({ from, node: 'a', address: '10.99.0.11', port, forwarded: true })),
  ),
];

/** Another client edits one Node. Two that exchange their zones at once are not covered (decision 13). */
const toggled = ({ labels: { edge, ...others }, ...node }: StoredNode): StoredNode => ({
  ...node,
  labels: edge === undefined ? { ...others, ...EDGE } : others,
});
const nodeEdit = fc.constantFrom(
  ...NODES.map(
    ({ name }) =>
      (node: StoredNode) =>
        node.name === name ? toggled(node) : node,
  ),
  (node: StoredNode): StoredNode => {
    const [own = '', second] = node.addresses;
    const addresses = second === undefined ? [own, '10.99.0.22'] : [own];
    return node.name === WORKER.name ? { ...node, addresses } : node;
  },
);

/** They end when their configuration changes, and are started again. */
const CONTROLLERS_START_MS = 2000;

/** The API, Calico's kube-controllers, the nodes that watch, and the operator's rounds. */
class World {
  #automatic: boolean;
  #switchedAt = 0;
  readonly #chance: (below: number) => number;
  #now = 0;
  readonly #waveTimer = new WaveTimer({ now: () => this.#now });
  readonly #watchers: Watchers;
  readonly #stored = new Map<string, GeneratedObject>();
  readonly #enforcementLabels = new Set<string>();
  #machines: readonly StoredNode[] = NODES;
  #compiled: { readonly of: unknown; readonly compilation: Compilation } | undefined;

  constructor(automatic: boolean, chance: (below: number) => number) {
    this.#automatic = automatic;
    this.#chance = chance;
    this.#watchers = new Watchers(chance);
    if (automatic) for (const { name } of NODES) this.#tell(automaticEndpoint(name, NODES, false));
    this.#watchers.learnAll(this.#now);
  }

  /** Changes to this spec, with a Node that another client has edited. */
  editNode(edit: (node: StoredNode) => StoredNode, nodes: Nodes | undefined): readonly Stored[] {
    this.#machines = this.#machines.map(edit);
    return this.change(nodes);
  }

  /** As change, with the endpoints of the other kind. */
  switchEndpoints(nodes: Nodes | undefined): readonly Stored[] {
    this.#automatic = !this.#automatic;
    this.#switchedAt = this.#now;
    // Calico's take theirs away when they like: an outage just then opens nodes until ours come (decision 13).
    return this.change(nodes, false);
  }

  /** Brings the cluster to this spec; gives back every state of a node on the way, the last one included. */
  change(nodes: Nodes | undefined, mayBeCut = true): readonly Stored[] {
    const seen: Stored[] = [];
    const look = (): void => {
      seen.push(this.#watchers.learnSome());
    };
    const lookAgain = (): void => {
      seen.push(...this.#watchers.learnAll(this.#now));
    };
    for (let round = 0; round < 60; round++) {
      const [gating, now, isKeptBack] = this.#plan(nodes);
      this.#gate(
        gating.takeOff.map(({ node }) => node.name),
        false,
      );
      this.#waveTimer.noteEndpoints(gating);
      const { phases, waitMs } = this.#waveTimer.due(now, isKeptBack);
      const steps = phases.flat().filter((each) => !isKeptBack(each));
      // An outage ends the round anywhere; the next one begins with a plan of what was written until then.
      const isCut = mayBeCut && round < 20 && this.#chance(6) === 0;
      for (const step of isCut ? steps.slice(0, this.#chance(steps.length + 1)) : steps) {
        this.#write(step);
        this.#waveTimer.wrote([step], now.staged);
        look();
      }
      if (isCut) {
        this.#outage();
        lookAgain();
        continue;
      }
      this.#controllers(false);
      look();
      const [after, then] = this.#plan(nodes);
      const mayGate = nodesStand(then.plan, verdictsAfter(then.plan)) && this.#waveTimer.settlingMs === 0;
      if (mayGate)
        this.#gate(
          after.set.map(({ node }) => node.name),
          true,
        );
      const isDone = then.plan.phases.length === 0 && !after.leaving && after.set.length === 0;
      if (isDone && waitMs === 0) break;
      const pause = Math.max(waitMs, after.set.length > 0 ? this.#waveTimer.settlingMs : 0);
      this.#now += Math.max(pause, 100);
      if (pause > 0) lookAgain();
    }
    this.#controllers(true);
    expect(this.#plan(nodes)[1].plan.phases).toEqual([]);
    const own = [...this.#stored.values()].filter((object) => !isAutomatic(object));
    expect(contentOf(own)).toEqual(contentOf(this.#compilation(nodes).objects.map(({ object }) => object)));
    expect([...this.#stored.keys()].filter((id) => id.includes('bridge'))).toEqual([]);
    return [...seen, ...this.#watchers.learnAll(Infinity)];
  }

  #outage(): void {
    this.#now += this.#chance(20_000);
    this.#watchers.loseTouch(this.#now);
    this.#waveTimer.noteOutageEnd(this.#now);
  }

  #plan(nodes: Nodes | undefined): readonly [LabelPlan, Transition, (step: Step) => boolean] {
    const compilation = this.#compilation(nodes);
    const gating = labelPlan(this.#labelled(), this.#automaticEndpoints(), nodesOfOurs(this.#live()), {
      labelledNodes: new Set(knownOr(compilation.labelledNodes, [])),
      nodes: compilation.nodes,
      desired: compilation.objects,
    });
    const isKeptBack = isDeferred(gating);
    const input = {
      desired: compilation.objects,
      frozen: compilation.frozen,
      reach: compilation.reach,
      live: this.#live(),
      firewalls: new Set(['default']),
      isClosedNamespace: () => false,
      ignoresWaves: isKeptBack,
    };
    const first = transition({ ...input, fromStored: undefined });
    if (!first.needsStored) return [gating, first, isKeptBack];
    const stored = [...this.#stored.values()].map(asStored);
    return [gating, transition({ ...input, fromStored: fromStored(stored) }), isKeptBack];
  }

  #labelled(): readonly StoredNode[] {
    return this.#machines.map((node) => ({
      ...node,
      labels: {
        ...node.labels,
        ...(this.#enforcementLabels.has(node.name) && { [LABEL_ENFORCED]: 'enforced' }),
      },
    }));
  }

  #automaticEndpoints(): readonly HostEndpointInfo[] {
    return [...this.#stored.values()].filter(isAutomatic).map(asStored).map(readHostEndpoint);
  }

  #compilation(nodes: Nodes | undefined): Compilation {
    const firewall: ClusterFirewall = {
      metadata: { name: 'default' },
      spec: { mode: 'Enforce', defaults: { deny: 'None' }, peers: PEERS, ...(nodes && { nodes }) },
    };
    const compilation = this.#compile(firewall, {
      namespaces: [{ name: 'blog', labels: {} }],
      nodes: this.#labelled(),
      apiServerEndpoints: ['10.99.0.11'],
      ipPools: ['10.244.0.0/16'],
      automaticHostEndpoints: this.#automatic,
      hostEndpoints: this.#automaticEndpoints(),
    });
    expect(compilation.problems.filter(({ severity }) => severity === 'problem')).toEqual([]);
    return compilation;
  }

  /** Most rounds plan twice over the same inventory. */
  #compile(firewall: ClusterFirewall, inventory: Inventory): Compilation {
    const of = { spec: firewall.spec, inventory };
    if (this.#compiled === undefined || !isDeepStrictEqual(this.#compiled.of, of))
      this.#compiled = { of, compilation: compile([firewall], inventory) };
    return this.#compiled.compilation;
  }

  #live(): readonly LiveObject[] {
    return [...this.#stored.values()].map(live);
  }

  #write(step: Step): void {
    if (step.action === 'apply') {
      this.#tell(step.desired.object);
      return;
    }
    this.#stored.delete(step.id);
    // A tier that is gone goes on in Felix until it restarts (calico.md, Missing Tier).
    if (step.live.kind !== 'Tier') this.#watchers.told(step.live.kind, { id: step.id, object: undefined });
  }

  #tell(object: GeneratedObject): void {
    const id = `${object.kind}/${object.metadata.name}`;
    this.#stored.set(id, object);
    if (object.kind === 'Tier') this.#watchers.known.set(id, object);
    else this.#watchers.told(object.kind, { id, object });
  }

  #forget({ kind, metadata: { name } }: GeneratedObject): void {
    const id = `${kind}/${name}`;
    if (this.#stored.delete(id)) this.#watchers.told(kind, { id, object: undefined });
  }

  #gate(nodes: readonly string[], on: boolean): void {
    for (const node of nodes) {
      if (on) this.#enforcementLabels.add(node);
      else this.#enforcementLabels.delete(node);
    }
  }

  /** Calico's kube-controllers copy the labels of Nodes in their own time. */
  #controllers(all: boolean): void {
    for (const { name } of NODES) {
      if (!all && this.#chance(2) === 0) continue;
      const endpoint = automaticEndpoint(name, this.#machines, this.#enforcementLabels.has(name));
      if (this.#automatic) this.#tell(endpoint);
      else if (all || this.#now > this.#switchedAt + CONTROLLERS_START_MS) this.#forget(endpoint);
    }
  }
}

function automaticEndpoint(name: string, nodes: readonly StoredNode[], gated: boolean): HostEndpoint {
  const labels = {
    ...nodes.find((node) => node.name === name)?.labels,
    'projectcalico.org/created-by': 'calico-kube-controllers',
    ...(gated && { [LABEL_ENFORCED]: 'enforced' }),
  };
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'HostEndpoint',
    metadata: { name: `${name}-auto-hep`, labels },
    spec: { node: name, interfaceName: '*', profiles: ['projectcalico-default-allow'] },
  };
}

const isAutomatic = (object: GeneratedObject): object is HostEndpoint =>
  object.kind === 'HostEndpoint' && object.metadata.name.endsWith('-auto-hep');

const live = readOnce((object: GeneratedObject) => projected(object.kind, asStored(object)));

const PEERS: NonNullable<ClusterFirewall['spec']['peers']> = [
  { name: 'office', cidrs: ['198.51.100.0/25'] },
  {
    name: 'metrics',
    pods: {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'blog' } },
      podSelector: { matchLabels: { app: 'metrics' } },
    },
  },
];

const nodeSelector = fc.constantFrom({}, { matchLabels: EDGE });
const zoneSelector = fc.constantFrom<NonNullable<Nodes['zones']>[number]['nodeSelector']>(
  undefined,
  { matchLabels: EDGE },
  { matchExpressions: [{ key: 'edge', operator: 'DoesNotExist' }] },
);
const zone = (name: string): fc.Arbitrary<NonNullable<Nodes['zones']>[number]> =>
  fc
    .record({
      name: fc.constant(name),
      from: fc.uniqueArray(
        fc.constantFrom(
          { peer: 'office' },
          { peer: 'metrics' },
          { entity: 'World' as const },
          { ipBlock: { cidr: '203.0.113.0/24' } },
          { ipBlock: { cidr: '198.51.100.0/24' } },
        ),
        { minLength: 1, maxLength: 2 },
      ),
      allow: fc.oneof(
        fc.record({ ports: fc.uniqueArray(fc.constantFrom(...PORTS), { minLength: 1, maxLength: 3 }) }),
        fc.constant({ all: true as const }),
      ),
      nodeSelector: zoneSelector,
    })
    .map(given);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const nodeSpecs: fc.Arbitrary<Nodes | undefined> = optional(
  fc
    .record({
      mode: fc.constantFrom('Enforce' as const, 'Enforce' as const, 'Observe' as const, 'Disabled' as const),
      nodeSelector,
      destinations: fc.constantFrom('Known' as const, 'All' as const),
      extraAddresses: optional(fc.constant([`${VIP}/32`])),
      baseline: optional(fc.constant({ disable: ['nodes-to-nodes'] })),
      blocked: optional(
        fc.uniqueArray(fc.constantFrom({ peer: 'office' }, { ipBlock: { cidr: '203.0.113.0/24' } }), {
          minLength: 1,
          maxLength: 2,
        }),
      ),
      zones: fc
        .tuple(optional(zone('a')), optional(zone('b')), optional(zone('c')))
        .map((zones) => zones.filter((each) => each !== undefined)),
    })
    .map((spec) => given(spec) as Nodes),
);

const judgeOf = (stored: Stored) => nodeReadingOf([...stored.values()], CLUSTER);

function check(before: Stored, steps: readonly Stored[]): void {
  const [old, final] = [judgeOf(before), judgeOf(steps.at(-1) ?? before)];
  const verdicts = FLOWS.map((flow) => ({ flow, was: old(flow), willBe: final(flow) }));
  const settled = verdicts.filter(({ was, willBe }) => (was === undefined) === (willBe === undefined));
  for (const [index, step] of steps.entries()) {
    const now = judgeOf(step);
    for (const { flow, was } of settled) {
      const is = now(flow);
      if ((was === undefined) === (is === undefined)) continue;
      const what =
        is === undefined
          ? `passes, refused before by ${String(was)} and after by ${String(final(flow))}`
          : `is lost: ${is}`;
      throw new Error(`state ${String(index)} of ${String(steps.length)}: ${describeNodeFlow(flow)} ${what}`);
    }
  }
}

test('nothing is lost and nothing passes at nodes on the way', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ nodes: nodeSpecs, edit: optional(nodeEdit) }), { minLength: 2, maxLength: 3 }),
      fc.boolean(),
      fc.boolean(),
      random,
      (edits, automatic, switches, chance) => {
        const world = new World(automatic, (below) => Math.floor(chance() * below));
        let before: Stored = new Map();
        for (const { nodes, edit } of [...edits, { nodes: undefined, edit: undefined }]) {
          const steps = world.change(nodes);
          check(before, steps);
          before = steps.at(-1) ?? before;
          if (edit !== undefined) {
            const edited = world.editNode(edit, nodes);
            check(before, edited);
            before = edited.at(-1) ?? before;
          }
          if (!switches) continue;
          const switched = world.switchEndpoints(nodes);
          check(before, switched);
          before = switched.at(-1) ?? before;
        }
      },
    ),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 12) },
  );
});
