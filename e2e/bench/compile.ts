/** (a): the objects that the compiler makes for a thousand namespaces by label, and the time for that. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { CompileTimes } from './compile-once.ts';
import type { Part } from './parts.ts';
import { duration, median, spread } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

const run = promisify(execFile);

const SCRIPT = path.join(import.meta.dirname, 'compile-once.ts');
const SIZES = [1000, 10_000] as const;
const PROCESSES = 7;
const OBJECTS_GOAL = 40;
const TIME_GOAL = 100;

export const measureCompile: Part = async () => {
  const results = new Map<number, CompileTimes[]>(SIZES.map((size) => [size, []]));
  for (let time = 0; time < PROCESSES; time += 1) {
    for (const size of SIZES) results.get(size)?.push(await compileIn(size));
  }
  return [...results].flatMap(([size, times]) => rowsOf(size, times));
};

/** Runs in its own process, because a restart costs the first compilation of a process. */
async function compileIn(namespaces: number): Promise<CompileTimes> {
  const { stdout } = await run(process.execPath, [SCRIPT, String(namespaces)]);
  return JSON.parse(stdout) as CompileTimes;
}

function rowsOf(size: number, times: readonly CompileTimes[]): readonly Row[] {
  const what = `${size.toLocaleString('en')} namespaces by label, 10 rules`;
  const objects = times.map((each) => each.objects);
  const cold = times.map((each) => each.cold);
  const warm = times.flatMap((each) => each.warm);
  return [
    withGoal(
      { part: 'a', what: `${what}: objects`, figure: spread(objects, String) },
      `≤ ${OBJECTS_GOAL}`,
      Math.max(...objects),
      OBJECTS_GOAL,
    ),
    ...[
      { when: 'first compilation of a process', samples: cold },
      { when: 'later ones', samples: warm },
    ].map(({ when, samples }) =>
      withGoal(
        { part: 'a', what: `${what}: ${when}`, figure: spread(samples, duration) },
        `< ${TIME_GOAL} ms`,
        median(samples),
        TIME_GOAL,
      ),
    ),
  ];
}
