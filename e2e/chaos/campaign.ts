/** Runs faults one after the other, each on a cluster at rest. */
import path from 'node:path';
import { keepEvidence } from './evidence.ts';
import type { Length, PlannedFault } from './faults/fault.ts';
import type { Turn } from './schedule.ts';
import { seeded } from '../harness/random.ts';
import { hasFailed, type Outcome } from './report.ts';
import { startStage, type Stage } from './stage.ts';
import { judge, type Observation, type Verdict } from './verdict.ts';

export interface CampaignOptions {
  readonly length: Length;
  /** Milliseconds from one packet of a probed flow to the next. The default is 20. */
  readonly every?: number;
  /** Folder for evidence. It gets one folder for each fault. */
  readonly folder: string;
  readonly signal?: AbortSignal;
}

/** Number of faults for each cluster, because logs, namespaces and addresses add up. */
const FAULTS_A_CLUSTER = 25;

/**
 * Reports each failure; the next fault then gets a cluster of its own. @throws if no cluster can be started
 */
export async function* campaign(turns: readonly Turn[], options: CampaignOptions): AsyncGenerator<Outcome> {
  let stage: Stage | undefined;
  let used = 0;
  try {
    for (const turn of turns) {
      if (options.signal?.aborted === true) return;
      stage ??= await startStage(options.every);
      const outcome = await play(stage, turn, options);
      used += 1;
      yield outcome;
      if (!hasFailed(outcome) && used < FAULTS_A_CLUSTER) continue;
      await stage[Symbol.asyncDispose]();
      [stage, used] = [undefined, 0];
    }
  } finally {
    await stage?.[Symbol.asyncDispose]();
  }
}

/** Runs one fault. Its outcome contains all failures, so nothing is thrown. */
export async function play(stage: Stage, turn: Turn, { length, folder }: CampaignOptions): Promise<Outcome> {
  const planned = turn.fault.plan(seeded(turn.seed), stage.state, length);
  const began = new Date();
  const observed = await observe(stage, planned);
  const verdict = verdictOf(observed, planned);
  const { name: fault } = turn.fault;
  const { parameters } = planned;
  const outcome = { number: turn.number, fault, parameters, convergedMs: observed.convergedMs, verdict };
  if (!hasFailed(outcome)) return outcome;
  const evidence = path.join(folder, `${String(turn.number).padStart(3, '0')}-${fault}`);
  const title = `${fault}: ${parameters}`;
  const { violations } = verdict;
  await keepEvidence(stage, {
    folder: evidence,
    title,
    began,
    violations,
    observations: observed.observations,
  });
  return { ...outcome, evidence };
}

interface Observed {
  readonly observations: readonly Observation[];
  readonly convergedMs: number | undefined;
  readonly error?: string;
}

async function observe(stage: Stage, planned: PlannedFault): Promise<Observed> {
  let observations: readonly Observation[] = [];
  try {
    await stage.atRest();
    // The first packets would otherwise meet nodes that have not programmed what was written last.
    await stage.cluster.policiesProgrammed();
    const probes = await stage.startProbes();
    try {
      await probes.follow(stage.state);
      await planned.run(stage);
      const mended = performance.now();
      await stage.atRest();
      const convergedMs = performance.now() - mended;
      if (planned.afterwards !== undefined) {
        await planned.afterwards(stage);
        await stage.atRest();
      }
      await probes.follow(stage.state);
      await stage.operators.leader();
      return { observations: (observations = await probes.stop()), convergedMs };
    } finally {
      if (observations.length === 0) observations = await probes.stop();
    }
  } catch (error) {
    return {
      observations,
      convergedMs: undefined,
      error: error instanceof Error ? error.message : String(error),
    };
  }
}

function verdictOf({ observations, error }: Observed, { states, disturbed = [] }: PlannedFault): Verdict {
  const verdict = judge(observations, states, new Set(disturbed));
  return error === undefined ? verdict : { ...verdict, violations: [error, ...verdict.violations] };
}
