/** Decides when the next round begins if nothing changes before. Pure. */
import type { Result } from '../cluster/queue.ts';
import type { WriteResult } from './apply/execute.ts';
import { NO_EFFECT_MS, type NextSteps } from './apply/writer.ts';
import type { NodesWaiting } from './nodes/rollout.ts';
import { SETTLE_MS } from './plan/wave-timer.ts';

/**
 * Refused objects are tried again now and then, because rights and admission policies change without a sign.
 */
export const REFUSED_RETRY_MS = 60_000;

/** The end of a round. */
export interface RoundEnd {
  readonly outcome: Pick<WriteResult, 'stopped' | 'interrupted' | 'written'>;
  /** True when the watch shows everything that was written. */
  readonly isShown: boolean;
  readonly next: NextSteps;
  /** True when an object was refused. */
  readonly isRefused: boolean;
  /** Milliseconds until an object is no longer contested; 0 when none is. */
  readonly calmMs: number;
  /** Milliseconds until the status may say more about others; 0 when it has said all. */
  readonly statusMs: number;
  /** Milliseconds until assertions are judged again; 0 where nothing asks for that. */
  readonly assertionsMs: number;
  /** Milliseconds until it is found out anew what others open; 0 where nothing asks for that. */
  readonly openingsMs: number;
  readonly nodes: NodesWaiting;
}

/** Takes the sooner of two times: the one that the plan waits for, and the one that nodes wait for. */
export function nextLook(end: RoundEnd): Result {
  const next = nextOfPlan(end);
  const { failure, mustSettle, waits } = end.nodes;
  const isHeldUp = mustSettle && failure?.isRefused === false;
  const nextMs = next.type === 'requeueAfter' ? next.ms : next.type === 'done' ? Infinity : 0;
  if (nextMs <= SETTLE_MS && !isHeldUp) return next;
  if (failure?.isRefused === false) return { type: 'retry', message: failure.message };
  return atLatest(next, [...waits, failure === undefined ? 0 : REFUSED_RETRY_MS]);
}

function nextOfPlan(end: RoundEnd): Result {
  const { outcome, isShown, next, isRefused, calmMs, statusMs, assertionsMs, openingsMs } = end;
  const { stopped, interrupted, written } = outcome;
  if (stopped !== undefined && stopped.retryAfterMs > 0)
    return { type: 'requeueAfter', ms: stopped.retryAfterMs };
  if (stopped !== undefined) return { type: 'retry', message: stopped.message };
  if (!isShown) return { type: 'retry', message: 'the watch does not show what was written' };
  if (interrupted) return { type: 'requeueAfter', ms: 0 };
  // The next wave is due. A step that was tried without effect is not tried at full speed.
  if (next.areDue) return { type: 'requeueAfter', ms: written.length > 0 ? 0 : NO_EFFECT_MS };
  // Where nothing waits, the plan is empty or something has changed meanwhile, which the watch shows.
  const refusedMs = isRefused ? REFUSED_RETRY_MS : 0;
  return atLatest({ type: 'done' }, [...next.waits, calmMs, statusMs, assertionsMs, openingsMs, refusedMs]);
}

/** @param waits milliseconds; those that are 0 do not count */
function atLatest(next: Result, waits: readonly number[]): Result {
  const later = [...waits, next.type === 'requeueAfter' ? next.ms : 0].filter((ms) => ms > 0);
  return later.length === 0 ? next : { type: 'requeueAfter', ms: Math.min(...later) };
}
