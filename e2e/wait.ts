import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** The awaited condition, for the error: "kube-apiserver to be ready". */
  readonly what: string;
  /** Milliseconds until the wait fails. */
  readonly within: number;
  /** Milliseconds between two looks; default 50. */
  readonly every?: number;
  /** Added to the error, for example the tail of a log. */
  readonly explain?: () => Promise<string>;
  /** Rejects when waiting has become pointless. That error is thrown. */
  readonly abort?: Promise<never>;
}

/**
 * Calls `look` until it returns a value other than undefined.
 * @throws after the deadline, with the last error of `look`
 */
export async function waitFor<T>(look: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const deadline = performance.now() + options.within;
  let over = false;
  let last: unknown;
  const poll = async (): Promise<T> => {
    while (!over && performance.now() < deadline) {
      try {
        const found = await look();
        if (found !== undefined) return found;
        last = undefined;
      } catch (error) {
        last = error;
      }
      await delay(options.every ?? 50);
    }
    throw await timeout(options, last);
  };
  if (options.abort === undefined) return poll();
  try {
    return await Promise.race([poll(), options.abort]);
  } finally {
    over = true;
  }
}

async function timeout(options: WaitOptions, last: unknown): Promise<Error> {
  const lines = [`waited ${options.within / 1000} s for ${options.what}`];
  if (last instanceof Error) lines.push(last.message);
  if (options.explain !== undefined) lines.push(await options.explain());
  return new Error(lines.join('\n'), { cause: last });
}
