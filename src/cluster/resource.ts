/** The common parts of Kubernetes objects and their collections. */
import { isRecord } from '../json.ts';

/**
 * A collection of objects. `namespace` limits a namespaced kind to one namespace. Without it, the collection
 * covers the whole cluster.
 */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace?: string;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsV1?: unknown;
  readonly subresource?: string;
}

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly unknown[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** An object as the API server sends it. Items of a list of built-in kinds have no apiVersion and no kind. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
}

/** The API server sets both on every object that it stores. */
export interface StoredMetadata extends Metadata {
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface StoredObject extends KubernetesObject {
  readonly metadata: StoredMetadata;
}

/** True for a record whose metadata has a name. Other fields are not checked. */
export function isKubernetesObject(value: unknown): value is KubernetesObject {
  return isRecord(value) && isRecord(value['metadata']) && typeof value['metadata']['name'] === 'string';
}

/**
 * `namespace/name`, or `name` for an object without a namespace. Stores and queues use this key, like
 * client-go.
 */
export function objectKey(object: KubernetesObject): string {
  const { name, namespace } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** A field that keeps an object from being used. */
export interface MetadataFlaw {
  /** For example `metadata.labels`. */
  readonly field: string;
  readonly why: string;
}

/**
 * Says what keeps an object from being used: metadata that every stored object has is missing, or has another
 * type. Without uids, an object and its successor with the same name would look the same.
 */
function flawOf({ metadata }: KubernetesObject): MetadataFlaw | undefined {
  const flaw = (field: string, why: string): MetadataFlaw => ({ field, why });
  if (!isIdentified(metadata)) return flaw('metadata', 'has no uid or no resourceVersion');
  const { labels = {}, annotations = {}, finalizers = [], managedFields = [] } = metadata;
  if (!isTexts(labels)) return flaw('metadata.labels', 'is not a mapping of texts');
  if (!isTexts(annotations)) return flaw('metadata.annotations', 'is not a mapping of texts');
  if (!isList(finalizers) || !finalizers.every((each) => typeof each === 'string'))
    return flaw('metadata.finalizers', 'is not a list of texts');
  if (!isList(managedFields) || !managedFields.every(isRecord))
    return flaw('metadata.managedFields', 'is not a list of mappings');
  return undefined;
}

/** An object that cannot be used. */
export interface Incomplete {
  readonly key: string;
  /** Its name, namespace and uid, where it has them. */
  readonly object: KubernetesObject;
  readonly flaw: MetadataFlaw;
}

/** @param object one for which isStoredObject is false */
export function incompleteOf(object: KubernetesObject): Incomplete {
  const flaw = flawOf(object) ?? { field: 'metadata', why: 'cannot be used' };
  const { name, namespace, uid } = object.metadata;
  const identity = { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) };
  return { key: objectKey(object), object: { metadata: identity }, flaw };
}

/** True for an object of which a copy can be kept. */
export const isStoredObject = (object: KubernetesObject): object is StoredObject =>
  flawOf(object) === undefined;

/** True for an object whose deletion can be understood, whatever else is wrong with it. */
export const isKnownByUid = (object: KubernetesObject): object is StoredObject =>
  isIdentified(object.metadata);

const isIdentified = ({ uid, resourceVersion, namespace = '' }: Metadata): boolean =>
  [uid, resourceVersion].every((value) => typeof value === 'string' && value !== '') &&
  typeof namespace === 'string';
const isTexts = (value: unknown): boolean =>
  isRecord(value) && Object.values(value).every((each) => typeof each === 'string');
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

const NUMBER = /^\d+$/;

/**
 * True when the first resourceVersion is equal to the second or later. Versions are comparable as numbers
 * (Kubernetes API concepts, 1.35). Versions that are not numbers always count as late enough.
 */
export function isAtLeast(version: string, wanted: string): boolean {
  if (!NUMBER.test(version) || !NUMBER.test(wanted)) return true;
  return BigInt(version) >= BigInt(wanted);
}

export const inWords = ({ field, why }: MetadataFlaw): string => `${field} ${why}`;

/** `group/version`, or `v1` for the core group, as in `apiVersion`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** For example `/apis/projectcalico.org/v3/namespaces/shop/networkpolicies`. */
export function collectionPath(resource: Resource): string {
  const root = resource.group === '' ? '/api' : '/apis';
  const scope =
    resource.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(resource.namespace)}`;
  return `${root}/${apiVersionOf(resource)}${scope}/${resource.plural}`;
}

/** Path of one object, or of one of its subresources such as `status`. */
export function objectPath(resource: Resource, name: string, subresource?: string): string {
  const path = `${collectionPath(resource)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
