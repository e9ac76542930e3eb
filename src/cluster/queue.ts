import { backoffDelay, type BackoffPolicy, type Random } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** Observes keys in the queue, like client-go's MetricsProvider. */
export interface QueueObserver {
  /** The key was not waiting, and now waits. */
  added(key: string): void;
  taken(key: string): void;
  done(key: string): void;
  /** The key will be added after a delay. */
  retried(key: string): void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly observer?: QueueObserver;
  /** Delays of addRateLimited for one key. The default is 5 ms, doubling to a minute. */
  readonly backoff?: BackoffPolicy;
  readonly random?: Random;
}

/**
 * client-go's values, except its maximum of 1000 s: a firewall rule should not wait a quarter of an hour
 * after a problem is solved.
 */
const BACKOFF: BackoffPolicy = { initialMs: 5, maxMs: 60_000, factor: 2, jitter: 0 };

interface Delayed {
  readonly at: number;
  readonly cancel: () => void;
}

/**
 * client-go's work queue. Keys keep the order of their first add. Each is queued once and is never with two
 * workers. A key that is added during its work returns when that work is done.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: BackoffPolicy;
  readonly #random: Random;
  readonly #observer: QueueObserver | undefined;
  readonly #ready = new Set<string>();
  readonly #processing = new Set<string>();
  /** Keys that were added while being processed. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #retries = new Map<string, number>();
  readonly #waiters: ((key: string | undefined) => void)[] = [];
  #shutDown = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#backoff = options.backoff ?? BACKOFF;
    this.#random = options.random ?? Math.random;
    this.#observer = options.observer;
  }

  /** Number of keys that are ready and not taken. Metrics show it as the depth. */
  get length(): number {
    return this.#ready.size + this.#again.size;
  }

  /** Milliseconds until the first delayed key is due. Negative: overdue. Undefined: nothing is delayed. */
  get nextMs(): number | undefined {
    const due = [...this.#delayed.values()].map(({ at }) => at - this.#clock.now());
    return due.length === 0 ? undefined : Math.min(...due);
  }

  add(key: string): void {
    if (this.#shutDown) return;
    if (!this.#ready.has(key) && !this.#again.has(key)) this.#observer?.added(key);
    if (this.#processing.has(key)) this.#again.add(key);
    else this.#makeReady(key);
  }

  /** Adds the key in `ms` milliseconds. If a key has several delays, the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#shutDown) return;
    this.#observer?.retried(key);
    const at = this.#clock.now() + ms;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined && waiting.at <= at) return;
    waiting?.cancel();
    this.#delayed.delete(key);
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const cancel = this.#clock.setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key);
    }, ms);
    this.#delayed.set(key, { at, cancel });
  }

  /** Adds the key after a delay that grows with each call until the key is forgotten. */
  addRateLimited(key: string): void {
    const retries = this.retries(key);
    this.#retries.set(key, retries + 1);
    this.addAfter(key, backoffDelay(this.#backoff, retries, this.#random));
  }

  /** Resets the delay of a key that has succeeded or was given up. It stays in the queue. */
  forget(key: string): void {
    this.#retries.delete(key);
  }

  /** Number of rate-limited adds of the key since it was last forgotten. */
  retries(key: string): number {
    return this.#retries.get(key) ?? 0;
  }

  /**
   * The next key as soon as there is one. Undefined once the queue is shut down and empty. Call done for each
   * key that you take.
   */
  get(): Promise<string | undefined> {
    const next = this.#take();
    if (next !== undefined || this.#shutDown) return Promise.resolve(next);
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  /** The worker has finished with the key, with or without success. */
  done(key: string): void {
    this.#observer?.done(key);
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.#makeReady(key);
  }

  /** Accepts no more keys and drops delayed ones. Ready keys can still be taken. */
  shutDown(): void {
    this.#shutDown = true;
    for (const delayed of this.#delayed.values()) delayed.cancel();
    this.#delayed.clear();
    for (const waiter of this.#waiters.splice(0)) waiter(undefined);
  }

  #makeReady(key: string): void {
    this.#ready.add(key);
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter(this.#take());
  }

  #take(): string | undefined {
    const [key] = this.#ready;
    if (key === undefined) return undefined;
    this.#ready.delete(key);
    this.#processing.add(key);
    this.#observer?.taken(key);
    return key;
  }
}

/** The result of a reconcile. An error that it throws counts as `retry`. */
export type Result =
  | { readonly type: 'done' }
  /** Look again later although nothing has failed. */
  | { readonly type: 'requeueAfter'; readonly ms: number }
  /** Not successful yet. `message` says why. */
  | { readonly type: 'retry'; readonly message: string };

export interface RunWorkersOptions {
  readonly queue: WorkQueue;
  /** Maximum number of keys in progress. */
  readonly workers: number;
  readonly handle: (key: string) => Promise<Result>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Passes the queue's keys to `handle` until `signal` is aborted, then shuts the queue down. No call of
 * `handle` starts after the abort. Resolves when current calls have ended.
 */
export async function runWorkers(options: RunWorkersOptions): Promise<void> {
  const { queue, workers, signal } = options;
  const stop = (): void => {
    queue.shutDown();
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  await Promise.all(Array.from({ length: workers }, () => work(options)));
}

async function work({ queue, handle, log, signal }: RunWorkersOptions): Promise<void> {
  for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
    try {
      if (!signal.aborted) settle(queue, log, key, await handle(key));
    } catch (error) {
      if (!signal.aborted) log.error({ err: error, key, retries: queue.retries(key) }, 'reconcile failed');
      queue.addRateLimited(key);
    } finally {
      queue.done(key);
    }
  }
}

function settle(queue: WorkQueue, log: Logger, key: string, result: Result): void {
  switch (result.type) {
    case 'retry':
      log.warn({ key, retries: queue.retries(key), reason: result.message }, 'reconcile to be retried');
      queue.addRateLimited(key);
      return;
    case 'requeueAfter':
      queue.addAfter(key, result.ms);
      break;
    case 'done':
      break;
  }
  queue.forget(key);
}
