import type { Clock } from './clock.ts';

/**
 * Calls `notify` at the first call, and after that at most once in `ms`. A call that came too soon is made up
 * for when the time is over.
 */
export class AtMostEvery {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #notify: () => void;
  #last = -Infinity;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, ms: number, notify: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#notify = notify;
  }

  readonly call = (): void => {
    if (this.#cancel !== undefined) return;
    const waitMs = this.#last + this.#ms - this.#clock.now();
    if (waitMs <= 0) this.#run();
    else this.#cancel = this.#clock.setTimeout(this.#run, waitMs);
  };

  /** Forgets a call that waits. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #run = (): void => {
    this.#cancel = undefined;
    this.#last = this.#clock.now();
    this.#notify();
  };
}
