import { microTime } from '../clock.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject } from '../resource.ts';

/** What a coordination.k8s.io/v1 Lease says of its holder. Its times are somebody else's wall clock: for people, never for a decision. */
export interface LeaseRecord {
  /** Empty when it was released. */
  readonly holder: string;
  /** What the holder claims: others wait for so long after they have last seen the record change. */
  readonly durationSeconds: number;
  readonly acquireTime: string;
  readonly transitions: number;
}

/** Missing fields are what the API leaves out when they are zero. */
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

/** The Lease's spec; `renewed` is the date of this write. */
export const leaseSpec = (record: LeaseRecord, renewed: Date): object => ({
  holderIdentity: record.holder,
  leaseDurationSeconds: record.durationSeconds,
  acquireTime: record.acquireTime,
  renewTime: microTime(renewed),
  leaseTransitions: record.transitions,
});
