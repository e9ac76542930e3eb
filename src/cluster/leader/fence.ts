import { abortReason } from '../abort.ts';
import type { Clock } from '../clock.ts';
import type { Transport } from '../http/transport.ts';

/** The lease can no longer be proven: somebody else may hold it, or will soon. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/**
 * The proof that a lease is ours, until a moment of the monotonic clock. Once over it is over for good: a new term has a new fence.
 *
 * A timer alone would not do. A process that goes on after it was stopped (SIGSTOP, a frozen cgroup, a paused machine) may see its sockets
 * before its timers (libuv's uv_run polls, then runs timers), so whoever is about to write asks the clock: `expire`.
 */
export class Fence {
  readonly #clock: Clock;
  readonly #over = new AbortController();
  #until: number;
  #cancel: () => void = () => undefined;

  /** @param until `Clock.now()` at which the proof ends */
  constructor(clock: Clock, until: number) {
    this.#clock = clock;
    this.#until = until;
    this.#watchTheClock();
  }

  /** Aborted with a LeaseLost when the proof ends. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Aborts the signal if the time is over, however late the timer is. */
  expire(): void {
    if (this.#clock.now() >= this.#until) this.close('it was not renewed in time');
  }

  /** The lease was renewed. Too late for a fence that has fallen. */
  extend(until: number): void {
    if (this.signal.aborted) return;
    this.#until = until;
    this.#cancel();
    this.#watchTheClock();
  }

  /** Ends the proof now. The first reason counts. */
  close(reason: string): void {
    this.#cancel();
    if (!this.signal.aborted) this.#over.abort(new LeaseLost(`the lease is lost: ${reason}`));
  }

  #watchTheClock(): void {
    this.#cancel = this.#clock.setTimeout(
      () => {
        this.expire();
      },
      Math.max(0, this.#until - this.#clock.now()),
    );
  }
}

/**
 * A Transport for as long as the fence stands. Afterwards it begins nothing: the clock is asked when a request is made, and again each time
 * one is about to be put on a connection (a repetition, new credentials, the end of a TLS handshake). What is under way is cut off.
 *
 * Belongs around withRetry, whose waiting it then ends as well. Reads are treated alike: with the lease, their purpose is lost.
 */
export function withFence(transport: Transport, fence: Fence): Transport {
  const beforeSend = (): void => {
    fence.expire();
  };
  const fenced = (signal: AbortSignal | undefined): AbortSignal =>
    signal === undefined ? fence.signal : AbortSignal.any([signal, fence.signal]);
  return {
    async request(request) {
      fence.expire();
      if (fence.signal.aborted) throw abortReason(fence.signal);
      return transport.request({ ...request, signal: fenced(request.signal), beforeSend });
    },
    stream: (request) => transport.stream({ ...request, signal: fenced(request.signal), beforeSend }),
  };
}
