import type { OutageTracker } from '../../cluster/http/outages.ts';
import { listPage } from '../../cluster/objects/apply.ts';
import type { Clock } from '../../cluster/clock.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { CALICO_GROUP, kindResource } from '../objects/kinds.ts';

const REACH_MS = 10_000;

export interface Served {
  readonly transport: Transport;
  readonly clock: Pick<Clock, 'now'>;
  /** Absent: the server counts as never away. */
  readonly outages?: Pick<OutageTracker, 'recoveredAt'> | undefined;
  readonly signal: AbortSignal;
}

/**
 * `Clock.now()` when Calico's kinds were served again after the last outage, which is later than the API
 * server's first answer; -Infinity when there was no outage. Asks for one object where no request has been
 * answered yet. An error here is ignored, because the writes meet it again and report it.
 */
export async function servedSince({ transport, clock, outages, signal }: Served): Promise<number> {
  if (outages === undefined) return -Infinity;
  if (outages.recoveredAt(CALICO_GROUP) === undefined) {
    const asked = listPage(transport, kindResource('Tier'), { limit: 1, timeoutMs: REACH_MS, signal });
    await asked.catch(() => undefined);
  }
  return outages.recoveredAt(CALICO_GROUP) ?? clock.now();
}
