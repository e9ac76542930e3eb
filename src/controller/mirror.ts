import type { Clock } from '../cluster/clock.ts';
import type { Logger } from '../cluster/logger.ts';
import { Reflector } from '../cluster/reflector.ts';
import type { KubernetesObject, Resource } from '../cluster/resource.ts';
import type { ChangeEvent } from '../cluster/store.ts';
import type { Transport } from '../cluster/transport.ts';

/** What every mirror of the controller needs. */
export interface MirrorContext {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MirrorOptions<T> {
  readonly resource: Resource;
  readonly project: (object: KubernetesObject) => T;
  /** Called for every change, as Reflector's; must not block. */
  readonly onChange: (event: ChangeEvent<T>) => void;
  /** Called once when the first list is in, which may have been empty. */
  readonly onSynced: () => void;
}

interface Running<T> {
  readonly reflector: Reflector<T>;
  readonly abort: AbortController;
}

/**
 * A reflector that can be made to list anew while the old copy stays readable.
 *
 * Calico's API server lists and watches only the policies of tiers that it knew when the request came (apiserver
 * pkg/registry/projectcalico/util, EnsureTierSelector), so a watch may be blind to the policies of a Tier made since.
 */
export class Mirror<T> {
  readonly #context: MirrorContext;
  readonly #options: MirrorOptions<T>;
  readonly #stop = new AbortController();
  readonly #ended = new Set<Promise<void>>();
  #current: Running<T>;

  constructor(context: MirrorContext, options: MirrorOptions<T>) {
    this.#context = context;
    this.#options = options;
    this.#current = this.#make();
  }

  get hasSynced(): boolean {
    return this.#current.reflector.hasSynced;
  }

  /** By `namespace/name`, or `name` for what has no namespace. */
  get(key: string): T | undefined {
    return this.#current.reflector.get(key);
  }

  list(): readonly T[] {
    return this.#current.reflector.list();
  }

  start(): void {
    this.#run(this.#current);
    this.#current.reflector.synced(this.#stop.signal).then(this.#options.onSynced, () => undefined);
  }

  /** Replaces the copy by a new list, whose objects are all reported as added. Resolves early when `signal` is aborted. */
  async refresh(signal: AbortSignal): Promise<void> {
    const next = this.#make();
    this.#run(next);
    try {
      await next.reflector.synced(AbortSignal.any([signal, this.#stop.signal]));
    } catch {
      next.abort.abort();
      return;
    }
    this.#current.abort.abort();
    this.#current = next;
  }

  /** Ends list and watch; resolves when they have ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#ended);
  }

  #make(): Running<T> {
    return {
      reflector: new Reflector<T>({ ...this.#context, ...this.#options }),
      abort: new AbortController(),
    };
  }

  #run({ reflector, abort }: Running<T>): void {
    const ended = reflector.start(AbortSignal.any([abort.signal, this.#stop.signal]));
    this.#ended.add(ended);
    void ended.then(() => this.#ended.delete(ended));
  }
}
