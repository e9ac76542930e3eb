import { get } from '../../cluster/objects/apply.ts';
import type { Logger } from '../../cluster/logger.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { kindResource, type ObjectId } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';

/** The names that matter. Others may be as many as tenants like, and no round waits for them. */
export interface Questions {
  /** Ids of the desired objects. */
  readonly wanted: ReadonlySet<string>;
  /** Ids that turned out to name another object, or none, when they were written. */
  readonly doubted?: readonly ObjectId[];
}

/**
 * Objects that list under a name that is not theirs.
 *
 * Calico's API server keeps the name and the labels of a policy in the annotation projectcalico.org/metadata,
 * and takes that as it is from whoever sends one (libcalico-go/lib/backend/k8s/resources/resources.go). So
 * those who may create NetworkPolicies in one namespace can make one that lists and watches under the name of
 * ours, even with our labels. Only a read by name returns the object that really has the name. An object that
 * such a read does not return is left out: it is not ours, and it does not take our name.
 */
export class Impostors {
  readonly #transport: Transport;
  readonly #log: Logger;
  /** By uid, true: a read by its name found it. */
  readonly #verdicts = new Map<string, boolean>();

  /** @param transport for reading */
  constructor(transport: Transport, log: Logger) {
    this.#transport = transport;
    this.#log = log;
  }

  has(uid: string): boolean {
    return this.#verdicts.get(uid) === false;
  }

  genuine(objects: readonly LiveObject[]): readonly LiveObject[] {
    return objects.filter(({ uid }) => !this.has(uid));
  }

  /**
   * Reads possible impostors by name: those that are doubted, and where we want an object or have one, several
   * objects under one name and an object of another client.
   * @throws ApiError or TransportError
   */
  async verify(
    objects: readonly LiveObject[],
    { wanted, doubted = [] }: Questions,
    signal: AbortSignal,
  ): Promise<void> {
    const uids = new Set(objects.map(({ uid }) => uid));
    for (const uid of this.#verdicts.keys()) if (!uids.has(uid)) this.#verdicts.delete(uid);
    for (const [id, namesakes] of Map.groupBy(objects, (object) => object.id)) {
      const isNew = namesakes.some(({ uid }) => !this.#verdicts.has(uid));
      const isSuspect = namesakes.length > 1 || namesakes.some(({ ours }) => !ours);
      const matters = wanted.has(id) || namesakes.some((object) => object.ours && !object.isOpen);
      if (doubted.includes(id) || (isNew && isSuspect && matters)) await this.#read(namesakes, signal);
    }
  }

  /** @param namesakes of one kind, name and namespace */
  async #read(namesakes: readonly LiveObject[], signal: AbortSignal): Promise<void> {
    const [first] = namesakes;
    if (first === undefined) return;
    const { id, kind, name, namespace } = first;
    const found = await get(this.#transport, kindResource(kind, namespace), name, { signal });
    for (const { uid } of namesakes) {
      const isGenuine = uid === found?.metadata.uid;
      if (!isGenuine && !this.has(uid)) {
        this.#log.warn({ object: id, uid }, 'left alone: it lists under a name by which it cannot be read');
      }
      this.#verdicts.set(uid, isGenuine);
    }
  }
}
