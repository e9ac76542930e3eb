import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../../json.ts';
import { ApiError } from '../errors.ts';
import {
  collectionPath,
  isKubernetesObject,
  objectKey,
  type KubernetesObject,
  type ManagedFieldsEntry,
  type Resource,
  type StoredObject,
} from '../resource.ts';
import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';
import { contestedField, mergeApplied, mergePatched } from './fake-merge.ts';
import { FakeServer } from './fake-server.ts';

/** A kind that the server serves. */
export interface ServedKind extends Resource {
  readonly kind: string;
  readonly namespaced?: boolean;
}

/** One object, or a whole collection if `name` is undefined. */
interface Place {
  readonly collection: FakeServer;
  readonly served: ServedKind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const NAMESPACES = 'namespaces';

/**
 * An API server in memory with several collections. It has what our writes depend on: server-side apply with
 * the fields of each manager, merge patches, preconditions on uid and resourceVersion, finalizers,
 * subresources, and required namespaces. It serves only `kinds`; everything else is 404. Each collection is a
 * FakeServer, which can simulate faults.
 *
 * It lacks admission, validation, and common versions of several collections.
 */
export class FakeApiServer implements Transport {
  /** Requests in the order of arrival, with lists and watches. */
  readonly requests: TransportRequest[] = [];
  readonly #kinds: readonly ServedKind[];
  readonly #collections = new Map<string, FakeServer>();
  /** The last applied fields of each manager, by object and manager. */
  readonly #applied = new Map<string, KubernetesObject>();
  /** Number of objects ever created. It makes uids unique across all kinds. */
  #lives = 0;
  /**
   * Returns an Error for a request that should fail. It may wait, for example for a test that changes
   * something meanwhile.
   */
  fault: (request: TransportRequest) => Error | undefined | Promise<Error | undefined> = () => undefined;

  /** Fills in defaults of a written object, like the real server. */
  fill: (object: KubernetesObject) => KubernetesObject = (object) => object;

  constructor(kinds: readonly ServedKind[]) {
    this.#kinds = kinds;
    for (const { group, plural } of kinds) this.#collections.set(`${group}/${plural}`, new FakeServer());
  }

  /** @throws Error for a kind that is not served */
  collection({ group, plural }: Pick<Resource, 'group' | 'plural'>): FakeServer {
    const collection = this.#collections.get(`${group}/${plural}`);
    if (collection === undefined) throw new Error(`${group}/${plural} is not served`);
    return collection;
  }

  /** Stores the object like another client, `manager`. Returns the stored object. */
  put(
    resource: Pick<Resource, 'group' | 'plural'>,
    object: KubernetesObject,
    manager = 'kubectl',
  ): StoredObject {
    return this.#store(this.collection(resource), object, manager, 'Update');
  }

  /**
   * The only object of a collection whose name contains `part`, as stored.
   * @throws Error if there is none or more than one
   */
  object(resource: Pick<Resource, 'group' | 'plural'>, part: string): StoredObject {
    const objects = [...this.collection(resource).objects().values()];
    const [found, ...more] = objects.filter(({ metadata }) => metadata.name.includes(part));
    if (found === undefined || more.length > 0)
      throw new Error(
        `${String(more.length + (found === undefined ? 0 : 1))} ${resource.plural} with ${part}`,
      );
    return found;
  }

