import { backoffDelay, type BackoffPolicy, type Random } from '../backoff.ts';
import { sleep, type Clock } from '../clock.ts';
import { ApiError, TransportError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Transport, TransportRequest } from './transport.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: Random;
  /** Total number of attempts, default 5. */
  readonly attempts?: number;
}

const BACKOFF: BackoffPolicy = { initialMs: 100, maxMs: 5000, factor: 2, jitter: 1 };
/**
 * If a server asks for a longer delay than this, the request fails, and the caller's own queue tries again
 * later.
 */
const MAX_RETRY_AFTER_SECONDS = 30;

/**
 * A Transport whose `request` repeats safe requests a few times. Delays have backoff and jitter and respect
 * Retry-After. `stream` is passed through, because the reader of a watch resumes it.
 */
export function withRetry(transport: Transport, options: RetryOptions): Transport {
  const { clock, log, random = Math.random, attempts = 5 } = options;
  return {
    stream: (request) => transport.stream(request),
    async request(request) {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await transport.request(request);
        } catch (error) {
          const retryAfterMs = retryAfter(error, request);
          if (retryAfterMs === undefined || attempt + 1 >= attempts) throw error;
          const delayMs = Math.max(retryAfterMs, 0) + backoffDelay(BACKOFF, attempt, random);
          log.debug(
            { err: error, method: request.method, path: request.path, delayMs },
            'request to be retried',
          );
          await sleep(clock, delayMs, request.signal);
        }
      }
    },
  };
}

/** Minimum delay in milliseconds, or undefined when the request must not be repeated here. */
function retryAfter(error: unknown, request: TransportRequest): number | undefined {
  if (error instanceof TransportError) return isRepeatable(request) ? 0 : undefined;
  if (!(error instanceof ApiError)) return undefined;
  const { code, retryAfterSeconds } = error;
  if (code !== 429 && code < 500) return undefined;
  if (retryAfterSeconds !== undefined) {
    return retryAfterSeconds <= MAX_RETRY_AFTER_SECONDS ? retryAfterSeconds * 1000 : undefined;
  }
  return code === 429 || isRepeatable(request) ? 0 : undefined;
}

/** True for reads and server-side applies: a second request has the same effect as one. */
function isRepeatable(request: TransportRequest): boolean {
  return request.method === 'GET' || request.contentType === 'application/apply-patch+yaml';
}
