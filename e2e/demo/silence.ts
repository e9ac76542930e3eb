import type { Clock } from '../../src/cluster/clock.ts';

const SILENCE_MS = 10_000;

interface Silence {
  /** The work has printed something. */
  readonly heard: () => void;
  readonly end: () => void;
}

/** Says that a long work goes on whenever it has printed nothing for ten seconds. */
export function tellOfSilence(clock: Clock, say: (text: string) => void): Silence {
  const started = clock.now();
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel();
    cancel = clock.setTimeout(() => {
      say(`  still working, ${((clock.now() - started) / 1000).toFixed(0)} s in all`);
      wait();
    }, SILENCE_MS);
  };
  wait();
  return {
    heard: wait,
    end: () => {
      cancel();
    },
  };
}
