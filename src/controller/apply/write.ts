/** Writing one object, and what a refusal means. */
import { apply, get, remove, replace } from '../../cluster/objects/apply.ts';
import { ApiError, isConflict, isForbidden, isNotFound } from '../../cluster/errors.ts';
import type { KubernetesObject, Resource, StoredObject } from '../../cluster/resource.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { kindResource } from '../objects/kinds.ts';
import { contentHash, ownsLabels } from '../objects/content-hash.ts';
import { isOwnKey } from '../objects/ownership.ts';
import type { ApplyStep, RemoveStep } from '../plan/step.ts';

/**
 * What a server makes of our objects, where that differs from what we send by more than normal.ts folds in (a later Calico's defaults).
 * Learned from the answer to a full replacement, so that whatever it has was put there by the server and by nobody else.
 */
export class ServerForms {
  readonly #forms = new Map<string, { readonly desiredHash: string; readonly storedHash: string }>();

  learn(id: string, desiredHash: string, storedHash: string): void {
    this.#forms.set(id, { desiredHash, storedHash });
  }

  /** True when `storedHash` is what the server makes of the object with `desiredHash`. */
  isEquivalent(id: string, desiredHash: string, storedHash: string): boolean {
    const form = this.#forms.get(id);
    return form !== undefined && form.desiredHash === desiredHash && form.storedHash === storedHash;
  }
}

/**
 * Makes the stored object what is desired: by server-side apply, and by replacing it where that leaves somebody's additions in place.
 * Returns the object as stored.
 * @throws ApiError or TransportError, see judgeError
 */
export async function writeObject(
  transport: Transport,
  step: ApplyStep,
  forms: ServerForms,
): Promise<StoredObject> {
  const { desired, desiredHash, live, id } = step;
  const { object } = desired;
  const resource = kindResource(object.kind, object.metadata.namespace);
  const applied = await applyObject(transport, resource, step);
  const isDone = (hash: string): boolean => hash === desiredHash || forms.isEquivalent(id, desiredHash, hash);
  if (applied !== undefined && isDone(contentHash(applied))) return applied;
  const current = (await get(transport, resource, object.metadata.name)) ?? applied;
  if (current === undefined)
    throw new ApiError({ code: 404, reason: 'NotFound', message: `${id} has just been deleted` });
  const stored = await replace(transport, resource, replacement(object, current, live?.uid));
  const storedHash = contentHash(stored);
  if (storedHash !== desiredHash) forms.learn(id, desiredHash, storedHash);
  return stored;
}

/**
 * As stored; undefined when the API server finds our fields and those that others have added invalid together (preDNAT beside egress
 * rules), which a replacement mends.
 */
async function applyObject(
  transport: Transport,
  resource: Resource,
  { desired: { object }, live }: ApplyStep,
): Promise<StoredObject | undefined> {
  // The uid is a precondition: what was deleted and made anew by somebody else meanwhile is not ours to take over. Nor is what somebody
  // has made just now where there was nothing: without force, fields of his are a Conflict.
  if (live === undefined) return apply(transport, resource, { ...object });
  const metadata = { ...object.metadata, uid: live.uid };
  try {
    return await apply(transport, resource, { ...object, metadata }, { force: true });
  } catch (error) {
    if (isInvalid(error)) return undefined;
    throw error;
  }
}

/** Our spec, labels and annotations over `current`, of which other people's labels, annotations and finalizers stay. */
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
      labels: { ...(ownsLabels(desired) ? {} : foreign(labels)), ...desired.metadata.labels },
      annotations: { ...foreign(annotations), ...desired.metadata.annotations },
    },
  };
}

const foreign = (entries: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).filter(([key]) => !isOwnKey(key)));

/** Deletes this very object, whatever has changed in it; one of the same name made since stays. False when there was none of its name. */
export function removeObject(transport: Transport, { live }: RemoveStep): Promise<boolean> {
  return remove(transport, kindResource(live.kind, live.namespace), live.name, {
    preconditions: { uid: live.uid },
  });
}

export type Judgement =
  /** The namespace has just gone: nothing to do there. */
  | 'NamespaceGone'
  /** The server will say the same again until the object or its rights change. */
  | 'Refused'
  /** Worth another try. */
  | 'Transient';

/** Statuses that stay what they are until somebody changes something. */
const REFUSALS: ReadonlySet<number> = new Set([400, 403, 405, 413, 415, 422]);
/** libcalico-go/lib/errors, ErrorValidation: when an apply creates an object, Calico's API server answers 500 with it instead of 422. */
const CALICO_VALIDATION = /^error with (field|the following fields)/;

/** What an error of a write means for what comes next. */
export function judgeError(error: unknown): Judgement {
  if (!(error instanceof ApiError)) return 'Transient';
  if (isNotFound(error) && error.message.startsWith('namespaces "')) return 'NamespaceGone';
  if (isForbidden(error) && error.causes.some(({ reason }) => reason === 'NamespaceTerminating'))
    return 'NamespaceGone';
  if (isOtherObject(error)) return 'Transient';
  return REFUSALS.has(error.code) || isInvalid(error) ? 'Refused' : 'Transient';
}

/** Our precondition failed: what has this name is not the object that was seen, or nothing has it. */
export const isOtherObject = (error: unknown): boolean =>
  isConflict(error) ||
  (error instanceof ApiError &&
    error.code === 422 &&
    error.causes.some(({ field }) => field === 'metadata.uid'));

/** The object itself is what the server does not like. */
function isInvalid(error: unknown): boolean {
  if (!(error instanceof ApiError) || isOtherObject(error)) return false;
  return error.code === 422 || (error.code === 500 && CALICO_VALIDATION.test(error.message));
}

/** Why something could not be written. */
export interface WriteFailure {
  readonly message: string;
  /** The server will say the same until somebody changes something. */
  readonly isRefused: boolean;
}

export const writeFailure = (error: unknown): WriteFailure => ({
  message: error instanceof Error ? error.message : String(error),
  isRefused: judgeError(error) === 'Refused',
});
