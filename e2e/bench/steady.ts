/** (c): the requests of a converged operator in a minute. */
import { setTimeout as delay } from 'node:timers/promises';
import { isPeriodic, isWrite } from './audit.ts';
import { createNamespaces, GROUPS, spreadFirewall } from './converge.ts';
import { applyFirewall, ready } from './firewalls.ts';
import type { Part } from './parts.ts';
import { cpuSecondsOf } from './process-usage.ts';
import { startRig, type ServedMode } from './rig.ts';
import { withGoal, type Row } from './table.ts';

const MINUTE_MS = 60_000;
/** Time until the last effects of converging are over: Events, and the proof of its own watches. */
const CALM_MS = 5000;

export const measureSteady: Part = async ({ note }) => {
  const rows: Row[] = [];
  for (const mode of ['native', 'aggregated'] as const) {
    note(`(c) a minute of nothing, ${mode}`);
    rows.push(...(await measureIn(mode)));
  }
  return rows;
};

async function measureIn(mode: ServedMode): Promise<readonly Row[]> {
  await using rig = await startRig({ mode });
  await createNamespaces(rig, GROUPS);
  await using operator = await rig.startOperator();
  await applyFirewall(rig.client, spreadFirewall(GROUPS));
  await ready(rig.client);
  await delay(CALM_MS);
  const [mark, cpu] = [await rig.audit.mark(), await cpuSecondsOf(operator.pid)];
  await delay(MINUTE_MS);
  const used = (await cpuSecondsOf(operator.pid)) - cpu;
  const requests = await rig.audit.since(mark);
  const periodic = requests.filter(isPeriodic);
  const writes = requests.filter((each) => isWrite(each) && !isPeriodic(each)).length;
  const reads = requests.length - periodic.length - writes;
  const row = (what: string, figure: string): Row => ({ part: 'c', what: `${mode}: ${what}`, figure });
  return [
    withGoal(row('60 s with nothing to do: writes', String(writes)), '0', writes, 0),
    row('its Lease and heartbeats, reads and writes', String(periodic.length)),
    row('other reads', String(reads)),
    row('CPU', `${used.toFixed(2)} s`),
  ];
}
