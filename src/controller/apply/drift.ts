/** Tells drift from change, and keeps repairs from fighting with another client at full speed. */
import type { Clock } from '../../cluster/clock.ts';

/**
 * The number of repairs of one object that are done at once. Each later one waits twice as long as the one
 * before.
 */
const PROMPT_REPAIRS = 5;
const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 60_000;
/** After this long without drift an object is no longer contested. */
const QUIET_MS = 300_000;

interface Memory {
  /** Hash of the desired content that this object was last seen to have. */
  readonly hash: string;
  readonly repairs: number;
  readonly repairedAt: number;
  /** resourceVersion of the stored object that was repaired last; undefined where it was missing. */
  readonly repairedVersion: string | undefined;
  /** The field manager whose change was repaired last; undefined where the object named none. */
  readonly manager?: string | undefined;
}

/**
 * Remembers the objects that this process has seen as desired. A restart forgets them, which loses only log
 * lines.
 */
export class Drift {
  readonly #clock: Clock;
  readonly #records = new Map<string, Memory>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * These objects are stored as desired, or were a moment ago: ids and hashes of what is desired. Those not in
   * `desired` are forgotten.
   */
  remember(current: ReadonlyMap<string, string>, desired: ReadonlySet<string>): void {
    for (const id of this.#records.keys()) if (!desired.has(id)) this.#records.delete(id);
    for (const [id, hash] of current) {
      const { repairs = 0, repairedAt = 0, repairedVersion, manager } = this.#records.get(id) ?? {};
      this.#records.set(id, { hash, repairs, repairedAt, repairedVersion, manager });
    }
  }

  /**
   * True when the stored object differs although it was as desired before: another client changed or deleted
   * it.
   */
  isDrift(id: string, desiredHash: string): boolean {
    return this.#records.get(id)?.hash === desiredHash;
  }

  /** Milliseconds until the object may be repaired; 0 = now. */
  waitMs(id: string): number {
    const record = this.#contested(id);
    if (record === undefined) return 0;
    const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (record.repairs - PROMPT_REPAIRS));
    return Math.max(0, record.repairedAt + delay - this.#clock.now());
  }

  /**
   * Notes that the object was written because it differed. False when this was no repair: the watch is late and
   * still shows the version that was repaired before.
   * @param version resourceVersion of the object that differed; undefined where it was missing
   */
  repaired(id: string, version: string | undefined, manager?: string): boolean {
    const record = this.#records.get(id);
    if (record === undefined || (version !== undefined && version === record.repairedVersion)) return false;
    const now = this.#clock.now();
    const repairs = now - record.repairedAt > QUIET_MS ? 1 : record.repairs + 1;
    this.#records.set(id, {
      ...record,
      repairs,
      repairedAt: now,
      repairedVersion: version,
      manager,
    });
    return true;
  }

  /** True when the object was repaired so often that another client must be working against us. */
  isContested(id: string): boolean {
    return this.#contested(id) !== undefined;
  }

  /** The field manager that works against us, as far as the object names one. */
  contestant(id: string): string | undefined {
    return this.#contested(id)?.manager;
  }

  /** Milliseconds until the next object is contested no more, if nobody touches it; undefined when none is. */
  calmMs(): number | undefined {
    const ends = [...this.#records.keys()]
      .map((id) => this.#contested(id)?.repairedAt)
      .filter((repairedAt) => repairedAt !== undefined)
      .map((repairedAt) => repairedAt + QUIET_MS + 1 - this.#clock.now());
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  #contested(id: string): Memory | undefined {
    const record = this.#records.get(id);
    if (record === undefined || record.repairs < PROMPT_REPAIRS) return undefined;
    return this.#clock.now() - record.repairedAt > QUIET_MS ? undefined : record;
  }
}
