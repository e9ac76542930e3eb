/** How far long work is. */
import type { CommandIO } from '../io.ts';

const EVERY = 10_000;

/** A line on standard error every ten seconds. */
export function progressTo(io: CommandIO): (done: number, all: number) => void {
  let next = io.date().getTime() + EVERY;
  return (done, all) => {
    const now = io.date().getTime();
    if (now < next || done === all) return;
    next = now + EVERY;
    io.stderr(`${String(done)} of ${String(all)} sources\n`);
  };
}
