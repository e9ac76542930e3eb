import { isDeepStrictEqual } from 'node:util';
import { API_VERSION, KIND } from '../../api/schema.ts';
import type { Status } from '../../api/status.ts';
import { apply } from '../../cluster/objects/apply.ts';
import type { Clock } from '../../cluster/clock.ts';
import { ApiError, isNotFound } from '../../cluster/errors.ts';
import type { Logger } from '../../cluster/logger.ts';
import { isAtLeast } from '../../cluster/resource.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { FIREWALLS, type StoredFirewall } from '../observe/firewalls.ts';
import { ForeignHold } from './foreign-hold.ts';
import { computeStatus, type Finding } from './status.ts';

/** Not FIELD_MANAGER: an apply without the status would take it away. */
const STATUS_MANAGER = 'clusterfirewall-status';

interface Written {
  readonly resourceVersion: string;
  readonly status: Status;
}

/** Writes the status of ClusterFirewalls, each only when it differs from the stored one. */
export class Reporter {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #log: Logger;
  /**
   * The last status by uid. The watch lags behind, and a status that is computed from an old one would move its
   * times.
   */
  readonly #written = new Map<string, Written>();
  readonly #hold: ForeignHold;

  constructor(transport: Transport, clock: Clock, log: Logger) {
    this.#transport = transport;
    this.#clock = clock;
    this.#log = log;
    this.#hold = new ForeignHold(clock);
  }

  /**
   * @returns milliseconds after which the status has more to say about others, or 0
   * @throws ApiError or TransportError when the status cannot be written, unless the firewall is gone
   */
  async report(firewall: StoredFirewall, found: Finding): Promise<number> {
    const { finding, waitMs } = this.#hold.hold(firewall, found);
    await this.#write(firewall, finding);
    return waitMs;
  }

  async #write(firewall: StoredFirewall, finding: Finding): Promise<void> {
    const { name, uid, generation } = firewall;
    const previous = this.#latest(firewall);
    const status = computeStatus({ name, generation, previous, finding, now: this.#clock.date() });
    if (isDeepStrictEqual(status, previous)) return;
    const object = { apiVersion: API_VERSION, kind: KIND, metadata: { name, uid }, status };
    const options = { fieldManager: STATUS_MANAGER, force: true, subresource: 'status' };
    try {
      const { metadata } = await apply(this.#transport, FIREWALLS, object, options);
      this.#written.set(uid, { resourceVersion: metadata.resourceVersion, status });
    } catch (error) {
      if (isNotFound(error) || isOtherObject(error)) return;
      throw error;
    }
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    this.#log.info(
      { firewall: name, generation, ready: ready?.status, reason: ready?.reason },
      'status written',
    );
  }

  /** Forgets what was written about firewalls that do not exist any more. */
  retain(firewalls: readonly StoredFirewall[]): void {
    const uids = new Set(firewalls.map(({ uid }) => uid));
    for (const uid of this.#written.keys()) if (!uids.has(uid)) this.#written.delete(uid);
    this.#hold.retain(uids);
  }

  #latest({ uid, resourceVersion, status }: StoredFirewall): Status | undefined {
    const written = this.#written.get(uid);
    return written === undefined || isAtLeast(resourceVersion, written.resourceVersion)
      ? status
      : written.status;
  }
}

/** The firewall was deleted and made anew under the same name; the watch will bring the new one. */
function isOtherObject(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return (
    error.code === 409 || (error.code === 422 && error.causes.some(({ field }) => field === 'metadata.uid'))
  );
}
