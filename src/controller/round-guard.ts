/** Ends a round that takes too long, and counts rounds that failed. */
import type { Clock } from '../cluster/clock.ts';
import { messageOf } from '../cluster/errors.ts';

/**
 * Milliseconds. A round writes for 5 s, then waits 11 s at most until the watch shows it. The rest is for a
 * slow API server.
 */
export const ROUND_LIMIT_MS = 120_000;
/**
 * Milliseconds that a round has to end after its limit. One that does not is beyond repair from inside the
 * process.
 */
const END_MS = 60_000;
/** Failed rounds in a row after which the operator does not count as ready. */
export const MAX_FAILURES = 3;

/** Aborts what a round waits for. */
export class RoundTookTooLong extends Error {
  override readonly name = 'RoundTookTooLong';

  constructor(limitMs: number) {
    super(`the API server kept the operator waiting for more than ${String(limitMs / 1000)} s`);
  }
}

export class RoundGuard {
  readonly #clock: Pick<Clock, 'now' | 'setTimeout'>;
  /** Absent between rounds. */
  #current: { readonly signal: AbortSignal; readonly endsAt: number } | undefined;
  /** Rounds that have failed since the last good one. */
  #failures = 0;
  #lastFailure = '';

  constructor(clock: Pick<Clock, 'now' | 'setTimeout'>) {
    this.#clock = clock;
  }

  /** Aborted when the present round has taken too long. Undefined between rounds. */
  get signal(): AbortSignal | undefined {
    return this.#current?.signal;
  }

  /**
   * Gives `work` a signal that is aborted after `limitMs`. One call at a time.
   * @throws RoundTookTooLong after the limit, and whatever `work` throws
   */
  async limit<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    this.#current = { signal: limit.signal, endsAt: this.#clock.now() + limitMs };
    const cancel = this.#clock.setTimeout(() => {
      limit.abort(new RoundTookTooLong(limitMs));
    }, limitMs);
    try {
      const result = await work(limit.signal);
      // Some waits take the abort for an end like any other.
      limit.signal.throwIfAborted();
      return result;
    } finally {
      cancel();
      this.#current = undefined;
    }
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** @returns how many rounds in a row have failed by now */
  failed(error: unknown): number {
    this.#lastFailure = messageOf(error);
    this.#failures += 1;
    return this.#failures;
  }

  /** Why rounds do not get anywhere, for people; undefined while they do. */
  failing(): string | undefined {
    if (this.#failures < MAX_FAILURES) return undefined;
    return `the last ${String(this.#failures)} rounds failed: ${this.#lastFailure}`;
  }

  /** Why the process has to be started anew, for people; undefined while it works. */
  stuck(): string | undefined {
    const endsAt = this.#current?.endsAt;
    if (endsAt === undefined || this.#clock.now() < endsAt + END_MS) return undefined;
    return 'a round does not end, although its time is over';
  }
}
