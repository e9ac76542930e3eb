import { abortReason } from './abort.ts';

/** The source of time for everything here, so tests can control it. */
export interface Clock {
  /** Milliseconds of a monotonic clock, for durations and deadlines. It is not a date. */
  now(): number;
  /** The date that people read, for example in Events. It may jump. */
  date(): Date;
  /** Calls back once after `ms` milliseconds. The returned function cancels it. */
  setTimeout(callback: () => void, ms: number): () => void;
}

/** Node takes 32 bits. A longer delay it would take for none. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Node's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  setTimeout(callback, ms) {
    const timer = setTimeout(callback, Math.min(Math.max(0, ms), MAX_TIMEOUT_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};

/**
 * Resolves after `ms` milliseconds.
 * @throws the signal's reason, immediately, when `signal` is or becomes aborted
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      cancel();
      if (signal !== undefined) reject(abortReason(signal));
    };
    const cancel = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Kubernetes' MicroTime: RFC 3339 with six digits. */
export const microTime = (date: Date): string => date.toISOString().replace(/Z$/, '000Z');
