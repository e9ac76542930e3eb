/** Writing one object, and what a refusal means. */
import { apply, get, remove, replace } from '../cluster/apply.ts';
import { ApiError, isForbidden, isNotFound } from '../cluster/errors.ts';
import type { KubernetesObject } from '../cluster/resource.ts';
import type { Transport } from '../cluster/transport.ts';
import { kindResource } from './kinds.ts';
import { contentHash } from './normal.ts';
import { isOwnKey } from './ownership.ts';
import type { ApplyStep, RemoveStep } from './plan.ts';

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
): Promise<KubernetesObject> {
  const { desired, desiredHash, live, id } = step;
  const { object } = desired;
  const resource = kindResource(object.kind, object.metadata.namespace);
  // The uid is a precondition: what was deleted and made anew by somebody else meanwhile is not ours to take over.
  const metadata = { ...object.metadata, ...(live === undefined ? {} : { uid: live.uid }) };
  const applied = await apply(transport, resource, { ...object, metadata }, { force: true });
  const hash = contentHash(applied);
  if (hash === desiredHash || forms.isEquivalent(id, desiredHash, hash)) return applied;
  const current = (await get(transport, resource, object.metadata.name)) ?? applied;
  const stored = await replace(transport, resource, replacement(desired.object, current));
  const storedHash = contentHash(stored);
  if (storedHash !== desiredHash) forms.learn(id, desiredHash, storedHash);
  return stored;
}

/** Our spec, labels and annotations over `current`, of which other people's labels, annotations and finalizers stay. */
function replacement(desired: ApplyStep['desired']['object'], current: KubernetesObject): KubernetesObject {
  const { name, namespace, uid, resourceVersion, labels, annotations, finalizers, ownerReferences } =
    current.metadata;
  return {
    ...desired,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      labels: { ...foreign(labels), ...desired.metadata.labels },
      annotations: { ...foreign(annotations), ...desired.metadata.annotations },
    },
  };
}

const foreign = (entries: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).filter(([key]) => !isOwnKey(key)));

/** Deletes this very object, whatever has changed in it; one of the same name made since stays. */
export async function removeObject(transport: Transport, { live }: RemoveStep): Promise<void> {
  await remove(transport, kindResource(live.kind, live.namespace), live.name, {
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
  // Our precondition failed: the object was deleted and made anew.
  if (error.code === 422 && error.causes.some(({ field }) => field === 'metadata.uid')) return 'Transient';
  if (REFUSALS.has(error.code)) return 'Refused';
  return error.code === 500 && CALICO_VALIDATION.test(error.message) ? 'Refused' : 'Transient';
}
