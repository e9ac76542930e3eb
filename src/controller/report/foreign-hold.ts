import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../cluster/clock.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';
import type { Finding } from './status.ts';

/** Others must not make the operator write. */
const HOLD_MS = 60_000;

interface Held<T> {
  readonly value: T;
  readonly generation: number;
  readonly since: number;
}

type HeldFirewall = Pick<StoredFirewall, 'uid' | 'generation'>;

/**
 * Keeps what the status says about others for a minute, however often it changes. Administrators' objects and
 * tenants' policies have a minute of their own each, so tenants cannot delay the word about the former. A new
 * spec ends it, because its author may have accepted something.
 */
export class ForeignHold {
  readonly #clock: Clock;
  readonly #objects = new Map<string, Held<unknown>>();
  readonly #tenants = new Map<string, Held<unknown>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns the finding to write, and the milliseconds after which a newer one may be written, or 0 */
  hold(
    { uid, generation }: HeldFirewall,
    finding: Finding,
  ): { readonly finding: Finding; readonly waitMs: number } {
    if (finding.type !== 'compiled' || finding.foreign === undefined) return { finding, waitMs: 0 };
    const objects = this.#held(this.#objects, { uid, generation }, finding.foreign.objects);
    const tenants = this.#held(this.#tenants, { uid, generation }, finding.foreign.tenants);
    const waits = [objects.waitMs, tenants.waitMs].filter((ms) => ms > 0);
    return {
      finding: { ...finding, foreign: { objects: objects.value, tenants: tenants.value } },
      waitMs: waits.length === 0 ? 0 : Math.min(...waits),
    };
  }

  /** Forgets firewalls that do not exist any more. */
  retain(uids: ReadonlySet<string>): void {
    for (const known of [this.#objects, this.#tenants])
      for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid);
  }

  #held<T>(
    known: Map<string, Held<unknown>>,
    { uid, generation }: HeldFirewall,
    value: T,
  ): { readonly value: T; readonly waitMs: number } {
    const last = known.get(uid) as Held<T> | undefined;
    const before = last?.generation === generation ? last : undefined;
    if (before !== undefined && isDeepStrictEqual(before.value, value)) return { value, waitMs: 0 };
    const now = this.#clock.now();
    const waitMs = before === undefined ? 0 : before.since + HOLD_MS - now;
    if (before !== undefined && waitMs > 0) return { value: before.value, waitMs };
    // The first value of a spec is written with its status, so the first change after it need not wait.
    known.set(uid, { value, generation, since: before === undefined ? -Infinity : now });
    return { value, waitMs: 0 };
  }
}
