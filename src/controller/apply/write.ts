/** Writes one object, and says what a refusal means. */
import { apply, get, mergePatch, remove, replace } from '../../cluster/objects/apply.ts';
import { ApiError, isConflict, isForbidden, isNotFound, messageOf } from '../../cluster/errors.ts';
import type { KubernetesObject, Resource, StoredObject } from '../../cluster/resource.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import type { GeneratedKind } from '../../calico/types.ts';
import { kindResource } from '../objects/kinds.ts';
import { contentHash, decisiveLabels, differences } from '../objects/content-hash.ts';
import { isOwnKey } from '../objects/ownership.ts';
import { emptyingSpec } from '../objects/emptied.ts';
import type { ApplyStep, EmptyStep, RemoveStep } from '../plan/step.ts';

/** The answer to a write. */
export interface Written {
  readonly stored: StoredObject;
  /**
   * The fields in which the stored object differs from a full replacement. Everything in it is ours or the
   * server's, so admission or a default of the server has altered them. Empty: it is as desired.
   */
  readonly altered: readonly string[];
}

/**
 * Makes the stored object as desired by server-side apply. Replaces it where the apply leaves additions of
 * others in place.
 * @throws ApiError or TransportError, see judgeError
 */
export async function writeObject(transport: Transport, step: ApplyStep): Promise<Written> {
  const { desired, desiredHash, live, id } = step;
  const { object } = desired;
  const resource = kindResource(object.kind, object.metadata.namespace);
  const applied = await applyObject(transport, resource, step);
  if (applied !== undefined && contentHash(applied) === desiredHash) return { stored: applied, altered: [] };
  const current = (await get(transport, resource, object.metadata.name)) ?? applied;
  if (current === undefined)
    throw new ApiError({ code: 404, reason: 'NotFound', message: `${id} has just been deleted` });
  const stored = await replace(transport, resource, replacement(object, current, live?.uid));
  return { stored, altered: differences(object, stored) };
}

/**
 * Returns the object as stored. Returns undefined when the API server finds our fields invalid together with
 * those that others have added (preDNAT with egress rules), which a replacement repairs.
 */
async function applyObject(
  transport: Transport,
  resource: Resource,
  { desired: { object }, live }: ApplyStep,
): Promise<StoredObject | undefined> {
  // The uid is a precondition: an object that another client has deleted and made anew meanwhile is not ours to
  // take over. An object that appeared just now is not ours either: without force, its fields are a Conflict.
  if (live === undefined) return apply(transport, resource, { ...object });
  const metadata = { ...object.metadata, uid: live.uid };
  try {
    return await apply(transport, resource, { ...object, metadata }, { force: true });
  } catch (error) {
    if (isInvalid(error)) return undefined;
    throw error;
  }
}

/**
 * Our spec, labels and annotations over `current`, which keeps the labels, annotations and finalizers of
 * others.
 */
function replacement(
  desired: ApplyStep['desired']['object'],
  current: StoredObject,
  uid = current.metadata.uid,
): KubernetesObject {
  const { name, namespace, resourceVersion, labels, annotations, finalizers, ownerReferences } =
    current.metadata;
  return {
    ...desired,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      labels: { ...foreign(labels, decisiveLabels(desired)), ...desired.metadata.labels },
      annotations: { ...foreign(annotations, isOwnKey), ...desired.metadata.annotations },
    },
  };
}

const foreign = (
  entries: Readonly<Record<string, string>> = {},
  isOurs: (key: string) => boolean,
): Record<string, string> => Object.fromEntries(Object.entries(entries).filter(([key]) => !isOurs(key)));

/**
 * Deletes this very object, whatever has changed in it. An object that was made since under the same name
 * stays. False when there was none of its name.
 */
export function removeObject(transport: Transport, { live }: RemoveStep): Promise<boolean> {
  return remove(transport, kindResource(live.kind, live.namespace), live.name, {
    preconditions: { uid: live.uid },
  });
}

/**
 * Writes this very object so that it selects nothing. Labels, annotations and rules stay as they are.
 * @throws ApiError or TransportError, see judgeError
 */
export function emptyObject(transport: Transport, { live }: EmptyStep): Promise<StoredObject> {
  const { kind, namespace, name, uid } = live;
  const patch = { metadata: { uid }, spec: emptyingSpec(kind) };
  return mergePatch(transport, kindResource(kind, namespace), name, patch);
}

export type Judgement =
  /** The namespace has just gone, so there is nothing to do. */
  | 'NamespaceGone'
  /** The server will give the same answer until the object or our rights change. */
  | 'Refused'
  /** Worth another try. */
  | 'Transient';

/** HTTP statuses that stay the same until someone changes something. */
const REFUSALS: ReadonlySet<number> = new Set([400, 403, 405, 413, 415, 422]);
/**
 * libcalico-go/lib/errors, ErrorValidation: when an apply creates an object, Calico's API server answers 500
 * with it instead of 422.
 */
const CALICO_VALIDATION = /^error with (field|the following fields)/;

/** Decides whether a write that failed is worth another try. */
export function judgeError(error: unknown): Judgement {
  if (!(error instanceof ApiError)) return 'Transient';
  if (isNotFound(error) && error.message.startsWith('namespaces "')) return 'NamespaceGone';
  if (isForbidden(error) && error.causes.some(({ reason }) => reason === 'NamespaceTerminating'))
    return 'NamespaceGone';
  if (isOtherObject(error)) return 'Transient';
  return REFUSALS.has(error.code) || isInvalid(error) ? 'Refused' : 'Transient';
}

/**
 * True when our precondition failed: the name belongs to another object than the one that was seen, or to none.
 */
export const isOtherObject = (error: unknown): boolean =>
  isConflict(error) ||
  (error instanceof ApiError &&
    error.code === 422 &&
    error.causes.some(({ field }) => field === 'metadata.uid'));

/** True when the server rejects the object itself. */
function isInvalid(error: unknown): boolean {
  if (!(error instanceof ApiError) || isOtherObject(error)) return false;
  return error.code === 422 || (error.code === 500 && CALICO_VALIDATION.test(error.message));
}

/** Why something could not be written. */
export interface WriteFailure {
  readonly message: string;
  /** The server will give the same answer until someone changes something. */
  readonly isRefused: boolean;
}

/** @param right the folder of config that gives the right to write it */
export const writeFailure = (error: unknown, right: string): WriteFailure => ({
  message: refusalOf(error, right),
  isRefused: judgeError(error) === 'Refused',
});

/** Folders of config that give the right to write. */
export const RIGHTS = {
  objects: 'config/rbac',
  hostEndpoints: 'config/nodes/host-endpoints',
  labels: 'config/nodes/labels',
  failsafes: 'config/nodes/failsafes',
} as const;

export const rightTo = (kind: GeneratedKind): string =>
  kind === 'HostEndpoint' ? RIGHTS.hostEndpoints : RIGHTS.objects;

/**
 * A missing right, in the words of RBAC (k8s.io/apiserver, responsewriters/errors.go) and of Calico's API server
 * (registry/projectcalico/authorizer). Admission refuses in other words, and no right would help there.
 */
const NO_RIGHT = /User "[^"]*" cannot \w+ /;

/** The words of an error, and the remedy where a right is missing. */
export function refusalOf(error: unknown, right: string): string {
  const message = messageOf(error);
  const lacksRight = isForbidden(error) && NO_RIGHT.test(message);
  return lacksRight ? `${message}: kubectl apply --server-side -k ${right} gives this right` : message;
}
