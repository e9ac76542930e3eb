/** The interface of a fault, and the common parts of several. */
import { setTimeout as delay } from 'node:timers/promises';
import { logPositions, logSince, type Replica } from '../operators.ts';
import type { Random } from '../../harness/random.ts';
import type { Stage } from '../stage.ts';
import type { State } from '../state.ts';

/** `short` is just long enough to have an effect. */
export type Length = 'short' | 'full';

export interface FaultClass {
  readonly name: string;
  /** Its share of turns after each class has its minimum. Faults that take a minute have low weights. */
  readonly weight: number;
  /** Draws the parameters without doing anything yet. */
  plan(random: Random, state: State, length: Length): PlannedFault;
}

export interface PlannedFault {
  /** The drawn parameters, for the report. */
  readonly parameters: string;
  /** States of the firewall from before to after. */
  readonly states: readonly State[];
  /** Ids of flows that another client's writes open or close meanwhile. */
  readonly disturbed?: readonly string[];
  /**
   * Resolves when all work is done, and when everything broken is repaired unless the system can reach rest
   * without that.
   */
  run(stage: Stage): Promise<void>;
  /**
   * Called at rest, which is reached in spite of the fault. Ends the fault, and may do more. Rest is awaited
   * again.
   */
  afterwards?(stage: Stage): Promise<void>;
}

/** The operator's log lines for a written object. */
const WROTE = /"msg":"(applied|removed|drift repaired)"/;
const BEGINS_WITHIN = 20_000;

/** Starts the work. Resolves some time after the first write of a reconcile, with the rest of the work. */
export async function midReconcile(
  stage: Stage,
  work: () => Promise<void>,
  afterMs: number,
): Promise<{ readonly done: Promise<void> }> {
  const before = await logPositions(stage.operators);
  const done = work();
  done.catch(() => undefined); // The caller that awaits it receives the error.
  const deadline = performance.now() + BEGINS_WITHIN;
  while (performance.now() < deadline) {
    const texts = await Promise.all(before.map(logSince));
    if (texts.some((text) => WROTE.test(text))) {
      await delay(afterMs);
      return { done };
    }
    await delay(20);
  }
  await done;
  throw new Error('no operator began to write what the work asks for');
}

export type Victims = 'leader' | 'both';

/** The replicas that a fault affects. */
export const victims = async ({ operators }: Stage, who: Victims): Promise<readonly Replica[]> =>
  who === 'both' ? operators.all() : [await operators.leader()];

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
