/** Bounds the time for which a transition waits for objects that others keep. */
import type { Clock } from '../../cluster/clock.ts';
import type { LiveObject } from '../objects/live.ts';
import type { RemoveStep } from '../plan/step.ts';

/**
 * Milliseconds. A finalizer that does its work is gone within seconds, and then the transition ends as if there
 * had been none.
 */
export const PATIENCE_MS = 30_000;

/** Remembers since when deleted objects have been kept by finalizers of others. */
export class Patience {
  readonly #clock: Pick<Clock, 'now'>;
  /** `Clock.now()` by uid. */
  readonly #since = new Map<string, number>();
  #servedSince = -Infinity;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /**
   * @param servedSince when the API server came back after an outage (`Clock.now()`). While it was away nobody
   *   could let go of anything, so the time begins anew.
   */
  notice(live: readonly LiveObject[], servedSince: number): void {
    this.#servedSince = servedSince;
    const held = live.filter((object) => object.ours && object.waitsFor !== undefined);
    const uids = new Set(held.map(({ uid }) => uid));
    for (const uid of this.#since.keys()) if (!uids.has(uid)) this.#since.delete(uid);
    for (const uid of uids) if (!this.#since.has(uid)) this.#since.set(uid, this.#clock.now());
  }

  isOver(step: RemoveStep): boolean {
    return this.waitMs(step) === 0;
  }

  /** Milliseconds for which the step is still waited for. */
  waitMs({ live: { uid } }: RemoveStep): number {
    const since = Math.max(this.#since.get(uid) ?? this.#clock.now(), this.#servedSince);
    return Math.max(0, since + PATIENCE_MS - this.#clock.now());
  }
}
