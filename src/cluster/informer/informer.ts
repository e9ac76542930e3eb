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
import type { LeftOutObjects } from './left-out.ts';
import type { Watches } from './watches.ts';

/** The dependencies that all informers of a process share. */
export interface InformerContext {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** See ReflectorOptions. */
  readonly outages?: OutageTracker | undefined;
  /** Runs a heartbeat for every running informer. */
  readonly watches: Watches;
  /** Collects what the informers leave out. Absent: it is only logged. */
  readonly leftOut?: LeftOutObjects | undefined;
}

export interface InformerOptions<T> {
  /** For example `Namespace`. It names the collection in logs, metrics and /readyz. */
  readonly kind: string;
  readonly resource: Resource;
  /** Objects in each page of the list. The default is the reflector's. */
  readonly pageSize?: number | undefined;
  readonly project: (object: StoredObject) => T;
  /** The key that identifies an object. The default is objectKey. */
  readonly keyOf?: (object: StoredObject) => string;
  /** Called for every change, like the Reflector's. It must not block. */
  readonly onChange: (event: ChangeEvent<T>) => void;
  /** Called once when the first list has arrived, even if it is empty. */
  readonly onSynced: () => void;
  /** The object of this projection, if a heartbeat may write to it. */
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
    const { transport, clock, log, outages, leftOut } = context;
    this.#reflector = new Reflector<T>({
      transport,
      clock,
      log,
      outages,
      resource: options.resource,
      project: options.project,
      keyOf: this.keyOf,
      ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
      onLeftOut: (objects) => leftOut?.note(this.kind, objects),
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
   * Lists again while the copy stays readable. Resolves to true when that list has arrived, and to false when
   * `signal` was aborted or the informer stopped first.
   *
   * Calico's API server lists and watches only the policies of tiers that it knew when the request arrived
   * (apiserver pkg/registry/projectcalico/util, EnsureTierSelector). A watch may therefore miss the policies
   * of a newer Tier.
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
    this.#context.leftOut?.note(this.kind, []);
  }
}
