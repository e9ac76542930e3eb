/** The Lease of the operator: when it has last shown that it runs. */
import type { Transport } from '../cluster/http/transport.ts';
import { leaseRecord } from '../cluster/leader/lease-record.ts';
import { get } from '../cluster/objects/apply.ts';
import type { StoredObject } from '../cluster/resource.ts';
import { DEFAULT_OPERATOR_NAMESPACE, OPERATOR_NAME } from '../compiler/names.ts';
import { fieldsOf, textOf } from '../inventory/object.ts';

export interface OperatorLease {
  readonly namespace: string;
  /** The process that leads; empty where it has given the Lease back. */
  readonly holder: string;
  /** RFC 3339, of the operator's own wall clock. */
  readonly renewed: string;
}

/**
 * Reads the Leases of these namespaces, or of the usual one, and returns the one that was renewed last.
 * Undefined where there is none.
 * @throws ApiError or TransportError
 */
export async function operatorLease(
  transport: Transport,
  namespaces: readonly string[],
): Promise<OperatorLease | undefined> {
  const places = namespaces.length === 0 ? [DEFAULT_OPERATOR_NAMESPACE] : namespaces;
  const leases = await Promise.all(
    places.map(async (namespace) => {
      const object = await get(transport, { ...LEASES, namespace }, OPERATOR_NAME);
      return object === undefined ? [] : [readLease(namespace, object)];
    }),
  );
  return leases.flat().toSorted((a, b) => (a.renewed < b.renewed ? 1 : -1))[0];
}

export const LEASES = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };

const readLease = (namespace: string, object: StoredObject): OperatorLease => ({
  namespace,
  holder: leaseRecord(object).holder,
  renewed: textOf(fieldsOf(object['spec'])['renewTime']),
});

/** A leader renews every two seconds. After this time, nobody looks at what changes. */
const STALE_SECONDS = 120;

/** Seconds since the last renewal; undefined where there was none. Clocks may differ, so it is never negative. */
export function ageOf(lease: OperatorLease | undefined, now: Date): number | undefined {
  const renewed = Date.parse(lease?.renewed ?? '');
  return Number.isNaN(renewed) ? undefined : Math.max(0, Math.round((now.getTime() - renewed) / 1000));
}

/** True where no operator has looked for some minutes. */
export const isStale = (age: number | undefined): boolean => age === undefined || age > STALE_SECONDS;
