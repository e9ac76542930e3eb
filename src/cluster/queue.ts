import { backoffDelay, type BackoffPolicy, type Random } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** Told of what becomes of keys; after client-go's MetricsProvider. */
export interface QueueObserver {
  /** Was not waiting, and does now. */
  added(key: string): void;
  taken(key: string): void;
  done(key: string): void;
  /** Is to be added after a delay. */
  retried(key: string): void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly observer?: QueueObserver;
  /** Delays of addRateLimited for one key; default 5 ms doubling to a minute. */
  readonly backoff?: BackoffPolicy;
  readonly random?: Random;
}

/** client-go's, but for its ceiling of 1000 s: a quarter of an hour is long for a firewall rule to wait when all is well again. */
const BACKOFF: BackoffPolicy = { initialMs: 5, maxMs: 60_000, factor: 2, jitter: 0 };

interface Delayed {
  readonly at: number;
  readonly cancel: () => void;
}

/**
 * client-go's work queue: keys in the order of their first add, each at most once, never the same key with two workers. A key added while it
 * is being worked on comes back when that work is done.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: BackoffPolicy;
  readonly #random: Random;
  readonly #observer: QueueObserver | undefined;
  readonly #ready = new Set<string>();
  readonly #processing = new Set<string>();
  /** Added while being processed. */
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

  /** Keys that are ready and not yet taken: the depth that metrics show. */
  get length(): number {
    return this.#ready.size + this.#again.size;
  }

  add(key: string): void {
    if (this.#shutDown) return;
    if (!this.#ready.has(key) && !this.#again.has(key)) this.#observer?.added(key);
    if (this.#processing.has(key)) this.#again.add(key);
    else this.#makeReady(key);
  }

  /** Adds the key in `ms` milliseconds. Of several delays for one key the earliest counts. */
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

  /** Adds the key after a delay that grows with every call until the key is forgotten. */
  addRateLimited(key: string): void {
    const retries = this.retries(key);
    this.#retries.set(key, retries + 1);
    this.addAfter(key, backoffDelay(this.#backoff, retries, this.#random));
  }

  /** The key has succeeded, or is given up: its next delay is the first again. Does not take it out of the queue. */
  forget(key: string): void {
    this.#retries.delete(key);
  }

  /** How often the key was added rate-limited since it was last forgotten. */
  retries(key: string): number {
    return this.#retries.get(key) ?? 0;
  }

  /** The next key, as soon as there is one; undefined once shut down and empty. Whoever takes a key must call done. */
  get(): Promise<string | undefined> {
    const next = this.#take();
    if (next !== undefined || this.#shutDown) return Promise.resolve(next);
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  /** The worker has finished with the key, one way or the other. */
  done(key: string): void {
    this.#observer?.done(key);
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.#makeReady(key);
  }

  /** Takes no more keys and drops the delayed ones; what is ready can still be taken. */
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

/** What a reconcile came to. One that throws is retried with the key's backoff, like `retry`. */
export type Result =
  | { readonly type: 'done' }
  /** Look again later although nothing has failed. */
  | { readonly type: 'requeueAfter'; readonly ms: number }
  /** Did not succeed yet; `message` says why. */
  | { readonly type: 'retry'; readonly message: string }
  /** Cannot succeed until something changes, and that change will add the key. */
  | { readonly type: 'terminal'; readonly message: string };

export interface RunWorkersOptions {
  readonly queue: WorkQueue;
  /** Keys handled at the same time. */
  readonly workers: number;
  readonly handle: (key: string) => Promise<Result>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Hands the queue's keys to `handle` until `signal` is aborted, then shuts the queue down. No call of `handle` begins after the abort; resolves
 * when those under way have ended.
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
    case 'terminal':
      log.error({ key, reason: result.message }, 'reconcile given up');
      break;
    case 'requeueAfter':
      queue.addAfter(key, result.ms);
      break;
    case 'done':
      break;
  }
  queue.forget(key);
}
