import type { Random } from '../backoff.ts';
import { sleep, type Clock } from '../clock.ts';
import { ApiError, TransportError } from '../errors.ts';
import type { RequestOutcome } from './metered.ts';

/** A request that failed, and how long to wait before it is repeated. */
export interface Failure {
  readonly error: unknown;
  /** API group that was asked; empty for the core group. */
  readonly group: string;
  /** `Clock.now()` when it failed. */
  readonly at: number;
  /** How long it had taken. */
  readonly tookMs: number;
  readonly delayMs: number;
}

/** A request that fails so long after the last answer failed because the server was away, and not by a connection of its own. */
const AWAY_MS = 300;
/** Between two looks whether an outage is over, and up to twice as long by jitter. */
const LOOK_MS = 2000;

/**
 * What an API server has answered lately, to anybody in this process. A back-off that has grown through an outage says nothing any more once
 * the server answers others: the lease is renewed every two seconds, so the end of an outage is known long before 30 s are over.
 */
export class OutageTracker {
  readonly #clock: Clock;
  #lastAnswer = -Infinity;
  #wasAway = false;
  /** By API group: its first success since the server was last found to be away. */
  readonly #back = new Map<string, number>();
  readonly #lastSuccess = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * `Clock.now()` when objects of the group were first answered for since the server was last away (it could not be reached, and had not
   * answered anybody for a moment). Undefined when they were not yet; -Infinity when it never was away.
   */
  recoveredAt(group: string): number | undefined {
    return this.#wasAway ? this.#back.get(group) : -Infinity;
  }

  /** To be told of every request. */
  note({ request, code }: Pick<RequestOutcome, 'request' | 'code'>): void {
    const now = this.#clock.now();
    if (code === '<error>') {
      if (request.signal?.aborted !== true && now - this.#lastAnswer >= AWAY_MS) this.#noteAway();
      return;
    }
    this.#lastAnswer = now;
    if (!code.startsWith('2')) return;
    const group = groupOf(request.path);
    this.#lastSuccess.set(group, now);
    if (!this.#back.has(group) && !isDiscovery(request.path)) this.#back.set(group, now);
  }

  #noteAway(): void {
    this.#wasAway = true;
    this.#back.clear();
  }

  /**
   * Resolves after the delay, or earlier when what failed has turned out to be there again: a server that could not be reached has answered
   * anything, a group whose server was down (503) has answered with success. The delay of anything else, and what Retry-After asks for, is
   * waited out: that server is there and wants to be left alone. So is one that took long to fail, for at least as long as it took.
   * @throws the signal's reason when aborted
   */
  async waitForRecovery(failure: Failure, random: Random, signal: AbortSignal): Promise<void> {
    const end = failure.at + failure.delayMs;
    while (this.#clock.now() < end) {
      const look = Math.max(LOOK_MS, failure.tookMs) * (1 + random());
      await sleep(this.#clock, Math.min(look, end - this.#clock.now()), signal);
      if (this.#isOver(failure)) return;
    }
  }

  #isOver({ error, group, at }: Failure): boolean {
    if (error instanceof TransportError) return this.#lastAnswer > at;
    const isDown = error instanceof ApiError && error.code === 503 && error.retryAfterSeconds === undefined;
    return isDown && (this.#lastSuccess.get(group) ?? -Infinity) > at;
  }
}

/** Of `/apis/GROUP/VERSION/…`; the core group's paths begin with `/api/`. */
const groupOf = (path: string): string => /^\/apis\/([^/]+)/.exec(path)?.[1] ?? '';

/** `/apis/GROUP/VERSION`: an aggregated server answers it also while it cannot reach what it serves. */
const isDiscovery = (path: string): boolean => /^\/apis\/[^/]+\/[^/]+$/.test(path);
