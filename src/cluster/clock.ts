import { abortReason } from './abort.ts';

/** Time as everything here sees it, so that tests own it. */
export interface Clock {
  /** Milliseconds of a monotonic clock: for durations and deadlines, never for a date. */
  now(): number;
  /** The date, for what other people read (timestamps in Events). It may jump. */
  date(): Date;
  /** Calls back once after `ms` milliseconds; the function returned cancels it. */
  setTimeout(callback: () => void, ms: number): () => void;
}

/** Node's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  setTimeout(callback, ms) {
    const timer = setTimeout(callback, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/**
 * Resolves after `ms` milliseconds.
 * @throws the signal's reason, at once, when `signal` is aborted before or meanwhile.
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
