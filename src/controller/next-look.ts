/** When the next round is to be, where no change brings it. Pure. */
import type { Result } from '../cluster/queue.ts';
import { SETTLE_MS } from './plan/wave-timer.ts';
import type { NodesWaiting } from './nodes/rollout.ts';

/** A step that was tried without effect is not tried at full speed. */
export const NO_EFFECT_MS = 100;
/** What the server has refused is tried again now and then: rights and admission policies change without a sign. */
export const REFUSED_RETRY_MS = 60_000;

/** The sooner of `next`, which is the plan's, and what else is waited for. */
export function soonest(next: Result, { failure, isHolding, waits }: NodesWaiting): Result {
  const isHeldUp = isHolding && failure?.isRefused === false;
  const nextMs = next.type === 'requeueAfter' ? next.ms : next.type === 'done' ? Infinity : 0;
  if (nextMs <= SETTLE_MS && !isHeldUp) return next;
  if (failure?.isRefused === false) return { type: 'retry', message: failure.message };
  const later = [...waits, failure === undefined ? 0 : REFUSED_RETRY_MS].filter((ms) => ms > 0);
  return later.length === 0 ? next : { type: 'requeueAfter', ms: Math.min(nextMs, ...later) };
}
