import { abortable } from '../abort.ts';
import type { OutageTracker } from '../http/outages.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { Reflector } from './reflector.ts';
import { objectKey, type KubernetesObject, type Resource } from '../resource.ts';
import type { ChangeEvent } from './store.ts';
import type { Transport } from '../http/transport.ts';
import type { WatchedStore, HeartbeatObject } from './heartbeat.ts';
import type { Watches } from './watches.ts';

/** What every mirror of the controller needs. */
export interface InformerContext {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** See ReflectorOptions. */
  readonly answers?: OutageTracker | undefined;
  /** Where every mirror that runs is known, for its heartbeat. */
  readonly watches: Watches;
}

export interface InformerOptions<T> {
  /** For example `Namespace`: names the collection in logs, metrics and /readyz. */
  readonly kind: string;
  readonly resource: Resource;
  /** Objects a page of the list; the reflector's default where absent. */
  readonly pageSize?: number | undefined;
  readonly project: (object: KubernetesObject) => T;
  /** What tells one object from another; default objectKey. */
  readonly keyOf?: (object: KubernetesObject) => string;
  /** Called for every change, as Reflector's; must not block. */
  readonly onChange: (event: ChangeEvent<T>) => void;
  /** Called once when the first list is in, which may have been empty. */
  readonly onSynced: () => void;
  /** The object of this projection, where we may touch it for a heartbeat. */
  readonly heartbeatObject?: (value: T) => HeartbeatObject | undefined;
}

/** A reflector with a heartbeat. */
export class Informer<T> implements WatchedStore {
  readonly kind: string;
  readonly resource: Resource;
  readonly #context: InformerContext;
  readonly #options: InformerOptions<T>;
  readonly #reflector: Reflector<T>;
  readonly #stop = new AbortController();
  #ended: Promise<unknown> = Promise.resolve();
  #listener: ((event: ChangeEvent<unknown>) => void) | undefined;

  constructor(context: InformerContext, options: InformerOptions<T>) {
    this.kind = options.kind;
    this.resource = options.resource;
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
      keyOf: (object) => this.keyOf(object),
      ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
      onChange: (event) => {
        this.#listener?.(event);
        options.onChange(event);
      },
    });
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

  keyOf(object: KubernetesObject): string {
    return (this.#options.keyOf ?? objectKey)(object);
  }

  /** By keyOf. */
  get(key: string): T | undefined {
    return this.#reflector.get(key);
  }

  list(): readonly T[] {
    return this.#reflector.list();
  }

  keys(): readonly string[] {
    return this.#reflector.keys();
  }

  versionOf(key: string): string | undefined {
    return this.#reflector.versionOf(key);
  }

  start(): void {
    const { signal } = this.#stop;
    this.#ended = Promise.all([this.#reflector.start(signal), this.#context.watches.watch(this, signal)]);
    this.#reflector.waitForSync(signal).then(this.#options.onSynced, () => undefined);
  }

  /** One listener at a time hears every change, before onChange does. */
  listen(listener: ((event: ChangeEvent<unknown>) => void) | undefined): void {
    this.#listener = listener;
  }

  heartbeatObject(): HeartbeatObject | undefined {
    const { heartbeatObject } = this.#options;
    if (heartbeatObject === undefined) return undefined;
    for (const value of this.list()) {
      const object = heartbeatObject(value);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  relist(): void {
    void this.#reflector.relist();
  }

  /**
   * Lists anew, while the copy stays readable. Resolves to true when that list is in, to false when `signal` was aborted before.
   *
   * Calico's API server lists and watches only the policies of tiers that it knew when the request came (apiserver
   * pkg/registry/projectcalico/util, EnsureTierSelector), so a watch may be blind to the policies of a Tier made since.
   */
  refresh(signal: AbortSignal): Promise<boolean> {
    const bounded = AbortSignal.any([signal, this.#stop.signal]);
    return abortable(this.#reflector.relist(), bounded).then(
      () => true,
      () => false,
    );
  }

  /** Ends list and watch; resolves when they have ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}
