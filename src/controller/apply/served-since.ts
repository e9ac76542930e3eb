import type { OutageTracker } from '../../cluster/http/outages.ts';
import { listPage } from '../../cluster/objects/apply.ts';
import type { Clock } from '../../cluster/clock.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { CALICO_GROUP, kindResource } from '../objects/kinds.ts';

const REACH_MS = 10_000;

export interface Served {
  readonly transport: Transport;
  readonly clock: Pick<Clock, 'now'>;
  /** Absent: the server is taken never to be away. */
  readonly answers?: Pick<OutageTracker, 'recoveredAt'> | undefined;
  readonly signal: AbortSignal;
}

/**
 * `Clock.now()` since when Calico's kinds are served again after the last outage, which is later than the API server's first answer;
 * -Infinity when there was none. Asks for one object where nobody has yet; what fails here fails again in the writes, which say so.
 */
export async function servedSince({ transport, clock, answers, signal }: Served): Promise<number> {
  if (answers === undefined) return -Infinity;
  if (answers.recoveredAt(CALICO_GROUP) === undefined) {
    const asked = listPage(transport, kindResource('Tier'), { limit: 1, timeoutMs: REACH_MS, signal });
    await asked.catch(() => undefined);
  }
  return answers.recoveredAt(CALICO_GROUP) ?? clock.now();
}
