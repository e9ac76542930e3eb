/**
 * (n), first half: the writes that bring 1,000 nodes under rules, and those for a node that joins, moves, or
 * gets a label.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Status } from '../../src/api/status.ts';
import { create, get, mergePatch } from '../../src/cluster/objects/apply.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import { LABEL_ENFORCED } from '../../src/compiler/names.ts';
import { waitFor } from '../wait.ts';
import { isPeriodic, isWrite, type AuditedRequest } from './audit.ts';
import { applyFirewall } from './firewalls.ts';
import { HOST_ENDPOINTS, observing, type Seen } from './generated.ts';
import { count, firewall, FIREWALLS, node, nodeName, NODES } from './load.ts';
import { tooLate } from './namespaces.ts';
import type { Context } from './parts.ts';
import { startRig, whileRunning, type Rig } from './rig.ts';
import { duration, spread } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

const LOAD = 1000;
const CHANGES = 10;
/**
 * The endpoint of lo, the endpoint of all other interfaces or the enforcement label on the Node, and the sets
 * of all nodes and of enforced ones.
 */
const FOR_A_NODE = 4;
/** Both sets. */
const FOR_AN_ADDRESS = 2;
/** The set of the zone's nodes, and the label on our own endpoint. */
const FOR_A_ZONE = 2;
const WITHIN = 600_000;
/** Writes caused by a change come much sooner than this. */
const QUIET_MS = 3000;

const PEER = { name: 'ops', cidrs: ['198.51.100.0/24'] };
const guarded = firewall({
  peers: [PEER],
  nodes: {
    mode: 'Enforce',
    zones: [
      { name: 'operations', from: [{ peer: PEER.name }], allow: { services: ['ssh', 'kube-apiserver'] } },
      {
        name: 'public',
        from: [{ entity: 'World' }],
        allow: { services: ['http', 'https'] },
        nodeSelector: { matchLabels: { role: 'edge' } },
      },
    ],
  },
});

export async function measureNodeWrites({ note }: Context): Promise<readonly Row[]> {
  const all: Row[] = [];
  for (const endpoints of ['Managed', 'Auto'] as const) {
    note(`(n) ${LOAD} nodes under rules, host endpoints ${endpoints}`);
    await using rig = await startRig({ mode: 'native' });
    const nodes = nodesOf(rig, endpoints);
    await nodes.begin();
    all.push(...(await whileRunning(rig, () => measureIn(rig, nodes, note))));
  }
  return all;
}

async function measureIn(rig: Rig, nodes: Nodes, note: Context['note']): Promise<readonly Row[]> {
  const first = await firstEnforce(rig, nodes);
  note(`(n) ${CHANGES} nodes each: joining, moving, labelled`);
  return [...first, ...(await joins(rig, nodes)), ...(await changes(rig, nodes))];
}

interface Nodes {
  readonly endpoints: 'Managed' | 'Auto';
  begin(): Promise<void>;
  join(index: number): Promise<void>;
}

/**
 * With Auto, this does the work of Calico's kube-controllers immediately: an endpoint with the enforcement
 * label.
 */
function nodesOf({ client }: Rig, endpoints: Nodes['endpoints']): Nodes {
  const join = async (index: number): Promise<void> => {
    await create(client, NODES, joining(index), { fieldManager: 'bench' });
    if (endpoints === 'Auto') {
      await create(client, HOST_ENDPOINTS, automatic(index), { fieldManager: 'bench' });
    }
  };
  return {
    endpoints,
    join,
    begin: async () => {
      if (endpoints === 'Auto') {
        await create(client, CONTROLLERS, AUTOMATIC, { fieldManager: 'bench' });
      }
      await forEachLimit(count(LOAD), AT_ONCE, join);
    },
  };
}

const AT_ONCE = 24;
const CONTROLLERS = { ...HOST_ENDPOINTS, plural: 'kubecontrollersconfigurations' };
const AUTOMATIC = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'KubeControllersConfiguration',
  metadata: { name: 'default' },
  spec: { controllers: { node: { hostEndpoint: { autoCreate: 'Enabled' } } } },
};

const automatic = (index: number) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'HostEndpoint',
  metadata: {
    name: `${nodeName(index)}-auto-hep`,
    labels: {
      ...joining(index).metadata.labels,
      'projectcalico.org/created-by': 'calico-kube-controllers',
      [LABEL_ENFORCED]: 'enforced',
    },
  },
  spec: { node: nodeName(index), interfaceName: '*', profiles: ['projectcalico-default-allow'] },
});

/** The first three belong to the control plane, together with their etcd. */
function joining(index: number): ReturnType<typeof node> {
  const made = node(index);
  if (index >= 3) return made;
  const labels = { ...made.metadata.labels, 'node-role.kubernetes.io/control-plane': '' };
  return { ...made, metadata: { ...made.metadata, labels } };
}

async function enforced({ client }: Rig, nodes: number): Promise<void> {
  const wanted = `${nodes}/${nodes}`;
  let last: Status | undefined;
  await waitFor(
    async () => {
      last = (await get(client, FIREWALLS, 'default'))?.['status'] as Status | undefined;
      return last?.nodes?.summary === wanted || undefined;
    },
    {
      what: `${wanted} nodes enforced`,
      within: WITHIN,
      every: 100,
      explain: () => Promise.resolve(JSON.stringify(last)),
    },
  );
}

