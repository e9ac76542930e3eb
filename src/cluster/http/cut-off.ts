import { abortable } from '../abort.ts';
import type { Transport } from './transport.ts';

/**
 * A Transport on which nobody waits for longer than a signal allows. A request ends with the reason of the
 * signal that was current when it began. Without a current signal it is passed through, and so is `stream`.
 */
export function withCutOff(transport: Transport, current: () => AbortSignal | undefined): Transport {
  return {
    stream: (request) => transport.stream(request),
    async request(request) {
      const limit = current();
      if (limit === undefined) return transport.request(request);
      const signal = request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]);
      // The transport ends the request as well. It is not relied on, because a wait without an end would stop
      // all repairs.
      return abortable(transport.request({ ...request, signal }), limit);
    },
  };
}
