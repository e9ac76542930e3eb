/** Tries mutants: finds the test files that run the changed place, and whether one of them fails. */
import type { Limit } from './limit.ts';
import { mutate } from './mutant.ts';
import type { Mutant } from './mutant.ts';
import { isProgram } from './operators.ts';
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

interface Tally {
  readonly runs: number;
  readonly kills: number;
}

/** A test file that passed without a mutant. */
export interface Witness extends TestFile {
  readonly processorMs: number;
  readonly wallMs: number;
  readonly covered: ReadonlySet<Candidate>;
  /** One for each mutated file. */
  readonly tallies: Map<string, Tally>;
}

const FIRST_LIMIT: Limit = { processorMs: 10 * 60_000, idleMs: 60_000, wallMs: 120 * 60_000 };

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
  const ended = await worker.run({ ...test, positions: Object.fromEntries(starts) }, FIRST_LIMIT);
  if (typeof ended === 'string') throw new Error(`${test.path} ${ended} without a mutant`);
  if (ended.failure !== undefined) throw new Error(`${test.path} fails without a mutant: ${ended.failure}`);
  const covered = [...byFile].flatMap(([file, some]) => {
    const indexes = new Set(ended.covered[file]);
    return some.filter((_, index) => indexes.has(index));
  });
  const { processorMs, wallMs } = ended;
  return { ...test, processorMs, wallMs, covered: new Set(covered), tallies: new Map() };
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
  const verdict = await firstVerdict(worker, file, able);
  await worker.write(file, candidate.source);
  return verdict;
}

/** The test with the cheapest kill comes first: its time divided by its share of kills in this file. */
async function firstVerdict(worker: Worker, file: string, witnesses: readonly Witness[]): Promise<Verdict> {
  const tallyOf = ({ tallies }: Witness): Tally => tallies.get(file) ?? { runs: 0, kills: 0 };
  const cost = (test: Witness): number =>
    (test.processorMs * (tallyOf(test).runs + 2)) / (tallyOf(test).kills + 1);
  for (const test of witnesses.toSorted((a, b) => cost(a) - cost(b))) {
    const ended = await worker.run(test, limitOf(test));
    const isKill = typeof ended === 'string' || ended.failure !== undefined;
    const { runs, kills } = tallyOf(test);
    test.tallies.set(file, { runs: runs + 1, kills: kills + (isKill ? 1 : 0) });
    if (isKill) return ended === 'timed out' ? 'timed out' : 'killed';
  }
  return 'survived';
}

/**
 * The first run also counted, which is slow. Wall time is generous, because the machine may have become busy.
 */
const limitOf = ({ processorMs, wallMs }: Witness): Limit => ({
  processorMs: 5_000 + 3 * processorMs,
  idleMs: 15_000,
  wallMs: 60_000 + 20 * wallMs,
});
