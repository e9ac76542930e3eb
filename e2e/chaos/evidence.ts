/** Keeps the evidence of a failed fault. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Stage } from './stage.ts';
import { generated } from './stored.ts';
import type { Observation } from './verdict.ts';
import { FIREWALLS } from '../harness/paths.ts';

export interface Case {
  /** Folder of this fault. It is created here. */
  readonly folder: string;
  readonly title: string;
  readonly began: Date;
  readonly violations: readonly string[];
  readonly observations: readonly Observation[];
}

/**
 * Tallies with the moment of each loss, the currently stored objects, and all logs: of operators, API servers
 * and Felix.
 */
export async function keepEvidence(stage: Stage, each: Case): Promise<void> {
  const { folder, title, began, violations, observations } = each;
  await mkdir(folder, { recursive: true });
  const write = (name: string, content: unknown): Promise<void> =>
    writeFile(path.join(folder, name), `${JSON.stringify(content, null, 1)}\n`);
  const tallies = observations.map(({ flow, tally }) => ({ flow: flow.id, ...tally }));
  const until = new Date();
  await write('fault.json', { title, began, until, state: stage.state, violations });
  await write('flows.json', tallies);
  await cp(path.join(stage.cluster.workDir, 'logs'), path.join(folder, 'logs'), { recursive: true });
  // The best available state, because the API server may be broken.
  const told = (error: unknown): string => String(error);
  await write('objects.json', await generated(stage.api).then((objects) => [...objects.values()], told));
  await write('firewalls.json', await stage.api.get(FIREWALLS).catch(told));
  for (const node of stage.cluster.nodes)
    await writeFile(path.join(folder, `${node.name}.packet-filter`), await node.packetFilter().catch(told));
}
