import { sleep, type Clock } from '../clock.ts';
import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

export interface Delays {
  readonly clock: Clock;
  /** Milliseconds that the next message takes, to the server, back, or through a watch. */
  readonly delayMs: () => number;
}

/**
 * The same server at a distance. Lines of one stream keep their order, but requests may overtake each other.
 */
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
