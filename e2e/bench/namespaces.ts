/** (d): the cost of a new namespace, and the time until its policy exists. */
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '../../src/cluster/objects/apply.ts';
import { isPeriodic, isWrite } from './audit.ts';
import { applyFirewall, ready } from './firewalls.ts';
import { NETWORK_POLICIES, observing, type Seen } from './generated.ts';
import {
  count,
  createAll,
  firewall,
  groupByLabel,
  groupByName,
  namespace,
  namespaceName,
  NAMESPACES,
} from './load.ts';
import type { Part } from './parts.ts';
import { startRig, whileRunning, type Rig, type ServedMode } from './rig.ts';
import { duration, tail } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

const BY_LABEL = 20;
const BY_NAME = 100;
/** Writes caused by a namespace come much sooner than this. */
const QUIET_MS = 5000;
const WITHIN = 30_000;

export const measureNamespaces: Part = async ({ note }) => {
  const rows: Row[] = [];
  for (const mode of ['native', 'aggregated'] as const) {
    note(`(d) new namespaces, ${mode}`);
    rows.push(...(await measureIn(mode)));
  }
  return rows;
};

async function measureIn(mode: ServedMode): Promise<readonly Row[]> {
  await using rig = await startRig({ mode });
  const { writes, delays } = await whileRunning(rig, async () => {
    const byName = count(BY_NAME).map((index) => groupByName(index, 1));
    await applyFirewall(rig.client, firewall({ namespaces: [groupByLabel('apps', 10), ...byName] }));
    await ready(rig.client);
    await delay(QUIET_MS);
    return { writes: await writesForLabelled(rig), delays: await delaysOf(rig) };
  });
  const what = `${mode}: ${BY_LABEL} new namespaces in a group by label`;
  return [
    withGoal(
      { part: 'd', what: `${what}: policies written`, figure: String(writes.policies) },
      '0',
      writes.policies,
      0,
    ),
    { part: 'd', what: `${what}: writes of the status, which counts them`, figure: String(writes.status) },
    {
      part: 'd',
      what: `${mode}: new namespace in a group by name → its policy stands, p50, p99 (max) of ${BY_NAME}`,
      figure: tail(delays, duration),
    },
  ];
}

async function writesForLabelled(rig: Rig) {
  const mark = await rig.audit.mark();
  const names = count(BY_LABEL).map((index) => `labelled-${index}`);
  await createAll(
    rig.client,
    NAMESPACES,
    names.map((name) => namespace(name, { 'example.com/group': 'apps' })),
  );
  await delay(QUIET_MS);
  const writes = (await rig.audit.since(mark)).filter((each) => isWrite(each) && !isPeriodic(each));
  const status = writes.filter(({ resource }) => resource === 'clusterfirewalls/status').length;
  return { policies: writes.length - status, status };
}

/**
 * Time from the answer to its creation until a watch shows its policy. Creates one namespace after the other.
 */
async function delaysOf(rig: Rig): Promise<readonly number[]> {
  const waiting = new Map<string, (at: number) => void>();
  const onEvent = ({ at, event }: Seen): void => {
    if (event.type === 'ADDED') waiting.get(event.object.metadata.namespace ?? '')?.(at);
  };
  const delays: number[] = [];
  await observing(rig.client, NETWORK_POLICIES, onEvent, async () => {
    for (const name of count(BY_NAME).map(namespaceName)) {
      const { promise, resolve } = Promise.withResolvers<number>();
      waiting.set(name, resolve);
      await create(rig.client, NAMESPACES, namespace(name), { fieldManager: 'bench' });
      const began = performance.now();
      const stands = await Promise.race([promise, tooLate(`a policy in ${name}`)]);
      delays.push(Math.max(0, stands - began));
    }
  });
  return delays;
}

export async function tooLate(what: string, within = WITHIN): Promise<never> {
  await delay(within, undefined, { ref: false });
  throw new Error(`waited ${within / 1000} s for ${what}`);
}
