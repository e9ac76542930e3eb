import { ApiError, statusError, TransportError } from '../errors.ts';
import { objectKey, type KubernetesObject, type StoredObject } from '../resource.ts';
import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

/** A fault of the server in place of an answer to the next request. */
export type Fault =
  | { readonly type: 'drop' }
  | {
      readonly type: 'status';
      readonly code: number;
      readonly retryAfterSeconds?: number;
      readonly message?: string;
    };

/** A fault of the server in an open watch. */
export const WATCH_FAULTS = ['cut', 'close', 'expire', 'internal-error', 'garbage', 'black-hole'] as const;
export type WatchFault = (typeof WATCH_FAULTS)[number];

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
}

interface OpenWatch {
  push(line: unknown): void;
  end(error?: Error): void;
  /** Discards all data from now on. */
  deafen(): void;
}

/**
 * One collection of an API server in memory. It has etcd's versions, pages of one snapshot, watches from a
 * version, and compaction. It can simulate faults.
 */
export class FakeServer implements Transport {
  readonly requests: TransportRequest[] = [];
  readonly #objects = new Map<string, StoredObject>();
  #history: Change[] = [];
  #version = 1;
  #compacted = 0;
  #lives = 0;
  /** Snapshots of lists by version. Later pages of a list come from the snapshot of its first page. */
  readonly #snapshots = new Map<number, readonly StoredObject[]>();
  readonly #watches = new Set<OpenWatch>();
  readonly #faults: Fault[] = [];
  /** Names of objects that are sent without their uid. */
  readonly anonymous = new Set<string>();
  /** Rearranges each page, because the order of a list has no meaning. */
  shuffle: (items: readonly StoredObject[]) => readonly StoredObject[] = (items) => items;
  /**
   * Runs after a page was built and before it is sent. Changes made here fall between pages, or between list
   * and watch.
   */
  betweenPages: () => void = () => undefined;

  get version(): number {
    return this.#version;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  objects(): ReadonlyMap<string, StoredObject> {
    return this.#objects;
  }

  /** Creates or updates the object. */
  put(name: string, data: unknown): void {
    this.store({ metadata: { name }, data });
  }

  /** Like put, with a whole object. Returns it as stored. A new object without a uid receives one. */
  store(object: KubernetesObject): StoredObject {
    const old = this.#objects.get(objectKey(object));
    if (old === undefined) this.#lives += 1;
    const uid = object.metadata.uid ?? old?.metadata.uid ?? `uid-${String(this.#lives)}`;
    return this.#change(old === undefined ? 'ADDED' : 'MODIFIED', object, uid);
  }

  /** @param key an objectKey */
  delete(key: string): void {
    const old = this.#objects.get(key);
    if (old !== undefined) this.#change('DELETED', old, old.metadata.uid);
  }

  /** Forgets everything before now. Older versions and continue tokens are expired. */
  compact(): void {
    this.#compacted = this.#version;
    this.#history = [];
  }

