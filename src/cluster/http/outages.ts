import type { Random } from '../backoff.ts';
import { sleep, type Clock } from '../clock.ts';
import { ApiError, TransportError } from '../errors.ts';
import type { RequestOutcome } from './metered.ts';

/** A failed request, and the delay before it is repeated. */
export interface Failure {
  readonly error: unknown;
  /** API group of the request. Empty for the core group. */
  readonly group: string;
  /** `Clock.now()` at the failure. */
  readonly at: number;
  /** Milliseconds from the request to the failure. */
  readonly tookMs: number;
  readonly delayMs: number;
}

/**
 * A request that fails this long after the last answer shows an outage of the server, and not only of its own
 * connection.
 */
const AWAY_MS = 300;
/** Time between two looks at whether an outage is over. Jitter may double it. */
const LOOK_MS = 2000;

/**
 * Remembers recent answers of an API server to any client in this process. A back-off that grew during an
 * outage is too long once the server answers others. The lease is renewed every two seconds, so the end of an
 * outage is known long before a delay of 30 s is over.
 */
export class OutageTracker {
  readonly #clock: Clock;
  #lastAnswer = -Infinity;
  #wasAway = false;
  /** First success of each API group since the last outage of the server. */
  readonly #back = new Map<string, number>();
  readonly #lastSuccess = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * `Clock.now()` of the first answer for objects of the group since the last outage of the server. In an
   * outage the server could not be reached and had answered no client for a moment. Undefined before that
   * answer; -Infinity when there was no outage.
   */
  recoveredAt(group: string): number | undefined {
    return this.#wasAway ? this.#back.get(group) : -Infinity;
  }

  /** Call this for every request. */
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
   * Resolves after the delay, or earlier when the server or group has recovered. A server that could not be
   * reached recovers with any answer. A group whose server was down (503) recovers with a success.
   *
   * Any other failure waits for the whole delay, and so does one with Retry-After: that server is running and
   * asks for less load. A request that was slow to fail waits at least as long as it took.
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

/** The group in `/apis/GROUP/VERSION/…`. Paths of the core group begin with `/api/`. */
const groupOf = (path: string): string => /^\/apis\/([^/]+)/.exec(path)?.[1] ?? '';

/** True for `/apis/GROUP/VERSION`. An aggregated server answers it even while it cannot reach its storage. */
const isDiscovery = (path: string): boolean => /^\/apis\/[^/]+\/[^/]+$/.test(path);
