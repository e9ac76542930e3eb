import { Heartbeat, type WatchedCollection, type HeartbeatOptions } from './heartbeat.ts';

export interface Staleness {
  readonly kind: string;
  /** See Heartbeat.staleSeconds. */
  readonly seconds: number;
  /** False until the first list. */
  readonly known: boolean;
}

/** A copy that is older than this may be wrong for too long: three heartbeats were missed. */
const STALE_SECONDS = 120;

/** All running watches, each with its heartbeat. */
export class Watches {
  readonly #options: HeartbeatOptions;
  readonly #running = new Set<Heartbeat>();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Sends heartbeats through the watch until `signal` is aborted, then resolves. */
  async watch(collection: WatchedCollection, signal: AbortSignal): Promise<void> {
    const heartbeat = new Heartbeat(collection, this.#options);
    this.#running.add(heartbeat);
    await heartbeat.run(signal);
    this.#running.delete(heartbeat);
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
