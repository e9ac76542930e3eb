import { abortable } from '../abort.ts';
import { OutageTracker, type Failure } from '../http/outages.ts';
import { projectPage, type NextPage } from '../objects/apply.ts';
import { Backoff, type BackoffPolicy, type Random } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import {
  ApiError,
  isConnectionTrouble,
  isExpired,
  isForbidden,
  isInitializing,
  isNotFound,
  messageOf,
} from '../errors.ts';
import type { Logger } from '../logger.ts';
import { collectionPath, objectKey, type Incomplete, type StoredObject, type Resource } from '../resource.ts';
import { LeftOut, type LeftOutObject } from './left-out.ts';
import { entryOf, Store, type ChangeEvent, type Entry, type StoreReader } from './store.ts';
import type { Transport } from '../http/transport.ts';
import { watch, type WatchEvent } from '../objects/watch.ts';

/** The state of a reflector, for readiness and metrics. */
export type ReflectorState =
  /** A new list comes next. Objects of an earlier list are still in the store. */
  | { readonly name: 'Empty' }
  | { readonly name: 'Listing' }
  | { readonly name: 'Watching'; readonly resourceVersion: string }
  /**
   * Waiting for the next attempt. NotServed (404): the kind is not installed. Forbidden (403): a right is
   * missing. Failed: any other error.
   */
  | { readonly name: 'NotServed' | 'Forbidden' | 'Failed'; readonly message: string }
  | { readonly name: 'Stopped' };

export interface ReflectorOptions<T> {
  readonly transport: Transport;
  readonly resource: Resource;
  /**
   * Selects the parts of an object to keep. The rest is dropped before the object is stored. Pure; an error
   * counts as a failed list or watch.
   */
  readonly project: (object: StoredObject) => T;
  /** The key that identifies an object. The default is objectKey. */
  readonly keyOf?: (object: StoredObject) => string;
  /**
   * Called for every change, in order, after the store was updated. It must not block: put a key into a
   * queue.
   */
  readonly onChange?: (event: ChangeEvent<T>) => void;
  /** Called with all objects that the copy leaves out, whenever they have changed. It must not block. */
  readonly onLeftOut?: (objects: readonly Omit<LeftOutObject, 'kind'>[]) => void;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: Random;
  /** Objects in each page of a list, default 500. */
  readonly pageSize?: number;
  /**
   * Delays between failed attempts. The default starts at 200 ms and doubles to 30 s; jitter may double each.
   */
  readonly backoff?: BackoffPolicy;
  /** Answers of the server to other clients, which may end a delay early. By default, none are known. */
  readonly outages?: OutageTracker | undefined;
}

interface Empty {
  readonly name: 'Empty';
  /**
   * False after a continue token has expired. Compaction would overtake the pages again, so the next list is
   * a single page.
   */
  readonly paged: boolean;
}
interface Listing<T> {
  readonly name: 'Listing';
  readonly paged: boolean;
  readonly next: NextPage | undefined;
  readonly entries: Map<string, Entry<T>>;
  readonly leftOut: Incomplete[];
}
interface Watching {
  readonly name: 'Watching';
  readonly resourceVersion: string;
}
interface Waiting {
  readonly name: 'NotServed' | 'Forbidden' | 'Failed';
  readonly message: string;
  readonly failure: Failure;
  readonly then: Empty | Watching;
}
/** `state` with everything that the next step needs. */
type Machine<T> = Empty | Listing<T> | Watching | Waiting | { readonly name: 'Stopped' };

const EMPTY: Empty = { name: 'Empty', paged: true };
const BACKOFF: BackoffPolicy = { initialMs: 200, maxMs: 30_000, factor: 2, jitter: 1 };
/** Like client-go, delays start over after two quiet minutes. */
const BACKOFF_RESET_MS = 120_000;
const PAGE_SIZE = 500;
/**
 * An expired version is normal, and the copy receives no events until the new list. The list therefore starts
 * immediately, unless lists follow each other faster than this.
 */
const RELIST_AT_ONCE_MS = 10_000;
/**
 * Maximum delay for a server that has just started. A delay that grew during the outage is too long, and the
 * server sends its own Retry-After.
 */
const INITIALIZING_MS = 2000;
const LIST_TIMEOUT_MS = 60_000;
const WATCH_SECONDS = 300;
/** A watch that ends sooner and without an event was silently refused (client-go's "very short watch"). */
const SHORT_WATCH_MS = 1000;

/**
 * A copy of one collection, kept up to date by list and watch.
 *
 * Empty → Listing → Watching, and back to Empty on any doubt: an expired version, an ERROR event, a silent
 * watch, an invalid answer. Only after a broken connection does the watch resume at its last version, because
 * versions make that exact.
 *
 * Lists carry no resourceVersion. client-go's first list has `0`, which allows any state of the cache. Ours
 * are as fresh as etcd, so the copy never goes back in time, and the server respects the page size.
 */
