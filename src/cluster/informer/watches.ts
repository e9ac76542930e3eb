import { Heartbeat, type WatchedCollection, type HeartbeatOptions } from './heartbeat.ts';

export interface Staleness {
  readonly kind: string;
  /** See Heartbeat.staleSeconds. */
  readonly seconds: number;
  /** False until the first list. */
  readonly known: boolean;
}

/** Beyond this a copy may be wrong for longer than anybody should rely on: three missed heartbeats. */
const STALE_SECONDS = 120;

/** Every watch that runs, each with its heartbeat. */
export class Watches {
  readonly #options: HeartbeatOptions;
  readonly #running = new Set<Heartbeat>();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Sends heartbeats through the watch until `signal` is aborted; resolves then. */
  async watch(collection: WatchedCollection, signal: AbortSignal): Promise<void> {
    const heartbeat = new Heartbeat(collection, this.#options);
    this.#running.add(heartbeat);
    await heartbeat.run(signal);
    this.#running.delete(heartbeat);
  }

  /** Of every kind that is watched. */
  staleness(): readonly Staleness[] {
    return [...this.#running].map(({ collection, staleSeconds }) => ({
      kind: collection.kind,
      seconds: staleSeconds,
      known: collection.lastEventAt !== undefined,
    }));
  }

  /** The kinds of which nothing certain is known any more, for example `Namespace (for 135 s)`. What was never listed is not waited for here. */
  stale(): readonly string[] {
    return this.staleness()
      .filter(({ known, seconds }) => known && seconds > STALE_SECONDS)
      .map(({ kind, seconds }) => `${kind} (for ${String(Math.round(seconds))} s)`);
  }
}
