import { abortReason } from '../abort.ts';
import type { Clock } from '../clock.ts';
import type { Transport } from '../http/transport.ts';

/** The lease can no longer be proven. Another process may hold it, or will soon. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/**
 * The proof, until a moment of the monotonic clock, that we hold a lease. It never returns after it has
 * ended: a new term has a new fence.
 *
 * A timer is not enough. A process may continue after a pause (SIGSTOP, a frozen cgroup, a suspended
 * machine), and then it may see its sockets before its timers: libuv's uv_run polls first. Every writer
 * therefore asks the clock before it writes, through `expire`.
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

  /** Aborted with LeaseLost when the proof ends. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Aborts the signal if the time is over, even if the timer is late. */
  expire(): void {
    if (this.#clock.now() >= this.#until) this.close('it was not renewed in time');
  }

  /** Extends the proof after the lease was renewed. It has no effect on a fence that has already ended. */
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
 * A Transport that works only while the proof lasts. Afterwards no request starts. The clock is checked when
 * a request is made, and again before each write to a connection: a repetition, new credentials, the end of a
 * TLS handshake. Requests in progress are aborted.
 *
 * Use it around withRetry, so it also ends the waits there. Reads are treated the same, because without the
 * lease they have no purpose.
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