export class Reflector<T> {
  readonly resource: Resource;
  readonly #options: ReflectorOptions<T>;
  readonly #store = new Store<T>();
  readonly #random: Random;
  readonly #backoff: Backoff;
  readonly #outages: OutageTracker;
  readonly #keyOf: (object: StoredObject) => string;
  readonly #firstList = Promise.withResolvers<undefined>();
  /** The next list that starts after the last doubt. */
  #newList = Promise.withResolvers<undefined>();
  #mustRelist = false;
  /** Ends the current list or watch when the copy is in doubt. */
  #cut = new AbortController();
  #synced = false;
  #state: Machine<T> = EMPTY;
  readonly #leftOut: LeftOut;
  #listedAt = 0;
  #steppedAt = 0;
  #lastEventAt: number | undefined;
  #lastFailure = '';

  constructor(options: ReflectorOptions<T>) {
    this.resource = options.resource;
    this.#options = options;
    this.#leftOut = new LeftOut(options);
    this.#random = options.random ?? Math.random;
    this.#keyOf = options.keyOf ?? objectKey;
    const policy = { ...(options.backoff ?? BACKOFF), resetAfterMs: BACKOFF_RESET_MS };
    this.#backoff = new Backoff(policy, options.clock, this.#random);
    this.#outages = options.outages ?? new OutageTracker(options.clock);
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** `Clock.now()` of the last whole list, event or bookmark. Undefined before the first. */
  get lastEventAt(): number | undefined {
    return this.#lastEventAt;
  }

  /** True as soon as the first list is in the store and its events have been delivered. Stays true. */
  get hasSynced(): boolean {
    return this.#synced;
  }

  get store(): StoreReader<T> {
    return this.#store;
  }

  /**
   * Resolves when hasSynced becomes true, however long that takes. NotServed and Forbidden only delay it.
   * @throws the signal's reason when aborted first
   */
  async waitForSync(signal?: AbortSignal): Promise<void> {
    const first = this.#firstList.promise;
    await (signal === undefined ? first : abortable(first, signal));
  }

  /**
   * Ends the current list or watch and starts a new list. Its differences from the copy are delivered as
   * changes. A delay after a failure still applies. Resolves when a list that started after this call has
   * arrived. It never resolves if the reflector stops first.
   */
  async relist(): Promise<void> {
    this.#mustRelist = true;
    this.#cut.abort();
    await this.#newList.promise;
  }

  /**
   * Lists and watches until `signal` is aborted, then resolves. Never rejects, because every error is
   * retried.
   */
  async start(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) this.#state = this.#mustRelist ? this.#startOver() : await this.#next(signal);
    this.#state = { name: 'Stopped' };
  }

