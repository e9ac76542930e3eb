import type { Clock } from './clock.ts';

/** A number from 0 (included) to 1 (excluded), like the result of Math.random. */
export type Random = () => number;

export interface BackoffPolicy {
  /** First delay in milliseconds. */
  readonly initialMs: number;
  /** Upper bound of the delay before jitter. */
  readonly maxMs: number;
  readonly factor: number;
  /**
   * Each delay is drawn from `delay` to `delay × (1 + jitter)`, so clients that lost their connection
   * together do not return together.
   */
  readonly jitter: number;
}

/** Delay in milliseconds before attempt number `attempt`, counted from 0. */
export function backoffDelay(policy: BackoffPolicy, attempt: number, random: Random): number {
  const delay = Math.min(policy.maxMs, policy.initialMs * policy.factor ** attempt);
  return delay * (1 + policy.jitter * random());
}

/** Growing delays that start over when nothing has failed for `resetAfterMs`. */
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

  /** Milliseconds to wait before the next attempt. Each call counts as one failure. */
  next(): number {
    const now = this.#clock.now();
    if (this.#last !== undefined && now - this.#last > this.#policy.resetAfterMs) this.#attempt = 0;
    const delay = backoffDelay(this.#policy, this.#attempt, this.#random);
    this.#attempt += 1;
    this.#last = now + delay;
    return delay;
  }
}