  bookmark(): void {
    // A bookmark may carry a newer version that comes from other collections.
    this.#version += 1;
    const object = { metadata: { resourceVersion: String(this.#version) } };
    for (const watch of this.#watches) watch.push({ type: 'BOOKMARK', object });
  }

  failNext(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  forgetFaults(): void {
    this.#faults.length = 0;
  }

  disturb(fault: WatchFault): void {
    for (const watch of [...this.#watches]) disturbOne(watch, fault);
  }

  request(request: TransportRequest): Promise<TransportResponse> {
    this.requests.push(request);
    // Deferred, so an error here becomes a rejection.
    return Promise.resolve().then(() => {
      this.#failAsTold();
      const body = this.#page(request);
      this.betweenPages();
      return { status: 200, headers: {}, body };
    });
  }

  async *stream(request: TransportRequest): AsyncGenerator<unknown, void, undefined> {
    this.requests.push(request);
    await Promise.resolve();
    this.#failAsTold();
    const from = Number(request.query?.['resourceVersion']);
    if (from < this.#compacted) {
      yield { type: 'ERROR', object: EXPIRED };
      return;
    }
    const lines: unknown[] = this.#history
      .filter((change) => change.version > from)
      .map((change) => this.#eventOf(change));
    yield* this.#follow(lines, request.signal);
  }

  async *#follow(
    lines: unknown[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<unknown, void, undefined> {
    let ended: { readonly error?: Error } | undefined;
    let deaf = false;
    let wake: () => void = () => undefined;
    const watch: OpenWatch = {
      push(line) {
        if (!deaf) lines.push(line);
        wake();
      },
      end(error) {
        // Data in transit is lost when the connection breaks.
        if (error !== undefined) lines.length = 0;
        if (!deaf) ended ??= error === undefined ? {} : { error };
        wake();
      },
      deafen() {
        deaf = true;
      },
    };
    const onAbort = (): void => {
      ended = { error: signal?.reason instanceof Error ? signal.reason : new Error('aborted') };
      wake();
    };
    signal?.addEventListener('abort', onAbort);
    this.#watches.add(watch);
    try {
      for (;;) {
        const line = lines.shift();
        if (line !== undefined) yield line;
        else if (ended !== undefined) break;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watches.delete(watch);
      signal?.removeEventListener('abort', onAbort);
    }
    if (ended.error !== undefined) throw ended.error;
  }

  #failAsTold(): void {
    const fault = this.#faults.shift();
    if (fault === undefined) return;
    if (fault.type === 'drop') throw new TransportError('connection reset');
    throw new ApiError({ message: `HTTP ${String(fault.code)}`, ...fault });
  }

  #change(type: Change['type'], object: KubernetesObject, uid: string): StoredObject {
    this.#version += 1;
    const metadata = { ...object.metadata, uid, resourceVersion: String(this.#version) };
    const change: Change = { version: this.#version, type, object: { ...object, metadata } };
    if (type === 'DELETED') this.#objects.delete(objectKey(object));
    else this.#objects.set(objectKey(object), change.object);
    this.#history.push(change);
    for (const watch of this.#watches) watch.push(this.#eventOf(change));
    return change.object;
  }

  #page(request: TransportRequest): unknown {
    const limit = Number(request.query?.['limit'] ?? Infinity);
    const token = request.query?.['continue'];
    // A token is `VERSION/OFFSET`.
    const [version = this.#version, offset = 0] =
      token === undefined ? [] : String(token).split('/').map(Number);
    if (version < this.#compacted) throw statusError(410, EXPIRED);
    const snapshot = this.#snapshots.get(version) ?? [...this.#objects.values()];
    if (version === this.#version) this.#snapshots.set(version, snapshot);
    const end = offset + limit;
    const next = end < snapshot.length ? `${String(version)}/${String(end)}` : undefined;
    return {
      kind: 'ObjectList',
      metadata: { resourceVersion: String(version), continue: next },
      items: this.shuffle(snapshot.slice(offset, end).filter(selected(request))).map((object) =>
        this.#sent(object),
      ),
    };
  }

  #eventOf({ type, object }: Change): unknown {
    return { type, object: this.#sent(object) };
  }

  #sent(object: StoredObject): unknown {
    if (!this.anonymous.has(object.metadata.name)) return object;
    return { ...object, metadata: { ...object.metadata, uid: undefined } };
  }
}

const EXPIRED = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };

/** Supports one form of label selector: a single label with its value. */
function selected({ query }: TransportRequest): (object: KubernetesObject) => boolean {
  const selector = query?.['labelSelector'];
  if (selector === undefined) return () => true;
  const [label = '', value] = String(selector).split('=');
  return ({ metadata }) => metadata.labels?.[label] === value;
}

function disturbOne(watch: OpenWatch, fault: WatchFault): void {
  switch (fault) {
    case 'cut':
      watch.end(new TransportError('connection reset'));
      return;
    case 'close':
      watch.end();
      return;
    case 'expire':
      watch.push({ type: 'ERROR', object: EXPIRED });
      return;
    case 'internal-error':
      // The aggregated Calico API server wraps an expired version like this.
      watch.push({
        type: 'ERROR',
        object: { kind: 'Status', code: 500, reason: 'InternalError', message: 'too old' },
      });
      return;
    case 'garbage':
      watch.push({ type: 'SURPRISE' });
      return;
    case 'black-hole':
      watch.deafen();
  }
}
