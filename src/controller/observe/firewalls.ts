/** ClusterFirewalls as the API server has them, each judged once when it changes. */
import { formatPath } from '../../api/path.ts';
import { API_VERSION, GROUP, KIND, PLURAL, VERSION } from '../../api/schema.ts';
import { status as statusSchema, type Status } from '../../api/status.ts';
import { validateDocument, type Validation } from '../../api/validate.ts';
import type { EventNote } from '../../cluster/objects/events.ts';
import { namesService } from '../../compiler/flows/named-services.ts';
import { isRecord } from '../../json.ts';
import type { Resource, StoredObject } from '../../cluster/resource.ts';

export const FIREWALLS: Resource = { group: GROUP, version: VERSION, plural: PLURAL };
export const FINALIZER = 'clusterfirewall.io/finalizer';

/** A ClusterFirewall, reduced to what the controller needs. */
export interface StoredFirewall {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly finalizers: readonly string[];
  readonly deleting: boolean;
  /**
   * Read from the object even if it is invalid otherwise: it must be deletable. Anything but Retain means
   * Remove.
   */
  readonly deletionPolicy: 'Remove' | 'Retain';
  readonly validation: Validation;
  /** The stored status; undefined when there is none or one of another shape. */
  readonly status: Status | undefined;
}

export function projectFirewall(object: StoredObject): StoredFirewall {
  const { name, uid, resourceVersion, generation = 0, finalizers = [], deletionTimestamp } = object.metadata;
  const spec = object['spec'];
  return {
    name,
    uid,
    resourceVersion,
    generation,
    finalizers,
    deleting: deletionTimestamp !== undefined,
    deletionPolicy: isRecord(spec) && spec['deletionPolicy'] === 'Retain' ? 'Retain' : 'Remove',
    validation: validateDocument({ apiVersion: API_VERSION, kind: KIND, metadata: object.metadata, spec }),
    status: statusSchema.safeParse(object['status']).data,
  };
}

/** True when something else than the status changed: our own status writes come back through the watch. */
export function specChanged(old: StoredFirewall, now: StoredFirewall): boolean {
  return (
    old.uid !== now.uid ||
    old.generation !== now.generation ||
    old.deleting !== now.deleting ||
    old.finalizers.join() !== now.finalizers.join()
  );
}

/** True when a rule of one of them names the Service. */
export const isNamedBy = (
  firewalls: readonly StoredFirewall[],
  service: Parameters<typeof namesService>[1],
): boolean => firewalls.some(({ validation }) => validation.ok && namesService(validation.firewall, service));

/** One sentence an issue: the path, then what is wrong there and the remedy. */
export function issueMessages(
  validation: Validation,
): readonly { readonly path: string; readonly message: string }[] {
  return validation.ok
    ? []
    : validation.issues.map(({ path, message }) => ({ path: formatPath(path), message }));
}

/** The reference of an Event about this firewall. */
export function reference({ name, uid }: Pick<StoredFirewall, 'name' | 'uid'>): EventNote['regarding'] {
  return { apiVersion: API_VERSION, kind: KIND, name, uid };
}
