import type { Clock } from '../clock.ts';
import { ApiError } from '../errors.ts';
import type { Transport, TransportRequest } from './transport.ts';

/** One finished HTTP request. */
export interface RequestOutcome {
  readonly request: TransportRequest;
  /** HTTP status. It is `<error>`, client-go's word, when no complete answer arrived. */
  readonly code: string;
  /** Time until the whole answer had arrived. A watch counts until its first line or its end. */
  readonly seconds: number;
}

export interface MeterOptions {
  readonly clock: Clock;
  readonly onRequest: (outcome: RequestOutcome) => void;
}

/**
 * A Transport that reports every request. Use it under withRetry, so each attempt counts, as in client-go.
 */
export function metered(transport: Transport, { clock, onRequest }: MeterOptions): Transport {
  const begin = (request: TransportRequest): ((code: string) => void) => {
    const began = clock.now();
    return (code) => {
      onRequest({ request, code, seconds: (clock.now() - began) / 1000 });
    };
  };
  return {
    async request(request) {
      const end = begin(request);
      try {
        const response = await transport.request(request);
        end(String(response.status));
        return response;
      } catch (error) {
        end(codeOf(error));
        throw error;
      }
    },
    async *stream(request) {
      let end: ((code: string) => void) | undefined = begin(request);
      try {
        for await (const line of transport.stream(request)) {
          end?.('200');
          end = undefined;
          yield line;
        }
        end?.('200');
      } catch (error) {
        end?.(codeOf(error));
        throw error;
      }
    },
  };
}

const codeOf = (error: unknown): string => (error instanceof ApiError ? String(error.code) : '<error>');
