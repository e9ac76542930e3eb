/** Deletes ClusterFirewalls, and waits for whoever ends them: the operator, or this process in its place. */
import { sleep, type Clock } from '../cluster/clock.ts';
import { isNotFound } from '../cluster/errors.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { get, list, mergePatch, remove } from '../cluster/objects/apply.ts';
import type { StoredObject } from '../cluster/resource.ts';
import { FIREWALLS } from '../controller/observe/firewalls.ts';
import { DEFAULT_OPERATOR_NAMESPACE, OPERATOR_NAME } from '../compiler/names.ts';
import { ageOf, LEASES, operatorLease } from '../inspect/lease.ts';

/** Asks for the deletion of each. With `retain`, what it enforces stays. */
export async function deleteFirewalls(
  transport: Transport,
  firewalls: readonly StoredObject[],
  retain: boolean,
): Promise<void> {
  for (const { metadata } of firewalls) {
    if (retain) await mergePatch(transport, FIREWALLS, metadata.name, { spec: { deletionPolicy: 'Retain' } });
    await remove(transport, FIREWALLS, metadata.name, { preconditions: { uid: metadata.uid } });
  }
}

/** A leader renews every two seconds, and others may take its Lease after 15. */
const LOOKS_SECONDS = 20;
const POLL_MS = 500;

export interface WaitParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly date: () => Date;
  /** Namespaces in which the operator may have its Lease. */
  readonly namespaces: readonly string[];
  readonly timeoutMs: number;
  /** Does the operator's work until it is stopped. */
  readonly operate: (namespace: string) => Promise<Substitute>;
}

export interface Substitute {
  readonly stop: () => Promise<void>;
  /** Its last complaint. */
  readonly trouble: () => string | undefined;
}

export interface Ended {
  /** Names of the ClusterFirewalls that are still there. */
  readonly left: readonly string[];
  readonly by: 'operator' | 'substitute';
  readonly trouble?: string;
}

/**
 * Waits until all are gone or the time is over. While an operator renews its Lease, the work is its own. Where
 * none does, this process stands for election and does it, with the rights of whoever runs it.
 */
export async function awaitEnd(parts: WaitParts): Promise<Ended> {
  const { clock, timeoutMs } = parts;
  const deadline = clock.now() + timeoutMs;
  let left = await names(parts.transport);
  while (left.length > 0 && clock.now() < deadline && (await looks(parts))) {
    await sleep(clock, POLL_MS);
    left = await names(parts.transport);
  }
  if (left.length === 0 || (await looks(parts))) return { left, by: 'operator' };
  const namespace = await placeOfLease(parts);
  const substitute = await parts.operate(namespace);
  try {
    const end = clock.now() + timeoutMs;
    while (left.length > 0 && clock.now() < end) {
      await sleep(clock, POLL_MS);
      left = await names(parts.transport);
    }
  } finally {
    await substitute.stop();
    if (namespace === ELSEWHERE) await remove(parts.transport, { ...LEASES, namespace }, OPERATOR_NAME);
  }
  const trouble = substitute.trouble();
  return { left, by: 'substitute', ...(left.length > 0 && trouble !== undefined && { trouble }) };
}

/** Every cluster has this namespace. */
const ELSEWHERE = 'kube-system';
const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces' };

/** The operator's namespace; where it is gone or going, nothing can be created there. */
async function placeOfLease({ transport, namespaces }: WaitParts): Promise<string> {
  const [namespace = DEFAULT_OPERATOR_NAMESPACE] = namespaces;
  const stored = await get(transport, NAMESPACES, namespace);
  const isThere = stored !== undefined && stored.metadata.deletionTimestamp === undefined;
  return isThere ? namespace : ELSEWHERE;
}

async function looks({ transport, namespaces, date }: WaitParts): Promise<boolean> {
  const lease = await operatorLease(transport, namespaces);
  const age = ageOf(lease, date());
  return lease !== undefined && lease.holder !== '' && age !== undefined && age <= LOOKS_SECONDS;
}

async function names(transport: Transport): Promise<readonly string[]> {
  try {
    return (await list(transport, FIREWALLS)).map(({ metadata }) => metadata.name);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
