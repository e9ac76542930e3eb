/** (e) and (g): the operator's memory, idle and in a large cluster, and its time to ready there. */
import { setTimeout as delay } from 'node:timers/promises';
import type { StartedBundle } from './bundle.ts';
import { applyFirewall, ready } from './firewalls.ts';
import {
  connectedGroup,
  count,
  createAll,
  firewall,
  groupByName,
  namespace,
  namespaceName,
  node,
  NAMESPACES,
  NODES,
} from './load.ts';
import { memoryOf } from './process-usage.ts';
import type { Part } from './parts.ts';
import { startRig, type Rig } from './rig.ts';
import { duration, megabytes, spread } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

const GOAL = 150e6;
const LOAD = { namespaces: 10_000, nodes: 1000 } as const;
/** 100 groups of one namespace with 10 rules each, and a policy in each of 4,000 namespaces of one group. */
const BY_NAME = { groups: 100, rules: 10 } as const;
const CONNECTED = 4000;
const STARTS = 5;
const SETTLE_MS = 10_000;
/**
 * Long enough for the comparison of every copy with the stored objects (src/cluster/informer/heartbeat.ts).
 */
const LONG_MS = 75_000;
const LOADED = '10,000 namespaces, 1,000 nodes, 5,000 objects';

export const measureMemory: Part = async ({ note }) => {
  await using rig = await startRig({ mode: 'native' });
  const idle = await startAndSettle(rig, SETTLE_MS);
  note(`(e) filling the cluster: ${LOAD.namespaces} namespaces, ${LOAD.nodes} nodes`);
  await fill(rig);
  note('(e) converging 5,000 objects');
  const converging = await converge(rig);
  note(`(e), (g) starting ${STARTS} times on that`);
  const starts: Sample[] = [];
  for (let run = 0; run < STARTS; run += 1) starts.push(await startAndSettle(rig, SETTLE_MS));
  const later = await startAndSettle(rig, LONG_MS);
  return [
    memoryRow('idle, nothing to do', [idle.rss]),
    memoryRow('idle: peak, start included', [idle.peak]),
    memoryRow(
      LOADED,
      starts.map(({ rss }) => rss),
    ),
    memoryRow(
      `${LOADED}: peak, start included`,
      starts.map(({ peak }) => peak),
    ),
    memoryRow(`${LOADED}: peak after ${LONG_MS / 1000} s`, [later.peak]),
    memory('peak of the operator that created the 5,000 objects', [converging.peak]),
    {
      part: 'g',
      what: 'start to ready on that load',
      figure: spread(
        starts.map(({ readyAfter }) => readyAfter),
        duration,
      ),
    },
  ];
};

const memory = (what: string, samples: readonly number[]): Row => ({
  part: 'e',
  what: `memory (RSS): ${what}`,
  figure: spread(samples, megabytes),
});

const memoryRow = (what: string, samples: readonly number[]): Row =>
  withGoal(memory(what, samples), '< 150 MB', Math.max(...samples), GOAL);

interface Sample {
  readonly rss: number;
  readonly peak: number;
  readonly readyAfter: number;
}

async function sample(operator: StartedBundle, after: number): Promise<Sample> {
  await delay(after);
  const { rss, peak } = await memoryOf(operator.pid);
  return { rss, peak, readyAfter: operator.readyAfter };
}

async function startAndSettle(rig: Rig, after: number): Promise<Sample> {
  await using operator = await rig.startOperator();
  return await sample(operator, after);
}

async function converge(rig: Rig): Promise<Sample> {
  await using operator = await rig.startOperator();
  const groups = count(BY_NAME.groups).map((index) => groupByName(index, BY_NAME.rules));
  await applyFirewall(rig.client, firewall({ namespaces: [...groups, connectedGroup('connected')] }));
  await ready(rig.client);
  return await sample(operator, SETTLE_MS);
}

async function fill({ client }: Rig): Promise<void> {
  const labelled = (index: number) =>
    index >= BY_NAME.groups && index < BY_NAME.groups + CONNECTED ? { 'example.com/group': 'connected' } : {};
  await createAll(
    client,
    NAMESPACES,
    count(LOAD.namespaces).map((index) => namespace(namespaceName(index), labelled(index))),
  );
  await createAll(client, NODES, count(LOAD.nodes).map(node));
}