  /** Requests that change something, as `PATCH name`, oldest first. */
  writes(): readonly string[] {
    return this.requests
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path }) => `${method} ${path.split('/').at(-1) ?? ''}`);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    this.requests.push(request);
    const fault = await this.fault(request);
    if (fault !== undefined) throw fault;
    const place = this.#placeOf(request.path);
    if (place === undefined) return answer(this.#discovery(request.path));
    if (request.method === 'GET' && place.name === undefined) return place.collection.request(request);
    return answer(this.#carryOut(request, place));
  }

  async *stream(request: TransportRequest): AsyncGenerator<unknown, void, undefined> {
    this.requests.push(request);
    const place = this.#placeOf(request.path);
    if (place === undefined) throw notServed(request.path);
    yield* place.collection.stream(request);
  }

  #placeOf(path: string): Place | undefined {
    const [, group = '', version, rest = ''] = /^(?:\/api|\/apis\/([^/]+))\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const parts = rest.split('/');
    const inNamespace = parts[0] === NAMESPACES && parts.length > 2;
    const [plural = '', name, subresource] = inNamespace ? parts.slice(2) : parts;
    const served = this.#kinds.find(
      (each) => each.group === group && each.version === version && each.plural === plural,
    );
    if (served === undefined) return undefined;
    const namespace = inNamespace ? parts[1] : undefined;
    return { collection: this.collection(served), served, namespace, name, subresource };
  }

  #discovery(path: string): unknown {
    const groups = [...new Set(this.#kinds.map(({ group }) => group))].filter((group) => group !== '');
    if (path === '/apis')
      return {
        groups: groups.map((name) => ({
          name,
          versions: [
            ...new Set(this.#kinds.flatMap(({ group, version }) => (group === name ? [version] : []))),
          ].map((version) => ({ version })),
        })),
      };
    const resources = this.#kinds.filter((each) => collectionPath({ ...each, plural: '' }) === `${path}/`);
    if (resources.length === 0) throw notServed(path);
    return {
      resources: resources.map(({ plural, kind, namespaced = false }) => ({
        name: plural,
        kind,
        namespaced,
        verbs: [],
      })),
    };
  }

  #carryOut(request: TransportRequest, place: Place): StoredObject {
    switch (request.method) {
      case 'GET':
        return this.#existing(place);
      case 'POST':
        return this.#create(request, place);
      case 'PUT':
        return this.#replace(request, place);
      case 'PATCH':
        return request.contentType === 'application/merge-patch+json'
          ? this.#patch(request, place)
          : this.#apply(request, place);
      case 'DELETE':
        return this.#delete(request, place);
    }
  }

  #find({ collection, namespace, name = '' }: Place): StoredObject | undefined {
    return collection.objects().get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  #existing(place: Place): StoredObject {
    const stored = this.#find(place);
    if (stored !== undefined) return stored;
    const message = `${place.served.plural} "${place.name ?? ''}" not found`;
    throw new ApiError({ code: 404, reason: 'NotFound', message });
  }

  #create(request: TransportRequest, place: Place): StoredObject {
    const object = objectOf(request);
    const name = object.metadata.name;
    if (this.#find({ ...place, name }) !== undefined)
      throw new ApiError({ code: 409, reason: 'AlreadyExists', message: `"${name}" already exists` });
    this.#checkNamespace(place.namespace);
    return this.#written(place, withStatus(object, undefined), request, 'Update');
  }

  /** @throws ApiError if nothing can be created in the namespace */
  #checkNamespace(namespace: string | undefined): void {
    if (namespace === undefined) return;
    const stored = this.collection({ group: '', plural: NAMESPACES }).objects().get(namespace);
    if (stored === undefined)
      throw new ApiError({ code: 404, reason: 'NotFound', message: `namespaces "${namespace}" not found` });
    if (stored.metadata.deletionTimestamp !== undefined)
      throw new ApiError({
        code: 403,
        reason: 'Forbidden',
        message: `namespace ${namespace} is being terminated`,
        causes: [{ reason: 'NamespaceTerminating' }],
      });
  }

  #replace(request: TransportRequest, place: Place): StoredObject {
    const stored = this.#existing(place);
    const object = objectOf(request);
    const { uid = stored.metadata.uid } = object.metadata;
    if (uid !== stored.metadata.uid) throw conflict('the UID in the precondition is another');
    checkVersion(object.metadata, stored);
    return this.#written(place, withStatus(object, stored['status']), request, 'Update');
  }

  #patch(request: TransportRequest, place: Place): StoredObject {
    const stored = this.#existing(place);
    const patch = isRecord(request.body) ? request.body : {};
    const metadata = isRecord(patch['metadata']) ? patch['metadata'] : {};
    checkVersion(metadata, stored);
    if (metadata['uid'] !== undefined && metadata['uid'] !== stored.metadata.uid) throw immutableUid();
    const patched = mergePatched(stored, patch);
    if (!isKubernetesObject(patched)) throw new Error('not an object any more');
    return this.#written(place, patched, request, 'Update');
  }

  #apply(request: TransportRequest, place: Place): StoredObject {
    const stored = this.#find(place);
    const object = objectOf(request);
    if (stored === undefined) {
      if (place.subresource !== undefined) return this.#existing(place);
      if (object.metadata.uid !== undefined) throw conflict('uid mismatch, and no existing object was found');
      this.#checkNamespace(place.namespace);
    } else if (object.metadata.uid !== undefined && object.metadata.uid !== stored.metadata.uid) {
      throw immutableUid();
    }
    const key = (uid = ''): string => `${objectKey(object)} ${uid} ${managerOf(request)}`;
    const before = this.#applied.get(key(stored?.metadata.uid));
    const isForced = request.query?.['force'] === true;
    const path = stored === undefined || isForced ? undefined : contestedField(stored, before ?? {}, object);
    if (path !== undefined) throw conflict(`Apply failed with 1 conflict: .${path}`);
    const merged = mergeApplied(stored ?? {}, before ?? {}, object);
    if (!isKubernetesObject(merged)) throw new Error('not an object any more');
    const isStatus = place.subresource === 'status' && stored !== undefined;
    const next = isStatus ? withStatus(stored, merged['status']) : withStatus(merged, stored?.['status']);
    const written = this.#written(place, next, request, 'Apply');
    this.#applied.set(key(written.metadata.uid), object);
    return written;
  }

  #delete(request: TransportRequest, place: Place): StoredObject {
    const stored = this.#existing(place);
    const options = isRecord(request.body) ? request.body : {};
    const { uid = stored.metadata.uid } = isRecord(options['preconditions']) ? options['preconditions'] : {};
    if (uid !== stored.metadata.uid) throw conflict('the UID in the precondition is another');
    if ((stored.metadata.finalizers ?? []).length === 0) {
      place.collection.delete(objectKey(stored));
      return stored;
    }
    const { deletionTimestamp = timeOf(place.collection.version) } = stored.metadata;
    return place.collection.store({ ...stored, metadata: { ...stored.metadata, deletionTimestamp } });
  }

  /** Stores a written object. An object that is being deleted goes with its last finalizer. */
  #written(
    { collection }: Place,
    object: KubernetesObject,
    request: TransportRequest,
    operation: 'Apply' | 'Update',
  ): StoredObject {
    const stored = this.#store(collection, object, managerOf(request), operation);
    const { deletionTimestamp, finalizers = [] } = stored.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) collection.delete(objectKey(stored));
    return stored;
  }

  /** Stores an object. A write without changes makes no new version. */
  #store(
    collection: FakeServer,
    sent: KubernetesObject,
    manager: string,
    operation: 'Apply' | 'Update',
  ): StoredObject {
    const object = this.fill(sent);
    const old = collection.objects().get(objectKey(object));
    if (old !== undefined && isDeepStrictEqual(contentOf(object), contentOf(old))) return old;
    const { managedFields = [], generation = 0 } = old?.metadata ?? {};
    const entry: ManagedFieldsEntry = { manager, operation, time: timeOf(collection.version) };
    const others = managedFields.filter((each) => each.manager !== manager || each.operation !== operation);
    if (old === undefined) this.#lives += 1;
    const isSameSpec = old !== undefined && isDeepStrictEqual(object['spec'], old['spec']);
    const metadata = {
      ...object.metadata,
      uid: old?.metadata.uid ?? object.metadata.uid ?? `uid-${String(this.#lives)}`,
      generation: isSameSpec ? generation : generation + 1,
      managedFields: [...others, entry],
    };
    return collection.store({ ...object, metadata });
  }
}

