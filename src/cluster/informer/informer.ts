import { abortable } from '../abort.ts';
import type { OutageTracker } from '../http/outages.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { Reflector } from './reflector.ts';
import { objectKey, type Resource, type StoredObject } from '../resource.ts';
import type { ChangeEvent, StoreReader } from './store.ts';
import type { Transport } from '../http/transport.ts';
import type { HeartbeatObject, WatchedCollection } from './heartbeat.ts';
import type { Informers } from './informer-group.ts';
import type { Watches } from './watches.ts';

/** The dependencies that every informer of a process shares. */
export interface InformerContext {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** See ReflectorOptions. */
  readonly answers?: OutageTracker | undefined;
  /** Every running informer has its heartbeat there. */
  readonly watches: Watches;
}

export interface InformerOptions<T> {
  /** For example `Namespace`: names the collection in logs, metrics and /readyz. */
  readonly kind: string;
  readonly resource: Resource;
  /** Objects a page of the list; the reflector's default where absent. */
  readonly pageSize?: number | undefined;
  readonly project: (object: StoredObject) => T;
  /** What tells one object from another; default objectKey. */
  readonly keyOf?: (object: StoredObject) => string;
  /** Called for every change, as Reflector's; must not block. */
  readonly onChange: (event: ChangeEvent<T>) => void;
  /** Called once when the first list is in, which may have been empty. */
  readonly onSynced: () => void;
  /** The object of this projection, where a heartbeat may touch it. */
  readonly heartbeatObject?: (value: T) => HeartbeatObject | undefined;
}

/** A reflector with a heartbeat. */
export class Informer<T> implements Informers, WatchedCollection {
  readonly kind: string;
  readonly resource: Resource;
  readonly keyOf: (object: StoredObject) => string;
  readonly store: StoreReader<T>;
  readonly #context: InformerContext;
  readonly #options: InformerOptions<T>;
  readonly #reflector: Reflector<T>;
  readonly #handlers = new Set<(event: ChangeEvent<unknown>) => void>();
  readonly #stop = new AbortController();
  #ended: Promise<unknown> = Promise.resolve();

  constructor(context: InformerContext, options: InformerOptions<T>) {
    this.kind = options.kind;
    this.resource = options.resource;
    this.keyOf = options.keyOf ?? objectKey;
    this.#context = context;
    this.#options = options;
    const { transport, clock, log, answers } = context;
    this.#reflector = new Reflector<T>({
      transport,
      clock,
      log,
      answers,
      resource: options.resource,
      project: options.project,
      keyOf: this.keyOf,
      ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
      onChange: (event) => {
        for (const handler of this.#handlers) handler(event);
        options.onChange(event);
      },
    });
    this.store = this.#reflector.store;
  }

  get hasSynced(): boolean {
    return this.#reflector.hasSynced;
  }

  get isWatching(): boolean {
    return this.#reflector.state.name === 'Watching';
  }

  get lastEventAt(): number | undefined {
    return this.#reflector.lastEventAt;
  }

  start(): void {
    const { signal } = this.#stop;
    this.#ended = Promise.all([this.#reflector.start(signal), this.#context.watches.watch(this, signal)]);
    this.#reflector.waitForSync(signal).then(this.#options.onSynced, () => undefined);
  }

  addEventHandler(handler: (event: ChangeEvent<unknown>) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  heartbeatObject(): HeartbeatObject | undefined {
    const { heartbeatObject } = this.#options;
    if (heartbeatObject === undefined) return undefined;
    for (const value of this.store.list()) {
      const object = heartbeatObject(value);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  /**
   * Lists anew, while the copy stays readable. Resolves to true when that list is in, to false when `signal` was aborted or the
   * informer stopped before.
   *
   * Calico's API server lists and watches only the policies of tiers that it knew when the request came (apiserver
   * pkg/registry/projectcalico/util, EnsureTierSelector), so a watch may be blind to the policies of a Tier made since.
   */
  relist(signal?: AbortSignal): Promise<boolean> {
    const stop = this.#stop.signal;
    return abortable(
      this.#reflector.relist(),
      signal === undefined ? stop : AbortSignal.any([signal, stop]),
    ).then(
      () => true,
      () => false,
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}
