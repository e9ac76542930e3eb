/** (f): the time from another client's edit of a generated policy to its repair. */
import { setTimeout as delay } from 'node:timers/promises';
import { mergePatch } from '../../src/cluster/objects/apply.ts';
import { isRecord } from '../../src/json.ts';
import { objectKey, type KubernetesObject } from '../../src/cluster/resource.ts';
import { createNamespaces, RULES, spreadFirewall } from './converge.ts';
import { applyFirewall, ready } from './firewalls.ts';
import { generated, NETWORK_POLICIES, observing, type Seen } from './generated.ts';
import { tooLate } from './namespaces.ts';
import type { Part } from './parts.ts';
import { startRig, whileRunning, type Rig, type ServedMode } from './rig.ts';
import { duration, percentile, tail } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

/**
 * One edit for each object. Repeated edits of one object count as contested, and are repaired with back-off
 * on purpose.
 */
const EDITS = 500;
const GOAL_MS = 1000;
const CALM_MS = 2000;
const EDITED = 'app == "somebody-elses"';

export const measureDrift: Part = async ({ note }) => {
  const rows: Row[] = [];
  for (const mode of ['native', 'aggregated'] as const) {
    note(`(f) drift, ${mode}`);
    const delays = await delaysIn(mode);
    const row = {
      part: 'f',
      what: `${mode}: edit → repaired, p50, p99 (max) of ${EDITS}`,
      figure: tail(delays, duration),
    };
    rows.push(mode === 'native' ? withGoal(row, 'p99 < 1 s', percentile(delays, 0.99), GOAL_MS) : row);
  }
  return rows;
};

async function delaysIn(mode: ServedMode): Promise<readonly number[]> {
  await using rig = await startRig({ mode });
  const groups = Math.ceil(EDITS / RULES);
  await createNamespaces(rig, groups);
  return await whileRunning(rig, async () => {
    await applyFirewall(rig.client, spreadFirewall(groups));
    await ready(rig.client);
    await delay(CALM_MS);
    const policies = (await generated(rig.client)).filter(({ kind }) => kind === 'NetworkPolicy');
    return editAll(
      rig,
      policies.slice(0, EDITS).map(({ object }) => object),
    );
  });
}

const selectorOf = ({ spec }: KubernetesObject): unknown => (isRecord(spec) ? spec['selector'] : undefined);

/**
 * Time from the answer to an edit until a watch shows the former selector. Edits one policy after the other.
 */
async function editAll(rig: Rig, policies: readonly KubernetesObject[]): Promise<readonly number[]> {
  const edited = new Set<string>();
  const waiting = new Map<string, (at: number) => void>();
  const onEvent = ({ at, event: { object } }: Seen): void => {
    const key = objectKey(object);
    if (selectorOf(object) === EDITED) edited.add(key);
    else if (edited.has(key)) waiting.get(key)?.(at);
  };
  const delays: number[] = [];
  await observing(rig.client, NETWORK_POLICIES, onEvent, async () => {
    for (const policy of policies) {
      const { promise, resolve } = Promise.withResolvers<number>();
      waiting.set(objectKey(policy), resolve);
      await edit(rig, policy);
      const began = performance.now();
      const repaired = await Promise.race([promise, tooLate(`the repair of ${objectKey(policy)}`)]);
      delays.push(Math.max(0, repaired - began));
    }
  });
  return delays;
}

async function edit(
  { client }: Rig,
  { metadata: { name, namespace = '' } }: KubernetesObject,
): Promise<void> {
  const resource = { ...NETWORK_POLICIES, namespace };
  await mergePatch(client, resource, name, { spec: { selector: EDITED } }, { fieldManager: 'somebody' });
}
