/** Checks whether a watch still delivers: docs/decisions/0010-watch-liveness.md. */
import { mergePatch, projectPage, type NextPage } from '../objects/apply.ts';
import type { Random } from '../backoff.ts';
import { sleep, type Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { collectionPath, type Resource, type StoredObject } from '../resource.ts';
import type { Transport } from '../http/transport.ts';
import { WatchProof, type ObservedStore } from './watch-proof.ts';

/** One object, identified with its uid. */
export interface HeartbeatObject {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly uid: string;
}

/** A watched collection with its local copy. */
export interface WatchedCollection extends ObservedStore {
  readonly kind: string;
  readonly resource: Resource;
  readonly keyOf: (object: StoredObject) => string;
  /** False while it is being listed or waits for that. */
  readonly isWatching: boolean;
  /** `Clock.now()` of the last whole list, event or bookmark. */
  readonly lastEventAt: number | undefined;
  /** An object that a heartbeat may write to, if there is one. */
  heartbeatObject(): HeartbeatObject | undefined;
  /** Ends the watch and lists again. Never rejects. */
  relist(): Promise<unknown>;
}

export type HeartbeatMethod = 'read' | 'written';
/** `error` means that the API server did not answer, which says nothing about the watch. */
export type HeartbeatResult = 'shown' | 'missed' | 'error';

interface BeatResult {
  readonly method: HeartbeatMethod;
  readonly result: HeartbeatResult;
}

export interface HeartbeatOptions {
  /** For reads. */
  readonly transport: Transport;
  /** For writes. Undefined while another process leads. */
  readonly writer: () => Transport | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: Random;
  /** The annotation that a written heartbeat sets to the current time. */
  readonly annotation: string;
  /** The field manager of that write. */
  readonly fieldManager: string;
  readonly onResult: (
    collection: WatchedCollection,
    method: HeartbeatMethod,
    result: HeartbeatResult,
  ) => void;
  /** Called when the watch does not show what is stored. */
  readonly onDead: () => void;
}

/** A copy that has been silent for this long is compared with the stored objects. Jitter adds up to half. */
const QUIET_MS = 30_000;
/** Even a busy copy is compared this often, because one event among many may be lost. */
const COMPARE_MS = 300_000;
/** After this much silence a heartbeat writes instead of comparing. */
const WRITE_MS = 300_000;
/** Time in which the watch must show the expected objects. */
const DEADLINE_MS = 10_000;
const REQUEST_MS = 10_000;
/** Maximum number of keys in a log line. */
const NAMED = 5;

/** Repeatedly checks that one watch shows objects that are known to be stored. */
export class Heartbeat {
  readonly collection: WatchedCollection;
  readonly #options: HeartbeatOptions;
  readonly #random: Random;
  /** The time of the last proof, initially of the start. `lastEventAt` of the copy may be later. */
  #provenAt: number;
  #triedAt: number;
  #quietMs: number;

  constructor(collection: WatchedCollection, options: HeartbeatOptions) {
    this.collection = collection;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#provenAt = options.clock.now();
    this.#triedAt = this.#provenAt;
    this.#quietMs = this.#nextQuiet();
  }

  /** Seconds since the copy was last confirmed by a list, an event, a bookmark or a heartbeat. */
  get staleSeconds(): number {
    return (this.#options.clock.now() - Math.max(this.#provenAt, this.collection.lastEventAt ?? 0)) / 1000;
  }

  /** Runs until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = this.#dueInMs();
      if (wait > 0) await sleep(this.#options.clock, wait, signal).catch(() => undefined);
      else await this.#beat(signal);
    }
  }

  #dueInMs(): number {
    const quietSince = Math.max(this.#triedAt, this.collection.lastEventAt ?? 0);
    return Math.min(quietSince + this.#quietMs, this.#triedAt + COMPARE_MS) - this.#options.clock.now();
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock, onResult } = this.#options;
    const proof = new WatchProof(this.collection);
    const outcome = this.collection.isWatching ? await this.#ask(proof, signal) : undefined;
    proof.end();
    this.#triedAt = clock.now();
    this.#quietMs = this.#nextQuiet();
    if (signal.aborted || outcome === undefined) return;
    if (outcome.result === 'shown') this.#provenAt = this.#triedAt;
    onResult(this.collection, outcome.method, outcome.result);
    if (outcome.result === 'missed') this.#giveUp(proof);
  }

  /** Undefined when the watch ended meanwhile, so there is nothing left to judge. */
  async #ask(proof: WatchProof, signal: AbortSignal): Promise<BeatResult | undefined> {
    const isWritten = await this.#write(proof, signal);
    if (!isWritten && !(await this.#read(proof, signal))) return { method: 'read', result: 'error' };
    const enough = new AbortController();
    const deadline = sleep(this.#options.clock, DEADLINE_MS, AbortSignal.any([signal, enough.signal]));
    await Promise.race([proof.fulfilled(), deadline.catch(() => undefined)]);
    enough.abort();
    const isShown = proof.pending.length === 0;
    if (!isShown && !this.collection.isWatching) return undefined;
    return { method: isWritten ? 'written' : 'read', result: isShown ? 'shown' : 'missed' };
  }

  /**
   * Sends a merge patch: an apply would recreate an object that has just been deleted. Returns false when
   * nothing was written, because it is too early, there is no such object, or the API server refused.
   */
  async #write(proof: WatchProof, signal: AbortSignal): Promise<boolean> {
    const { clock, writer, annotation, fieldManager } = this.#options;
    const transport = writer();
    const isDue = clock.now() - (this.collection.lastEventAt ?? 0) >= WRITE_MS;
    const object = isDue && transport !== undefined ? this.collection.heartbeatObject() : undefined;
    if (object === undefined || transport === undefined) return false;
    const { name, namespace, uid } = object;
    const resource = { ...this.collection.resource, ...(namespace === undefined ? {} : { namespace }) };
    const annotations = { [annotation]: clock.date().toISOString() };
    const options = { fieldManager, signal, timeoutMs: REQUEST_MS };
    try {
      // The uid is a precondition: a new object under this name may not be ours.
      const patch = { metadata: { uid, annotations } };
      const touched = await mergePatch(transport, resource, name, patch, options);
      proof.expect(this.collection.keyOf(touched), touched.metadata.resourceVersion);
      return true;
    } catch (error) {
      this.#noteError(error, signal);
      return false;
    }
  }

  /**
   * The copy must contain exactly the stored objects. Returns false when the API server does not list them.
   */
  async #read(proof: WatchProof, signal: AbortSignal): Promise<boolean> {
    const stored = new Map<string, string>();
    const note = (object: StoredObject): void => {
      stored.set(this.collection.keyOf(object), object.metadata.resourceVersion);
    };
    let next: NextPage | undefined;
    try {
      do {
        const options = { metadataOnly: true, next, signal, timeoutMs: REQUEST_MS };
        ({ next } = await projectPage(this.#options.transport, this.collection.resource, note, options));
      } while (next !== undefined);
    } catch (error) {
      this.#noteError(error, signal);
      return false;
    }
    proof.expectAll(stored);
    return true;
  }

  #noteError(error: unknown, signal: AbortSignal): void {
    if (!signal.aborted)
      this.#options.log.debug({ err: error, kind: this.collection.kind }, 'heartbeat not sent');
  }

  #giveUp(proof: WatchProof): void {
    const { kind, resource } = this.collection;
    const fields = {
      kind,
      resource: collectionPath(resource),
      silentForSeconds: Math.round((this.#options.clock.now() - (this.collection.lastEventAt ?? 0)) / 1000),
      notShown: proof.pending.slice(0, NAMED),
    };
    this.#options.log.warn(fields, 'the watch does not show what is stored: listing anew');
    this.#options.onDead();
  }

  #nextQuiet(): number {
    return QUIET_MS * (1 + this.#random() / 2);
  }
}