const answer = (body: unknown): TransportResponse => ({ status: 200, headers: {}, body });

function objectOf({ method, path, body }: TransportRequest): KubernetesObject {
  if (!isKubernetesObject(body)) throw new Error(`${method} ${path} without an object`);
  return body;
}

const managerOf = ({ query }: TransportRequest): string => String(query?.['fieldManager'] ?? 'unknown');

/** One second for each version. */
const timeOf = (version: number): string => new Date(Date.UTC(2026, 0, 1) + version * 1000).toISOString();

/** The fields that the writer decides, without those of the server. */
const contentOf = ({ metadata, ...fields }: KubernetesObject): unknown => ({
  ...fields,
  metadata: { ...metadata, uid: '', resourceVersion: '', generation: 0, managedFields: [] },
});

function withStatus(object: KubernetesObject, status: unknown): KubernetesObject {
  const rest = Object.entries(object).filter(([field]) => field !== 'status');
  return {
    ...Object.fromEntries(rest),
    metadata: object.metadata,
    ...(status === undefined ? {} : { status }),
  };
}

function checkVersion(
  { resourceVersion }: Readonly<Record<string, unknown>> | KubernetesObject['metadata'],
  stored: StoredObject,
): void {
  if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion)
    throw conflict('the object has been modified');
}

const conflict = (message: string): ApiError => new ApiError({ code: 409, reason: 'Conflict', message });

const immutableUid = (): ApiError =>
  new ApiError({
    code: 422,
    reason: 'Invalid',
    message: 'metadata.uid: field is immutable',
    causes: [{ field: 'metadata.uid' }],
  });

const notServed = (path: string): ApiError =>
  new ApiError({
    code: 404,
    reason: 'NotFound',
    message: `the server could not find the requested resource: ${path}`,
  });
