import type { Clock } from './clock.ts';

/** A number from 0 (included) to 1 (excluded), as Math.random gives. */
export type Random = () => number;

export interface BackoffPolicy {
  /** First delay in milliseconds. */
  readonly initialMs: number;
  /** No delay grows beyond this, jitter apart. */
  readonly maxMs: number;
  readonly factor: number;
  /** Each delay is drawn from `delay` to `delay × (1 + jitter)`, so that clients cut off together do not return together. */
  readonly jitter: number;
}

/** Delay before attempt number `attempt` (from 0), in milliseconds. */
export function backoffDelay(policy: BackoffPolicy, attempt: number, random: Random): number {
  const delay = Math.min(policy.maxMs, policy.initialMs * policy.factor ** attempt);
  return delay * (1 + policy.jitter * random());
}

/** Growing delays that start over once nothing has failed for `resetAfterMs`. */
export class Backoff {
  readonly #policy: BackoffPolicy & { readonly resetAfterMs: number };
  readonly #clock: Clock;
  readonly #random: Random;
  #attempt = 0;
  #last: number | undefined;

  constructor(policy: BackoffPolicy & { readonly resetAfterMs: number }, clock: Clock, random: Random) {
    this.#policy = policy;
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt; each call counts as one failure. */
  next(): number {
    const now = this.#clock.now();
    if (this.#last !== undefined && now - this.#last > this.#policy.resetAfterMs) this.#attempt = 0;
    const delay = backoffDelay(this.#policy, this.#attempt, this.#random);
    this.#attempt += 1;
    this.#last = now + delay;
    return delay;
  }
}
