import { sleep, type Clock } from '../clock.ts';
import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

export interface Delays {
  readonly clock: Clock;
  /** Milliseconds that the next message takes, on its way to the server, back, or through a watch. */
  readonly delayMs: () => number;
}

/** The same server, some way off. The lines of one stream arrive in their order; requests may overtake one another. */
export function slow(server: Transport, { clock, delayMs }: Delays): Transport {
  return {
    async request(request: TransportRequest): Promise<TransportResponse> {
      await sleep(clock, delayMs(), request.signal);
      try {
        return await server.request(request);
      } finally {
        await sleep(clock, delayMs(), request.signal);
      }
    },
    async *stream(request: TransportRequest): AsyncGenerator<unknown, void, undefined> {
      for await (const line of server.stream(request)) {
        await sleep(clock, delayMs(), request.signal);
        yield line;
      }
    },
  };
}
