import { isNotFound } from '../errors.ts';
import { isRecord } from '../../json.ts';
import {
  collectionPath,
  incompleteOf,
  inWords,
  isKubernetesObject,
  isStoredObject,
  objectPath,
  type Incomplete,
  type KubernetesObject,
  type Resource,
  type StoredObject,
} from '../resource.ts';
import type { Method, Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

/** The field manager of our writes, as shown in managedFields. */
export const FIELD_MANAGER = 'clusterfirewall';

/** JSON is YAML, and the only encoding of an apply patch that every server version accepts. */
const APPLY_PATCH = 'application/apply-patch+yaml';
/**
 * A server that cannot reduce objects to their metadata may send them whole (Kubernetes API concepts,
 * "Alternate representations of resources").
 */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
const PAGE_SIZE = 500;
/**
 * Pages of one list: half a million objects, or 20,000 where pages are small because the objects are large. A
 * server that has always one page more would otherwise be asked for ever.
 */
const MAX_PAGES = 1000;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** The default is the transport's. */
  readonly timeoutMs?: number;
}

export interface ApplyOptions extends CallOptions {
  /** Takes fields over from other managers. Without it, such fields are a Conflict. */
  readonly force?: boolean;
  /** Default FIELD_MANAGER. */
  readonly fieldManager?: string;
  /** For example `status`. */
  readonly subresource?: string;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface DeleteOptions extends CallOptions {
  readonly preconditions?: Preconditions;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

export interface ListOptions extends CallOptions {
  /** Requests only the metadata of the objects. */
  readonly metadataOnly?: boolean;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/**
 * Server-side apply of `object`, which needs apiVersion, kind and metadata.name. Returns the stored object.
 *
 * Calico's API server 3.32.0 answers NotFound when an apply would create a policy
 * (projectcalico/calico#12841). The object is then posted first, with the same field manager. If the
 * namespace or the resource itself is missing, that POST answers NotFound.
 *
 * @throws ApiError; Conflict when another manager owns a field and `force` is not set
 */
export async function apply(
  transport: Transport,
  resource: Resource,
  object: KubernetesObject,
  options: ApplyOptions = {},
): Promise<StoredObject> {
  try {
    return await applyPatch(transport, resource, object, options);
  } catch (error) {
    if (!isNotFound(error) || options.subresource !== undefined) throw error;
    await create(transport, resource, object, options);
    return applyPatch(transport, resource, object, options);
  }
}

function applyPatch(
  transport: Transport,
  resource: Resource,
  object: KubernetesObject,
  options: ApplyOptions,
): Promise<StoredObject> {
  return write(transport, {
    method: 'PATCH',
    path: objectPath(resource, object.metadata.name, options.subresource),
    query: { ...writeQuery(options), force: options.force === true ? true : undefined },
    body: object,
    contentType: APPLY_PATCH,
    ...call(options),
  });
}

/** @throws ApiError; AlreadyExists when the name is taken. */
export function create(
  transport: Transport,
  resource: Resource,
  object: KubernetesObject,
  options: Omit<ApplyOptions, 'force' | 'subresource'> = {},
): Promise<StoredObject> {
  return write(transport, {
    method: 'POST',
    path: collectionPath(resource),
    query: writeQuery(options),
    body: object,
    ...call(options),
  });
}

/**
 * Replaces the whole object. Its metadata.resourceVersion and metadata.uid, if present, are preconditions.
 * @throws ApiError; Conflict when the object has changed since
 */
export function replace(
  transport: Transport,
  resource: Resource,
  object: KubernetesObject,
  options: Omit<ApplyOptions, 'force'> = {},
): Promise<StoredObject> {
  return write(transport, {
    method: 'PUT',
    path: objectPath(resource, object.metadata.name, options.subresource),
    query: writeQuery(options),
    body: object,
    ...call(options),
  });
}

/**
 * JSON merge patch (RFC 7386), for changes that an apply must not own, such as a finalizer. A
 * `metadata.resourceVersion` in the patch is a precondition.
 */
export function mergePatch(
  transport: Transport,
  resource: Resource,
  name: string,
  patch: Readonly<Record<string, unknown>>,
  options: Omit<ApplyOptions, 'force'> = {},
): Promise<StoredObject> {
  return write(transport, {
    method: 'PATCH',
    path: objectPath(resource, name, options.subresource),
    query: writeQuery(options),
    body: patch,
    contentType: 'application/merge-patch+json',
    ...call(options),
  });
}

/**
 * Deletes an object. Returns true if it existed and false if it was already gone. An object with finalizers
 * stays until they are removed.
 * @throws ApiError; Conflict when a precondition does not hold
 */
export async function remove(
  transport: Transport,
  resource: Resource,
  name: string,
  options: DeleteOptions = {},
): Promise<boolean> {
  const { preconditions, propagationPolicy = 'Background' } = options;
  const body = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy,
    ...(preconditions === undefined ? {} : { preconditions }),
  };
  const path = objectPath(resource, name);
  return found(transport.request({ method: 'DELETE', path, body, ...call(options) })).then(
    (response) => response !== undefined,
  );
}

/** The object, or undefined if the object, its resource or its namespace does not exist. */
export async function get(
  transport: Transport,
  resource: Resource,
  name: string,
  options: CallOptions = {},
): Promise<StoredObject | undefined> {
  const path = objectPath(resource, name);
  const response = await found(transport.request({ method: 'GET', path, ...call(options) }));
  return response === undefined ? undefined : objectOf(response.body, 'GET', path);
}

/** The way to the next page of a list. */
export interface NextPage {
  readonly token: string;
  /** Number of pages before it. */
  readonly pages: number;
}

/** One page of a collection, as sent by the server. */
export interface Page<T = StoredObject> {
  readonly items: readonly T[];
  /** Objects that were left out. */
  readonly incomplete: readonly Incomplete[];
  /** Version of the whole snapshot. All pages of one list have that of the first page. */
  readonly resourceVersion: string;
  /** Undefined on the last page. */
  readonly next: NextPage | undefined;
}

export interface PageOptions extends ListOptions {
  /** Default 500. 0 means no limit. */
  readonly limit?: number;
  readonly next?: NextPage | undefined;
}

/**
 * One current page with at most `limit` objects. No resourceVersion is sent, so the server reads from etcd
 * and respects the limit (Kubernetes API concepts, "Resource versions").
 */
export function listPage(transport: Transport, resource: Resource, options: PageOptions = {}): Promise<Page> {
  return projectPage(transport, resource, (object) => object, options);
}

/**
 * The projection of an item. The class distinguishes it from an item that the transport has passed on
 * unchanged.
 */
class Kept<T> {
  readonly value: T;

  constructor(value: T) {
    this.value = value;
  }
}

/** An item that is left out. */
class LeftOut {
  readonly value: Incomplete;

  constructor(value: Incomplete) {
    this.value = value;
  }
}

/**
 * Like listPage, but with the projection of each object. Not even a page of whole objects is ever in memory:
 * Calico's API server ignores `limit`.
 * @throws TypeError for an answer that is no list, RangeError for a list without end, any error of `project`
 */
export async function projectPage<T>(
  transport: Transport,
  resource: Resource,
  project: (object: StoredObject) => T,
  options: PageOptions = {},
): Promise<Page<T>> {
  const { limit = PAGE_SIZE, next, labelSelector, fieldSelector } = options;
  const accept = options.metadataOnly === true ? { accept: METADATA_ONLY } : {};
  const path = collectionPath(resource);
  const pages = next?.pages ?? 0;
  if (pages >= MAX_PAGES)
    throw new RangeError(`GET ${path} has more than ${String(MAX_PAGES)} pages: is it behind a proxy?`);
  const query = {
    limit: limit === 0 ? undefined : limit,
    continue: next?.token,
    labelSelector,
    fieldSelector,
  };
  const { item, itemsOf } = keeping(path, project);
  const { body } = await transport.request({ method: 'GET', path, query, item, ...accept, ...call(options) });
  const metadata = isRecord(body) && isRecord(body['metadata']) ? body['metadata'] : {};
  const token = metadata['continue'];
  const resourceVersion = metadata['resourceVersion'];
  return {
    ...itemsOf(body),
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
    next: typeof token === 'string' && token !== '' ? { token, pages: pages + 1 } : undefined,
  };
}

function keeping<T>(path: string, project: (object: StoredObject) => T) {
  const notAList = `GET ${path} did not answer with a list of objects`;
  const keep = (each: unknown): Kept<T> | LeftOut => {
    if (each instanceof LeftOut) return each;
    if (each instanceof Kept) return each as Kept<T>;
    if (!isKubernetesObject(each)) throw new TypeError(notAList);
    return isStoredObject(each) ? new Kept(project(each)) : new LeftOut(incompleteOf(each));
  };
  return {
    // An error here would look like a failed connection. The item stays unchanged, and fails again outside
    // the request.
    item: (each: unknown): unknown => {
      try {
        return keep(each);
      } catch {
        return each;
      }
    },
    itemsOf: (body: unknown): Pick<Page<T>, 'items' | 'incomplete'> => {
      const items = listItems(body);
      if (items === undefined) throw new TypeError(notAList);
      const kept = items.map(keep);
      return {
        items: kept.flatMap((each) => (each instanceof Kept ? [each.value] : [])),
        incomplete: kept.flatMap((each) => (each instanceof LeftOut ? [each.value] : [])),
      };
    },
  };
}

/**
 * The items of a list. A proxy may answer with other JSON, which must not look like an empty collection, so the
 * kind counts: API servers send it with every list. Go writes an empty list as null.
 */
function listItems(body: unknown): readonly unknown[] | undefined {
  if (!isRecord(body) || typeof body['kind'] !== 'string' || !body['kind'].endsWith('List')) return undefined;
  const items = body['items'] === null ? [] : body['items'];
  return Array.isArray(items) ? items : undefined;
}

/** All objects of a collection except incomplete ones. Reads page by page. */
export async function list(
  transport: Transport,
  resource: Resource,
  options: ListOptions = {},
): Promise<readonly StoredObject[]> {
  const items: StoredObject[] = [];
  let next: NextPage | undefined;
  do {
    const page = await listPage(transport, resource, { ...options, next });
    items.push(...page.items);
    next = page.next;
  } while (next !== undefined);
  return items;
}

function call({ signal, timeoutMs }: CallOptions): Pick<TransportRequest, 'signal' | 'timeoutMs'> {
  return timeoutMs === undefined ? { signal } : { signal, timeoutMs };
}

function writeQuery(options: ApplyOptions): TransportRequest['query'] & object {
  return { fieldManager: options.fieldManager ?? FIELD_MANAGER };
}

async function write(transport: Transport, request: TransportRequest): Promise<StoredObject> {
  const { body } = await transport.request(request);
  return objectOf(body, request.method, request.path);
}

async function found(answer: Promise<TransportResponse>): Promise<TransportResponse | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function objectOf(body: unknown, method: Method, path: string): StoredObject {
  if (!isKubernetesObject(body)) throw new TypeError(`${method} ${path} did not answer with an object`);
  if (isStoredObject(body)) return body;
  const { flaw } = incompleteOf(body);
  throw new TypeError(`${method} ${path} answered with an object that cannot be used: ${inWords(flaw)}`);
}
