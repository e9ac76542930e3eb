/** Keeps the spec of each firewall that was let in last, so that a restart goes on with it. */
import { isDeepStrictEqual } from 'node:util';
import { API_VERSION, KIND, type ClusterFirewall } from '../../api/schema.ts';
import { validateDocument } from '../../api/validate.ts';
import { isForbidden } from '../../cluster/errors.ts';
import type { Logger } from '../../cluster/logger.ts';
import { create, list, remove } from '../../cluster/objects/apply.ts';
import type { Resource, StoredObject } from '../../cluster/resource.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { LABEL_FIREWALL, LABEL_MANAGED_BY, MANAGED_BY } from '../../compiler/names.ts';
import { isRecord } from '../../json.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';

export const REVISIONS: Resource = { group: 'apps', version: 'v1', plural: 'controllerrevisions' };
/** The life of the firewall that a revision belongs to. */
const ANNOTATION_UID = 'clusterfirewall.io/uid';

type Named = Pick<StoredFirewall, 'name' | 'uid'>;

interface Kept {
  readonly firewall: string;
  readonly uid: string;
  readonly revision: number;
  /** Names of the objects, older ones included. */
  readonly objects: readonly string[];
  /** Undefined for a spec that this version refuses. */
  readonly spec: ClusterFirewall['spec'] | undefined;
}

/** A ControllerRevision cannot be changed, so each spec is a new object, and the one before is deleted. */
export class Revisions {
  readonly #transport: Transport;
  readonly #resource: Resource & { readonly namespace: string };
  readonly #log: Logger;
  #kept: Map<string, Kept> | undefined;
  #isRefused = false;

  constructor(transport: Transport, namespace: string, log: Logger) {
    this.#transport = transport;
    this.#resource = { ...REVISIONS, namespace };
    this.#log = log;
  }

  /**
   * The spec that was let in last, where it is known.
   * @throws ApiError or TransportError
   */
  async read({ name, uid }: Named, signal: AbortSignal): Promise<ClusterFirewall | undefined> {
    const kept = (await this.#load(signal)).get(name);
    if (kept?.uid !== uid || kept.spec === undefined) return undefined;
    return { metadata: { name }, spec: kept.spec };
  }

  /** @throws ApiError or TransportError */
  async keep({ name, uid }: Named, spec: ClusterFirewall['spec'], signal: AbortSignal): Promise<void> {
    const kept = (await this.#load(signal)).get(name);
    if (kept?.uid === uid && (kept.spec === spec || isDeepStrictEqual(kept.spec, spec))) return;
    const revision = (kept?.revision ?? 0) + 1;
    const object = revisionOf({ name, uid }, this.#resource.namespace, revision, spec);
    await this.#write(async () => {
      await create(this.#transport, this.#resource, object, { signal });
      await this.#remove(kept, signal);
    });
    this.#kept?.set(name, { firewall: name, uid, revision, objects: [object.metadata.name], spec });
  }

  /** Deletes those of all other firewalls. @throws ApiError or TransportError */
  async retain(names: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    for (const [name, kept] of await this.#load(signal)) {
      if (names.has(name)) continue;
      await this.#write(() => this.#remove(kept, signal));
      this.#kept?.delete(name);
    }
  }

  async #remove(kept: Kept | undefined, signal: AbortSignal): Promise<void> {
    for (const object of kept?.objects ?? [])
      await remove(this.#transport, this.#resource, object, { signal });
  }

  /** Without the right to keep a spec, the operator has it until it ends. */
  async #write(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isForbidden(error)) throw error;
      if (!this.#isRefused)
        this.#log.warn({ err: error }, 'the spec that was let in cannot be kept: a restart forgets it');
      this.#isRefused = true;
    }
  }

  async #load(signal: AbortSignal): Promise<ReadonlyMap<string, Kept>> {
    if (this.#kept !== undefined) return this.#kept;
    const found = new Map<string, Kept>();
    try {
      const labelSelector = `${LABEL_MANAGED_BY}=${MANAGED_BY}`;
      const objects = (await list(this.#transport, this.#resource, { labelSelector, signal })).map(keptIn);
      for (const each of objects.toSorted((a, b) => a.revision - b.revision)) {
        const older = found.get(each.firewall)?.objects ?? [];
        found.set(each.firewall, { ...each, objects: [...older, ...each.objects] });
      }
    } catch (error) {
      if (!isForbidden(error)) throw error;
      this.#log.warn(
        { err: error },
        'the spec that was let in cannot be read: what is stored is kept instead',
      );
    }
    this.#kept = found;
    return found;
  }
}

const revisionOf = (
  { name, uid }: Named,
  namespace: string,
  revision: number,
  spec: ClusterFirewall['spec'],
) => ({
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  metadata: {
    namespace,
    name: `clusterfirewall-${name}-${String(revision)}`,
    labels: { [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_FIREWALL]: name },
    annotations: { [ANNOTATION_UID]: uid },
  },
  revision,
  data: { spec },
});

function keptIn({ metadata, ...object }: StoredObject): Kept {
  const { name, labels = {}, annotations = {} } = metadata;
  const [revision, data] = [object['revision'], object['data']];
  const firewall = labels[LABEL_FIREWALL] ?? '';
  const document = { apiVersion: API_VERSION, kind: KIND, metadata: { name: firewall } };
  const validation = validateDocument({ ...document, spec: isRecord(data) ? data['spec'] : undefined });
  return {
    firewall,
    uid: annotations[ANNOTATION_UID] ?? '',
    revision: typeof revision === 'number' ? revision : 0,
    objects: [name],
    spec: validation.ok ? validation.firewall.spec : undefined,
  };
}
