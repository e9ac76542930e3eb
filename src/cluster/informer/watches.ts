import { sleep } from '../clock.ts';
import { Heartbeat, type WatchedCollection, type HeartbeatOptions } from './heartbeat.ts';

export interface WatchesOptions extends Omit<HeartbeatOptions, 'onDead'> {
  /** Called when `isInDoubt` has become false. */
  readonly onSure?: () => void;
}

export interface Staleness {
  readonly kind: string;
  /** See Heartbeat.staleSeconds. */
  readonly seconds: number;
  /** False until the first list. */
  readonly known: boolean;
}

/** A copy that is older than this may be wrong for too long: three heartbeats were missed. */
const STALE_SECONDS = 120;

/** A kind that cannot be listed for so long must not keep the others from being acted upon. */
const DOUBT_MS = 30_000;

/** All running watches, each with its heartbeat. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #running = new Set<Heartbeat>();
  #doubts = 0;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /**
   * True while all copies are listed anew, because one watch was found dead. Until then one copy may show what
   * came after a change that another copy does not show yet, and together they show a cluster that never was.
   */
  get isInDoubt(): boolean {
    return this.#doubts > 0;
  }

  /** Sends heartbeats through the watch until `signal` is aborted, then resolves. */
  async watch(collection: WatchedCollection, signal: AbortSignal): Promise<void> {
    const onDead = (): void => void this.#doubt();
    const heartbeat = new Heartbeat(collection, { ...this.#options, onDead });
    this.#running.add(heartbeat);
    await heartbeat.run(signal);
    this.#running.delete(heartbeat);
  }

  /** A network that drops one watch without a word has dropped others. */
  async #doubt(): Promise<void> {
    const { clock, onSure } = this.#options;
    const watching = [...this.#running].filter(({ collection }) => collection.isWatching);
    this.#doubts += 1;
    const listed = new AbortController();
    const lists = Promise.all(watching.map(({ collection }) => collection.relist()));
    const bound = sleep(clock, DOUBT_MS, listed.signal).catch(() => undefined);
    await Promise.race([lists, bound]);
    listed.abort();
    this.#doubts -= 1;
    if (this.#doubts === 0) onSure?.();
  }

  /** The age of the copy of every watched kind. */
  staleness(): readonly Staleness[] {
    return [...this.#running].map(({ collection, staleSeconds }) => ({
      kind: collection.kind,
      seconds: staleSeconds,
      known: collection.lastEventAt !== undefined,
    }));
  }

  /**
   * Kinds whose copy is too old to trust, for example `Namespace (for 135 s)`. Kinds without a first list are
   * not included.
   */
  stale(): readonly string[] {
    return this.staleness()
      .filter(({ known, seconds }) => known && seconds > STALE_SECONDS)
      .map(({ kind, seconds }) => `${kind} (for ${String(Math.round(seconds))} s)`);
  }
}
