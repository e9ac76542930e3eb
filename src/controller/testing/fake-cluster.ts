/** An API server with every collection that is asked for, in memory: as much of one as a whole controller needs. */
import type { Clock } from '../../cluster/clock.ts';
import { ApiError } from '../../cluster/errors.ts';
import { isKubernetesObject, objectKey, type KubernetesObject } from '../../cluster/resource.ts';
import { isRecord } from '../../json.ts';
import type { Transport, TransportRequest, TransportResponse } from '../../cluster/http/transport.ts';
import { CALICO_GROUP, CALICO_VERSION, GENERATED_KINDS, generatedKinds } from '../objects/kinds.ts';

export interface FakeClusterOptions {
  readonly clock: Clock;
  /** Milliseconds that the next message takes, on its way to the server, back, or through a watch. */
  readonly delayMs: () => number;
}

interface Change {
  readonly version: number;
  readonly collection: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
}

interface Place {
  /** For example `projectcalico.org/v3/networkpolicies`. */
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly isStatus: boolean;
}

const CALICO = `/apis/${CALICO_GROUP}/${CALICO_VERSION}`;
const PATH = /^\/(?:api|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(\/status)?$/;

const conflict = (message: string): ApiError => new ApiError({ code: 409, reason: 'Conflict', message });
const notFound = (path: string): ApiError =>
  new ApiError({ code: 404, reason: 'NotFound', message: `${path} not found` });

/** Requests take effect in the order in which they arrive; the events of one watch arrive in the order of the changes. */
export class FakeCluster implements Transport {
  readonly #options: FakeClusterOptions;
  readonly #collections = new Map<string, Map<string, KubernetesObject>>();
  readonly #history: Change[] = [];
  readonly #watches = new Set<(change: Change) => void>();
  #version = 1;
  #lives = 0;

  constructor(options: FakeClusterOptions) {
    this.#options = options;
  }

  /** @param collection for example `projectcalico.org/v3/networkpolicies` */
  objects(collection: string): readonly KubernetesObject[] {
    return [...(this.#collections.get(collection)?.values() ?? [])];
  }

  /** Stores the object at once, whatever stood there before; without an effect where nothing differs. */
  put(collection: string, object: KubernetesObject): KubernetesObject {
    const objects = this.#objectsOf(collection);
    const key = objectKey(object);
    const old = objects.get(key);
    if (old === undefined) this.#lives += 1;
    const uid = old?.metadata.uid ?? `uid-${String(this.#lives)}`;
    const generation = generationOf(old, object);
    const { resourceVersion = '' } = old?.metadata ?? {};
    const stored = { ...object, metadata: { ...object.metadata, uid, generation, resourceVersion } };
    if (old !== undefined && JSON.stringify(old) === JSON.stringify(stored)) return old;
    return this.#change(collection, old === undefined ? 'ADDED' : 'MODIFIED', stored);
  }

  /** Deletes the object at once. */
  delete(collection: string, object: KubernetesObject): void {
    if (this.#objectsOf(collection).has(objectKey(object))) this.#change(collection, 'DELETED', object);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    await this.#pass(request.signal);
    let body: unknown;
    try {
      body = this.#answer(request);
    } finally {
      await this.#pass(request.signal);
    }
    return { status: 200, headers: {}, body };
  }

  async *stream(request: TransportRequest): AsyncGenerator<unknown, void, undefined> {
    const { collection } = placeOf(request.path);
    const from = Number(request.query?.['resourceVersion']);
    const arrived: unknown[] = [];
    let wake: () => void = () => undefined;
    let lastAt = 0;
    const send = ({ type, object, ...change }: Change): void => {
      if (change.collection !== collection) return;
      const { clock, delayMs } = this.#options;
      lastAt = Math.max(lastAt, clock.now() + delayMs());
      clock.setTimeout(() => {
        arrived.push({ type, object });
        wake();
      }, lastAt - clock.now());
    };
    const onAbort = (): void => {
      wake();
    };
    request.signal?.addEventListener('abort', onAbort);
    for (const change of this.#history) if (change.version > from) send(change);
    this.#watches.add(send);
    try {
      while (request.signal?.aborted !== true) {
        if (arrived.length > 0) yield arrived.shift();
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watches.delete(send);
      request.signal?.removeEventListener('abort', onAbort);
    }
    throw new Error('aborted');
  }

  async #pass(signal: AbortSignal | undefined): Promise<void> {
    const ms = this.#options.delayMs();
    await new Promise<void>((resolve) => {
      this.#options.clock.setTimeout(resolve, ms);
    });
    signal?.throwIfAborted();
  }

  #answer(request: TransportRequest): unknown {
    if (request.path === CALICO)
      return { resources: generatedKinds.map((kind) => ({ name: GENERATED_KINDS[kind].plural, kind })) };
    const place = placeOf(request.path);
    const { collection, namespace, name } = place;
    if (request.method === 'GET' && name === undefined) return this.#list(collection);
    const sent = isKubernetesObject(request.body) ? request.body : undefined;
    const key = namespace === undefined ? (name ?? '') : `${namespace}/${name ?? sent?.metadata.name ?? ''}`;
    const old = this.#objectsOf(collection).get(key);
    if (request.method === 'GET' || request.method === 'DELETE') {
      if (old === undefined) throw notFound(request.path);
      if (request.method === 'DELETE') this.#remove(collection, old, request.body);
      return old;
    }
    return this.#write(request, place, old);
  }

  #write(
    { body, contentType, path }: TransportRequest,
    place: Place,
    old: KubernetesObject | undefined,
  ): unknown {
    const { collection, isStatus } = place;
    if (!isRecord(body)) throw new TypeError('no object');
    checkPreconditions(isRecord(body['metadata']) ? body['metadata'] : {}, old);
    if (contentType === 'application/merge-patch+json') {
      if (old === undefined) throw notFound(path);
      return this.put(collection, merged(old, body) as KubernetesObject);
    }
    if (!isKubernetesObject(body)) throw new TypeError('no object');
    if (isStatus) {
      if (old === undefined) throw notFound(path);
      return this.put(collection, { ...old, status: body['status'] });
    }
    if (contentType !== 'application/apply-patch+yaml') return this.put(collection, body);
    const managedFields = [{ manager: 'clusterfirewall' }];
    const base = { ...old, metadata: { ...old?.metadata, managedFields } };
    return this.put(collection, merged(base, body) as KubernetesObject);
  }

  #remove(collection: string, old: KubernetesObject, body: unknown): void {
    const preconditions = isRecord(body) && isRecord(body['preconditions']) ? body['preconditions'] : {};
    checkPreconditions(preconditions, old);
    this.delete(collection, old);
  }

  #list(collection: string): unknown {
    return { metadata: { resourceVersion: String(this.#version) }, items: this.objects(collection) };
  }

  #objectsOf(collection: string): Map<string, KubernetesObject> {
    const objects = this.#collections.get(collection) ?? new Map<string, KubernetesObject>();
    this.#collections.set(collection, objects);
    return objects;
  }

  #change(collection: string, type: Change['type'], object: KubernetesObject): KubernetesObject {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    const stored = { ...object, metadata };
    if (type === 'DELETED') this.#objectsOf(collection).delete(objectKey(stored));
    else this.#objectsOf(collection).set(objectKey(stored), stored);
    const change = { version: this.#version, collection, type, object: stored };
    this.#history.push(change);
    for (const send of this.#watches) send(change);
    return stored;
  }
}

function placeOf(path: string): Place {
  const [, group = '', version = '', namespace, plural = '', name, status] = PATH.exec(path) ?? [];
  const collection = group === '' ? `${version}/${plural}` : `${group}/${version}/${plural}`;
  return { collection, namespace, name, isStatus: status !== undefined };
}

function checkPreconditions(
  sent: Readonly<Record<string, unknown>>,
  old: KubernetesObject | undefined,
): void {
  const { uid, resourceVersion } = sent;
  if (uid !== undefined && uid !== old?.metadata.uid) throw conflict('another uid');
  if (resourceVersion !== undefined && resourceVersion !== old?.metadata.resourceVersion)
    throw conflict('the object has been modified');
}

const generationOf = (old: KubernetesObject | undefined, now: KubernetesObject): number => {
  const before = old?.metadata.generation ?? 0;
  return JSON.stringify(old?.['spec']) === JSON.stringify(now['spec']) ? before : before + 1;
};

/** RFC 7386. An apply comes to the same here: what others have added stays, and nothing of ours is ever left out. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result = new Map(isRecord(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else if (value !== undefined) result.set(key, merged(result.get(key), value));
  }
  return Object.fromEntries(result);
}
