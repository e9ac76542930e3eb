/** Tries mutants: finds the test files that run the changed place, and whether one of them fails. */
import { isProgram, mutate } from './operators.ts';
import type { Mutant } from './operators.ts';
import type { Change, Verdict } from './report.ts';
import type { Worker } from './worker.ts';

export interface Candidate {
  readonly source: string;
  readonly mutant: Mutant;
  readonly line: number;
  readonly change: Change;
}

export interface TestFile {
  readonly path: string;
  /** Set while it runs. */
  readonly env: Readonly<Record<string, string>>;
}

/** A test file that passed without a mutant. */
export interface Witness extends TestFile {
  readonly milliseconds: number;
  readonly covered: ReadonlySet<Candidate>;
  runs: number;
  kills: number;
}

const FIRST_LIMIT_MS = 10 * 60_000;

/**
 * Runs a test file as it is and counts which mutants it would run.
 * @throws Error when it fails
 */
export async function witness(
  worker: Worker,
  test: TestFile,
  candidates: readonly Candidate[],
): Promise<Witness> {
  const byFile = Map.groupBy(candidates, ({ change }) => change.file);
  const starts = [...byFile].map(([file, some]) => [file, some.map(({ mutant }) => mutant.start)] as const);
  const ended = await worker.run({ ...test, positions: Object.fromEntries(starts) }, FIRST_LIMIT_MS);
  if (typeof ended === 'string') throw new Error(`${test.path} ${ended} without a mutant`);
  if (ended.failure !== undefined) throw new Error(`${test.path} fails without a mutant: ${ended.failure}`);
  const covered = [...byFile].flatMap(([file, some]) => {
    const indexes = new Set(ended.covered[file]);
    return some.filter((_, index) => indexes.has(index));
  });
  return { ...test, milliseconds: ended.milliseconds, covered: new Set(covered), runs: 0, kills: 0 };
}

export async function judge(
  worker: Worker,
  candidate: Candidate,
  witnesses: readonly Witness[],
): Promise<Verdict> {
  const { file } = candidate.change;
  const mutated = mutate(candidate.source, candidate.mutant);
  if (!isProgram(mutated)) return 'error';
  const able = witnesses.filter(({ covered }) => covered.has(candidate));
  if (able.length === 0) return 'not covered';
  await worker.write(file, mutated);
  const verdict = await firstVerdict(worker, able);
  await worker.write(file, candidate.source);
  return verdict;
}

/** The test with the cheapest kill comes first: its time divided by its share of kills. */
async function firstVerdict(worker: Worker, witnesses: readonly Witness[]): Promise<Verdict> {
  const cost = ({ milliseconds, runs, kills }: Witness): number => (milliseconds * (runs + 2)) / (kills + 1);
  for (const test of witnesses.toSorted((a, b) => cost(a) - cost(b))) {
    const ended = await worker.run(test, limitMs(test));
    test.runs++;
    if (typeof ended !== 'string' && ended.failure === undefined) continue;
    test.kills++;
    return ended === 'timed out' ? 'timed out' : 'killed';
  }
  return 'survived';
}

/** Long enough on a machine that has become busy. */
const limitMs = ({ milliseconds }: Witness): number => 5_000 + 3 * milliseconds;
