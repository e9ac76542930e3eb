/**
 * (b): the time until 300 objects are written, in comparison with bare parallel requests and with kubectl.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isPeriodic, isWrite, type AuditedRequest } from './audit.ts';
import type { StartedBundle } from './bundle.ts';
import { applyFirewall, isReady, ready, removeFirewall } from './firewalls.ts';
import { generated, observing, type Generated, type Seen } from './generated.ts';
import {
  count,
  createAll,
  firewall,
  FIREWALLS,
  groupByName,
  namespace,
  namespaceName,
  NAMESPACES,
} from './load.ts';
import { tooLate } from './namespaces.ts';
import type { Part } from './parts.ts';
import { bareWrites, kubectlApply, removeAll, strangers } from './peers.ts';
import { startRig, type Rig, type ServedMode } from './rig.ts';
import { duration, median, ratio, spread } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

/** 100 namespaces with three rules each: 300 policies, and the objects that every firewall has. */
export const GROUPS = 100;
export const RULES = 3;
const GOAL = 1.15;
const CYCLES: Readonly<Record<ServedMode, number>> = { native: 5, aggregated: 3 };
/** After this long without a request, the operator waits on purpose. */
const PAUSE_MS = 150;
const CONVERGES_WITHIN = 300_000;

export const spreadFirewall = (groups: number) =>
  firewall(groups === 0 ? {} : { namespaces: count(groups).map((index) => groupByName(index, RULES)) });

export const createNamespaces = (rig: Rig, names: number): Promise<void> =>
  createAll(
    rig.client,
    NAMESPACES,
    count(names).map((index) => namespace(namespaceName(index))),
  );

export const measureConverge: Part = async (context) => {
  const rows: Row[] = [];
  for (const mode of ['native', 'aggregated'] as const) {
    context.note(`(b) converging, ${mode}`);
    rows.push(...(await measureIn(mode)));
  }
  return rows;
};

interface Converged {
  readonly milliseconds: number;
  readonly waited: number;
  readonly requests: number;
}

interface Cycle {
  /** On a firewall that is enforced already, so no bridge is needed. */
  readonly added: Converged;
  /** The first Enforce, with no objects before. */
  readonly first: Converged;
  readonly bare: number;
  readonly kubectl: number;
  readonly kubectlAgain: number;
}

async function measureIn(mode: ServedMode): Promise<readonly Row[]> {
  await using rig = await startRig({ mode });
  await createNamespaces(rig, GROUPS);
  const cycles: Cycle[] = [];
  let objects = 0;
  for (let cycle = 0; cycle < CYCLES[mode]; cycle += 1) {
    const { made, ...byOperator } = await convergeTwice(rig);
    objects = made.length;
    cycles.push({ ...byOperator, ...(await byOthers(rig, strangers(made))) });
  }
  return rowsOf(rig, objects, cycles);
}

/**
 * Each run has a fresh operator. It is stopped before the others write, because it would interfere with them.
 */
async function convergeTwice(rig: Rig) {
  await using operator = await rig.startOperator();
  await leading(operator);
  await applyFirewall(rig.client, spreadFirewall(0));
  await ready(rig.client);
  const added = await converge(rig);
  await removeFirewall(rig.client);
  const first = await converge(rig);
  const made = await generated(rig.client);
  await removeFirewall(rig.client);
  return { added, first, made };
}

async function converge(rig: Rig): Promise<Converged> {
  const mark = await rig.audit.mark();
  const milliseconds = await untilReady(rig);
  const requests = (await rig.audit.since(mark)).filter((each) => isWrite(each) && !isPeriodic(each));
  return { milliseconds, waited: pauses(requests), requests: requests.length };
}

/**
 * Time from the answer to the edit until a watch shows Ready. Polling would keep the API server busy
 * meanwhile.
 */
async function untilReady({ client }: Rig): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let edited: number | undefined;
  const onEvent = ({ at, event: { object } }: Seen): void => {
    if (object.metadata.generation === edited && isReady(object)) resolve(at);
  };
  return observing(client, FIREWALLS, onEvent, async () => {
    edited = (await applyFirewall(client, spreadFirewall(GROUPS))).metadata.generation;
    const began = performance.now();
    const late = tooLate('the ClusterFirewall to be Ready', CONVERGES_WITHIN);
    return (await Promise.race([promise, late])) - began;
  });
}

async function byOthers(rig: Rig, objects: readonly Generated[]) {
  const bare = await bareWrites(rig, objects);
  await removeAll(rig, objects);
  const kubectl = await kubectlApply(rig, objects);
  const kubectlAgain = await kubectlApply(rig, objects);
  await removeAll(rig, objects);
  return { bare, kubectl, kubectlAgain };
}

/** Waits until the election is won, if the metrics show leader election. */
async function leading(operator: StartedBundle): Promise<void> {
  const isFollower = async (): Promise<boolean> =>
    /^leader_election_master_status.* 0$/m.test(await operator.metrics());
  while (await isFollower()) await delay(20);
}

/**
 * Milliseconds between the first and the last write in which no write was in progress. Short gaps do not
 * count.
 */
function pauses(requests: readonly AuditedRequest[]): number {
  const sorted = requests.toSorted((a, b) => a.receivedAt - b.receivedAt);
  let busyUntil = Infinity;
  let sum = 0;
  for (const { receivedAt, answeredAt } of sorted) {
    const gap = receivedAt - busyUntil;
    if (gap > PAUSE_MS) sum += gap;
    busyUntil = busyUntil === Infinity ? answeredAt : Math.max(busyUntil, answeredAt);
  }
  return sum;
}

function rowsOf({ mode, served }: Rig, objects: number, cycles: readonly Cycle[]): readonly Row[] {
  const row = (what: string, value: (cycle: Cycle) => number, format = duration): Row => ({
    part: 'b',
    what: `${mode}: ${what}`,
    figure: spread(cycles.map(value), format),
  });
  const ratios = (what: string, value: (cycle: Cycle) => number): Row =>
    withGoal(row(what, value, ratio), `≤ ${GOAL}`, median(cycles.map(value)), GOAL);
  return [
    row(`${objects} objects (${served}) by bare parallel requests`, ({ bare }) => bare),
    row('added to an enforced firewall: written → Ready', ({ added }) => added.milliseconds),
    ratios('added to an enforced firewall ÷ bare requests', ({ added, bare }) => added.milliseconds / bare),
    row('its write requests', ({ added }) => added.requests, String),
    row('the first Enforce: written → Ready', ({ first }) => first.milliseconds),
    row('its deliberate waits, without requests', ({ first }) => first.waited),
    ratios('the first Enforce ÷ bare requests', ({ first, bare }) => first.milliseconds / bare),
    ratios(
      'the first Enforce, without these waits, ÷ bare requests',
      ({ first, bare }) => (first.milliseconds - first.waited) / bare,
    ),
    row('its write requests', ({ first }) => first.requests, String),
    row('kubectl apply --server-side of the same objects', ({ kubectl }) => kubectl),
    row('kubectl again, without changes', ({ kubectlAgain }) => kubectlAgain),
  ];
}
