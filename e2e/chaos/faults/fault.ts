/** What a fault is, and what several of them do. */
import { setTimeout as delay } from 'node:timers/promises';
import { logPositions, logSince, type Replica } from '../operators.ts';
import type { Random } from '../../harness/random.ts';
import type { Stage } from '../stage.ts';
import type { State } from '../state.ts';

/** `short`: just long enough to be noticed. */
export type Length = 'short' | 'full';

export interface FaultClass {
  readonly name: string;
  /** How many turns it gets relative to others, once each has its least. Those that take a minute get few. */
  readonly weight: number;
  /** Draws what may vary; nothing happens yet. */
  plan(random: Random, state: State, length: Length): PlannedFault;
}

export interface PlannedFault {
  /** What was drawn, for the report. */
  readonly parameters: string;
  /** States of the firewall from before to after. */
  readonly states: readonly State[];
  /** Ids of flows that somebody else's writes open or close meanwhile. */
  readonly disturbed?: readonly string[];
  /** Resolves when all work is done, and what was broken is whole again or need not be for the system to get to rest. */
  run(stage: Stage): Promise<void>;
  /** Once it is at rest in spite of the fault: ends that, and may do more. Rest is awaited again. */
  afterwards?(stage: Stage): Promise<void>;
}

/** What the operator says when it has written an object. */
const WROTE = /"msg":"(applied|removed|drift repaired)"/;
const BEGINS_WITHIN = 20_000;

/** Begins the work; resolves some time after the first write of a reconcile, with the work that may still go on. */
export async function midReconcile(
  stage: Stage,
  work: () => Promise<void>,
  afterMs: number,
): Promise<{ readonly done: Promise<void> }> {
  const before = await logPositions(stage.operators);
  const done = work();
  done.catch(() => undefined); // whoever awaits it sees the error
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

/** The replicas that a fault befalls. */
export const victims = async ({ operators }: Stage, who: Victims): Promise<readonly Replica[]> =>
  who === 'both' ? operators.all() : [await operators.leader()];

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
