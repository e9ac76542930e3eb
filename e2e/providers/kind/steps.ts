/** Tells people who wait what is under way: `2 of 5: Debian's packages, about 2 minutes`. */

export interface Step<T> {
  readonly what: string;
  /** On two cores, where nothing is cached. */
  readonly minutes: number;
  /** True when its result is in the cache. It is then not mentioned. */
  readonly cached: () => Promise<boolean>;
  readonly run: () => Promise<T>;
}

export interface Steps {
  /** Runs the next step, and announces it unless it is cached. */
  next<T>(step: Step<T>): Promise<T>;
}

export function countSteps(total: number): Steps {
  let number = 0;
  return {
    next: async ({ what, minutes, cached, run }) => {
      number += 1;
      if (!(await cached())) {
        const time = minutes === 1 ? 'about a minute' : `about ${String(minutes)} minutes`;
        process.stderr.write(`${String(number)} of ${String(total)}: ${what}, ${time}\n`);
      }
      return run();
    },
  };
}