async function firstEnforce(rig: Rig, { endpoints }: Nodes): Promise<readonly Row[]> {
  const began = performance.now();
  await applyFirewall(rig.client, guarded);
  await enforced(rig, LOAD);
  const figure = duration(performance.now() - began);
  // Endpoints that have the enforcement label before their Nodes do count as enforced.
  while ((await writesOf(rig, () => Promise.resolve())).objects > 0);
  if (endpoints === 'Auto') return [];
  return [{ part: 'n', what: `Managed: ${LOAD} nodes: the first Enforce: written → all enforced`, figure }];
}

interface Written {
  readonly objects: number;
  readonly status: number;
}

/** The operator's writes because of `work`, except its status and Events. */
async function writesOf(rig: Rig, work: () => Promise<unknown>): Promise<Written> {
  const mark = await rig.audit.mark();
  await work();
  await delay(QUIET_MS);
  const isCounted = (each: AuditedRequest): boolean =>
    isWrite(each) && !isPeriodic(each) && each.resource !== 'events';
  const writes = (await rig.audit.since(mark)).filter(isCounted);
  const status = writes.filter(({ resource }) => resource === 'clusterfirewalls/status').length;
  return { objects: writes.length - status, status };
}

/**
 * Time from the answer to a Node's creation until a watch shows its endpoint of lo, and the endpoint of all
 * interfaces if that is ours. That one is written last.
 */
async function joins(rig: Rig, nodes: Nodes): Promise<readonly Row[]> {
  const last = nodes.endpoints === 'Managed' ? '*' : 'lo';
  const waiting = new Map<string, (at: number) => void>();
  const onEvent = ({ at, event }: Seen): void => {
    const spec = event.object['spec'] as { readonly node?: string; readonly interfaceName?: string };
    if (event.type === 'ADDED' && spec.interfaceName === last) waiting.get(spec.node ?? '')?.(at);
  };
  const delays: number[] = [];
  const written: Written[] = [];
  await observing(rig.client, HOST_ENDPOINTS, onEvent, async () => {
    for (const index of count(CHANGES).map((each) => LOAD + each)) {
      const { promise, resolve } = Promise.withResolvers<number>();
      waiting.set(nodeName(index), resolve);
      const join = async (): Promise<void> => {
        await nodes.join(index);
        const began = performance.now();
        delays.push(
          Math.max(0, (await Promise.race([promise, tooLate(`an endpoint of ${nodeName(index)}`)])) - began),
        );
      };
      written.push(await writesOf(rig, join));
    }
  });
  await enforced(rig, LOAD + CHANGES);
  const what = `${nodes.endpoints}: a node joins`;
  const figure = spread(delays, duration);
  return [
    ...(last === '*'
      ? [{ part: 'n', what: `${what} → its endpoints stand, of all objects the last`, figure }]
      : []),
    ...rows(what, written, FOR_A_NODE),
  ];
}

type Patch = Readonly<Record<string, unknown>>;

async function changes(rig: Rig, { endpoints }: Nodes): Promise<readonly Row[]> {
  const patch = (change: (index: number) => Patch, subresource?: 'status') =>
    writesForEach(rig, (index) =>
      mergePatch(rig.client, NODES, nodeName(index + 10), change(index), {
        fieldManager: 'bench',
        ...(subresource === undefined ? {} : { subresource }),
      }),
    );
  const label = (labels: object) => () => ({ metadata: { labels } });
  const moved = await patch((index) => movedTo(`10.201.0.${index + 1}`), 'status');
  const labelled = await patch(label({ team: 'blue' }));
  const selected = await patch(label({ role: 'edge' }));
  return [
    ...rows(`${endpoints}: a node has another address`, moved, FOR_AN_ADDRESS),
    ...rows(`${endpoints}: a node gets a label that no zone asks for`, labelled, 0),
    ...rows(`${endpoints}: a node gets the label of a zone`, selected, FOR_A_ZONE),
  ];
}

/** Nodes other than those of the control plane. */
async function writesForEach(
  rig: Rig,
  change: (index: number) => Promise<unknown>,
): Promise<readonly Written[]> {
  const written: Written[] = [];
  for (const index of count(CHANGES)) written.push(await writesOf(rig, () => change(index)));
  return written;
}

/** Replaces the address that kubelet reported. */
const movedTo = (address: string): Patch => ({
  status: { addresses: [{ type: 'InternalIP', address }] },
});

function rows(what: string, written: readonly Written[], most: number): readonly Row[] {
  const figureOf = (of: (each: Written) => number): string => spread(written.map(of), String);
  const objects = written.map((each) => each.objects);
  return [
    withGoal(
      { part: 'n', what: `${what}: writes of objects, each of ${CHANGES}`, figure: spread(objects, String) },
      most === 0 ? '0' : `≤ ${most}`,
      Math.max(...objects),
      most,
    ),
    { part: 'n', what: `${what}: writes of the status`, figure: figureOf(({ status }) => status) },
  ];
}
