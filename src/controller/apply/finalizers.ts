import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { Logger } from '../../cluster/logger.ts';
import { FINALIZER, type StoredFirewall } from '../observe/firewalls.ts';
import type { GeneratedObjects } from '../observe/generated-objects.ts';
import type { OwnedObject } from '../objects/live.ts';
import type { Lifecycle } from '../plan/desired-state.ts';

export interface Finalizers {
  /**
   * Adds ours where it is missing. Takes it away from a firewall that is being deleted, once everything that
   * had to go is gone.
   */
  settle(firewall: StoredFirewall): Promise<void>;
}

type Lifecycles = ReadonlyMap<string, Lifecycle>;

const RETAINED = 'its generated objects stay';
const HELD = 'what is left has no effect: finalizers of others keep it';

export interface Leftovers {
  readonly stored: Pick<GeneratedObjects, 'objects' | 'isSure'>;
  /** True when the firewall called default has left nothing on nodes but objects. */
  readonly areNodesWithdrawn: boolean;
  /** True for an object without effect that another client keeps. No firewall waits for it. */
  readonly isLeftBehind: (object: OwnedObject) => boolean;
  /** Removes policies of namespaces that name the firewall, and of which nothing proves that they are ours. */
  readonly removeOpenOf: (firewall: string) => Promise<void>;
}

/** Decides when a firewall gets our finalizer, and when it loses it. */
export class FinalizerKeeper {
  readonly #finalizers: Finalizers;
  readonly #log: Logger;
  /** Uids of firewalls whose finalizer was taken away. The watch may still show it for a moment. */
  readonly #released = new Set<string>();

  constructor(finalizers: Finalizers, log: Logger) {
    this.#finalizers = finalizers;
    this.#log = log;
  }

  /**
   * Adds the finalizer before the first write for a firewall, so nothing of it can outlive it by accident. True
   * when one was missing.
   */
  async add(firewalls: readonly StoredFirewall[], lifecycles: Lifecycles): Promise<boolean> {
    const bare = firewalls.filter(
      ({ name, finalizers }) => lifecycles.get(name) === 'active' && !finalizers.includes(FINALIZER),
    );
    for (const firewall of bare) await this.#finalizers.settle(firewall);
    return bare.length > 0;
  }

  /** Releases the deleted firewalls of which nothing is left that has to go. */
  async release(
    firewalls: readonly StoredFirewall[],
    lifecycles: Lifecycles,
    { stored, areNodesWithdrawn, isLeftBehind, removeOpenOf }: Leftovers,
  ): Promise<void> {
    if (!stored.isSure) return;
    for (const firewall of firewalls) {
      const { name } = firewall;
      if (!this.#isHeld(firewall)) continue;
      const left = stored
        .objects()
        .filter((object) => object.ours)
        .filter((object) => !object.isOpen && object.firewall === name);
      const isDone = left.every(isLeftBehind) && (name !== DEFAULT_FIREWALL || areNodesWithdrawn);
      const isLeaving = lifecycles.get(name) === 'leaving';
      if (isLeaving && !isDone) continue;
      if (isLeaving) await removeOpenOf(name);
      await this.#release(firewall);
      const what = left.length === 0 ? 'nothing of it is left' : isLeaving ? HELD : RETAINED;
      const objects = isLeaving ? left.map(({ id, waitsFor }) => ({ id, finalizers: waitsFor })) : [];
      this.#log.info({ firewall: name, objectsLeft: left.length, objects }, `deleted, and ${what}`);
    }
  }

  /**
   * Releases a deleted firewall, whatever is stored of it. False for one that is not deleted, or that we do not
   * hold.
   */
  async releaseUnseen(firewall: StoredFirewall): Promise<boolean> {
    if (!firewall.deleting || !firewall.finalizers.includes(FINALIZER)) return false;
    if (this.#isHeld(firewall)) await this.#release(firewall);
    return true;
  }

  #isHeld({ deleting, finalizers, uid }: StoredFirewall): boolean {
    return deleting && finalizers.includes(FINALIZER) && !this.#released.has(uid);
  }

  async #release(firewall: StoredFirewall): Promise<void> {
    await this.#finalizers.settle(firewall);
    this.#released.add(firewall.uid);
  }
}
