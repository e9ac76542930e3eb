import { microTime } from '../clock.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject } from '../resource.ts';

/**
 * The holder of a coordination.k8s.io/v1 Lease. Its times come from another machine's wall clock: people may
 * read them, but no decision uses them.
 */
export interface LeaseRecord {
  /** Empty after a release. */
  readonly holder: string;
  /**
   * The duration that the holder claims. Others wait this long after the last change of the record that they
   * saw.
   */
  readonly durationSeconds: number;
  readonly acquireTime: string;
  readonly transitions: number;
}

/** Missing fields are zero, because the API omits zeros. */
export function leaseRecord({ spec }: KubernetesObject): LeaseRecord {
  const fields = isRecord(spec) ? spec : {};
  const { holderIdentity, leaseDurationSeconds, acquireTime, leaseTransitions } = fields;
  return {
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    durationSeconds: typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds : 0,
    acquireTime: typeof acquireTime === 'string' ? acquireTime : '',
    transitions: typeof leaseTransitions === 'number' ? leaseTransitions : 0,
  };
}

/** The Lease's spec. `renewed` is the date of this write. */
export const leaseSpec = (record: LeaseRecord, renewed: Date): object => ({
  holderIdentity: record.holder,
  leaseDurationSeconds: record.durationSeconds,
  acquireTime: record.acquireTime,
  renewTime: microTime(renewed),
  leaseTransitions: record.transitions,
});