  async #next(signal: AbortSignal): Promise<Machine<T>> {
    this.#steppedAt = this.#options.clock.now();
    try {
      return await this.#step(this.#state, signal);
    } catch (error) {
      // The transport decides what error an abort produces.
      return signal.aborted || this.#mustRelist ? EMPTY : this.#afterFailure(this.#state, error);
    }
  }

  #startOver(): Machine<T> {
    this.#mustRelist = false;
    this.#cut = new AbortController();
    return EMPTY;
  }

  async #step(state: Machine<T>, signal: AbortSignal): Promise<Machine<T>> {
    switch (state.name) {
      case 'Stopped':
        return EMPTY;
      case 'Empty':
        this.#listedAt = this.#options.clock.now();
        return { name: 'Listing', paged: state.paged, next: undefined, entries: new Map(), leftOut: [] };
      case 'Listing':
        return this.#listNextPage(state, AbortSignal.any([signal, this.#cut.signal]));
      case 'Watching':
        return this.#watch(state, AbortSignal.any([signal, this.#cut.signal]));
      case 'NotServed':
      case 'Forbidden':
      case 'Failed':
        await this.#outages.waitForRecovery(state.failure, this.#random, signal);
        return state.then;
    }
  }

  async #listNextPage(state: Listing<T>, signal: AbortSignal): Promise<Machine<T>> {
    const { transport, resource, project, pageSize = PAGE_SIZE } = this.#options;
    const { labelSelector, fieldSelector } = this.#options;
    const entry = (object: StoredObject) =>
      [this.#keyOf(object), entryOf(object.metadata, project(object))] as const;
    const page = await projectPage(transport, resource, entry, {
      labelSelector,
      fieldSelector,
      limit: state.paged ? pageSize : 0,
      next: state.next,
      timeoutMs: LIST_TIMEOUT_MS,
      signal,
    });
    for (const [key, value] of page.items) state.entries.set(key, value);
    for (const each of page.incomplete) this.#leaveOut(each, state);
    if (page.next !== undefined) return { ...state, next: page.next };
    if (page.resourceVersion === '') {
      // A watch without a version may start anywhere, and would miss deletions between list and watch.
      throw new TypeError(`the list of ${collectionPath(resource)} has no resourceVersion`);
    }
    this.#heard();
    this.#leftOut.replace(state.leftOut, (each) => this.#before(each) !== undefined);
    this.#deliver(this.#store.replace(state.entries));
    this.#synced = true;
    this.#lastFailure = '';
    this.#announceList();
    return { name: 'Watching', resourceVersion: page.resourceVersion };
  }

  #announceList(): void {
    this.#firstList.resolve(undefined);
    if (this.#mustRelist) return;
    this.#newList.resolve(undefined);
    this.#newList = Promise.withResolvers();
  }

  async #watch(state: Watching, signal: AbortSignal): Promise<Machine<T>> {
    const { transport, resource, labelSelector, fieldSelector, clock } = this.#options;
    const started = clock.now();
    let events = 0;
    for await (const event of watch({
      transport,
      resource,
      labelSelector,
      fieldSelector,
      resourceVersion: state.resourceVersion,
      timeoutSeconds: WATCH_SECONDS + Math.floor(WATCH_SECONDS * this.#random()),
      clock,
      signal,
    })) {
      events += 1;
      this.#heard();
      this.#takeEvent(event);
    }
    if (events === 0 && clock.now() - started < SHORT_WATCH_MS) {
      throw new Error('the server ended the watch at once, without an event');
    }
    return this.#state;
  }

  /**
   * The state carries the version of the last event, so a watch that breaks at any point resumes after it.
   */
  #takeEvent(event: WatchEvent): void {
    if (event.type === 'BOOKMARK') {
      this.#state = { name: 'Watching', resourceVersion: event.resourceVersion };
      return;
    }
    if (event.type === 'INCOMPLETE') {
      this.#leftOut.add(event.incomplete, this.#before(event.incomplete) !== undefined);
      return;
    }
    const { object } = event;
    const key = this.#keyOf(object);
    this.#leftOut.remove(objectKey(object));
    const changes =
      event.type === 'DELETED'
        ? this.#store.remove(key)
        : this.#store.put(key, entryOf(object.metadata, this.#options.project(object)));
    this.#state = { name: 'Watching', resourceVersion: object.metadata.resourceVersion };
    this.#deliver(changes);
  }

  #deliver(changes: readonly ChangeEvent<T>[]): void {
    const { onChange, log } = this.#options;
    if (onChange === undefined) return;
    for (const change of changes) {
      try {
        onChange(change);
      } catch (error) {
        // The store is correct whatever the handler does. An error of a handler is a bug to report, not a
        // reason to stop watching.
        log.error(
          { err: error, key: change.key, resource: collectionPath(this.resource) },
          'change handler failed',
        );
      }
    }
  }

  #heard(): void {
    this.#lastEventAt = this.#options.clock.now();
  }

  #afterFailure(state: Machine<T>, error: unknown): Machine<T> {
    if (isExpired(error)) {
      if (state.name === 'Listing' && state.paged) return { name: 'Empty', paged: false };
      if (this.#options.clock.now() - this.#listedAt > RELIST_AT_ONCE_MS) return EMPTY;
    }
    const waiting: Waiting = {
      name: failureName(error),
      message: messageOf(error),
      failure: this.#failure(error),
      then: state.name === 'Watching' && isConnectionTrouble(error) ? state : EMPTY,
    };
    this.#report(waiting, error);
    return waiting;
  }

  #failure(error: unknown): Failure {
    const at = this.#options.clock.now();
    const retryAfterMs = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const mostMs = isExpired(error) ? RELIST_AT_ONCE_MS : isInitializing(error) ? INITIALIZING_MS : Infinity;
    const delayMs = Math.max(Math.min(this.#backoff.next(), mostMs), retryAfterMs);
    return { error, group: this.resource.group, at, tookMs: at - this.#steppedAt, delayMs };
  }

  /** The other objects still count. An object that the copy has from before stays as it was. */
  #leaveOut(incomplete: Incomplete, { entries, leftOut }: Pick<Listing<T>, 'entries' | 'leftOut'>): void {
    leftOut.push(incomplete);
    const before = this.#before(incomplete);
    if (before !== undefined) entries.set(before.key, before.entry);
  }

  /** The entry of the object that the copy has from before. */
  #before({ object: { metadata } }: Incomplete) {
    const key = this.#keyOf({ metadata: { uid: '', ...metadata, resourceVersion: '' } });
    const entry = this.#store.entry(key);
    return entry !== undefined && entry.uid === metadata.uid ? { key, entry } : undefined;
  }

  /** Repetitions of one failure are a single line in the log. */
  #report(waiting: Waiting, error: unknown): void {
    const { log } = this.#options;
    const fields = {
      err: error,
      resource: collectionPath(this.resource),
      retryInMs: Math.round(waiting.failure.delayMs),
    };
    const failure = `${waiting.name} ${waiting.message}`;
    const text = 'list and watch interrupted';
    if (failure === this.#lastFailure || isExpired(error)) log.debug(fields, text);
    else log.warn(fields, text);
    this.#lastFailure = failure;
  }
}

function failureName(error: unknown): Waiting['name'] {
  if (isNotFound(error)) return 'NotServed';
  return isForbidden(error) ? 'Forbidden' : 'Failed';
}
