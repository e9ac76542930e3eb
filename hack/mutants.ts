/**
 * Mutation testing: changes the code in small ways, one change at a time, and lists each change that no unit
 * test notices. A mutant is tried in a copy of the tree, with the neighbouring test files that run the
 * changed place.
 *
 *     DIR=src/net COUNT=300 SEED=7 node hack/mutants.ts
 *
 *   DIR        folders or files, separated by spaces. src/net/cidr.ts:40-60 means these lines.
 *   COUNT      the size of a sample. All mutants are tried by default.
 *   SEED       chooses the sample and the examples of properties. The same seed repeats a run.
 *   TESTS      folders whose tests run. The default is the folder of src that each file is in.
 *   FUZZ_RUNS  examples of a property. The default is 5.
 *   WORKERS    mutants that are tried at a time. The default is one for each processor.
 *
 * The last line is `N killed, N timed out, N survived, N equivalent`. The exit code is 0 with survivors, too.
 */
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, realpath } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { seeded } from '../e2e/harness/random.ts';
import { Imports, neighbourhood, sourcesIn, testsIn } from './mutants/files.ts';
import { mutantsOf } from './mutants/operators.ts';
import { changeOf, isSame, lineOf, report, shown, staleIn } from './mutants/report.ts';
import type { Equivalent, Result } from './mutants/report.ts';
import { judge, witness } from './mutants/trial.ts';
import type { Candidate, TestFile } from './mutants/trial.ts';
import { Worker } from './mutants/worker.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const EQUIVALENT = path.join(import.meta.dirname, 'mutants/equivalent.json');

type Lines = readonly [first: number, last: number];

const count = wholeNumber('COUNT') ?? Infinity;
const seed = wholeNumber('SEED') ?? Math.floor(Math.random() * 2 ** 31);
const runs = wholeNumber('FUZZ_RUNS') ?? 5;
const parallel = wholeNumber('WORKERS') ?? os.availableParallelism();

const wanted = await linesOf(words('DIR'));
if (wanted.size === 0) {
  console.error('DIR names the folders or files to mutate, for example DIR=src/net');
  process.exit(2);
}
const files = [...wanted.keys()];
const all = (await Promise.all(files.map(candidatesIn))).flat();
const sample = new Set(seeded(seed).shuffle(all.filter(isWanted)).slice(0, count));
const chosen = all.filter((candidate) => sample.has(candidate));
const listed = JSON.parse(await readFile(EQUIVALENT, 'utf8')) as readonly Equivalent[];
const tests = await testsOf(files);
const workers = await startWorkers();

console.error(
  `${chosen.length} mutants of ${all.length}, ${tests.length} test files, SEED=${seed} FUZZ_RUNS=${runs}`,
);
const witnesses = await shared(tests, (worker, test) => witness(worker, test, chosen));
const began = performance.now();
const results = await shared(chosen, resultOf);
const seconds = (performance.now() - began) / 1000;
console.error(`${(seconds / chosen.length).toFixed(2)} s a mutant`);

const changes = all.map(({ change }) => change);
const gone = listed.map(({ file }) => file).filter((file) => !existsSync(path.join(ROOT, file)));
console.log(report(results, staleIn(listed, changes, [...files, ...gone])));
await Promise.all(workers.map((worker) => worker.stop()));

/** The ranges of lines to mutate, by file. */
async function linesOf(targets: readonly string[]): Promise<ReadonlyMap<string, readonly Lines[]>> {
  const lines = new Map<string, readonly Lines[]>();
  for (const target of targets) {
    const [, from = target, first = '1', last = first] = /^(.*\.ts):(\d+)(?:-(\d+))?$/.exec(target) ?? [];
    const isPart = from !== target;
    const range: Lines = isPart ? [Number(first), Number(last)] : [1, Infinity];
    for (const file of await sourcesIn(ROOT, from)) lines.set(file, [...(lines.get(file) ?? []), range]);
  }
  return lines;
}

async function candidatesIn(file: string): Promise<readonly Candidate[]> {
  const source = await readFile(path.join(ROOT, file), 'utf8');
  return mutantsOf(source).map((mutant) => ({
    source,
    mutant,
    line: lineOf(source, mutant.start),
    change: changeOf(file, source, mutant),
  }));
}

function isWanted({ change, line }: Candidate): boolean {
  return wanted.get(change.file)?.some(([first, last]) => first <= line && line <= last) === true;
}

/**
 * The tests that load one of the files. Only properties are given a number of examples, because loading
 * fast-check is slow.
 */
async function testsOf(mutated: readonly string[]): Promise<readonly TestFile[]> {
  const imports = new Imports(ROOT);
  const folders = new Set(words('TESTS').length > 0 ? words('TESTS') : mutated.map(neighbourhood));
  const found: TestFile[] = [];
  for (const file of (await Promise.all([...folders].map((each) => testsIn(ROOT, each)))).flat()) {
    const reached = await imports.of(file);
    if (!mutated.some((each) => reached.has(each))) continue;
    const env = reached.has('fast-check') ? { FUZZ_RUNS: String(runs), SEED: String(seed), SHRINK: '0' } : {};
    found.push({ path: file, env });
  }
  return found;
}

async function resultOf(worker: Worker, candidate: Candidate): Promise<Result> {
  const { change, line } = candidate;
  const isListed = listed.some((entry) => isSame(entry, change));
  const verdict = isListed ? 'equivalent' : await judge(worker, candidate, witnesses);
  if (verdict === 'survived') console.error(shown({ change, line, verdict }));
  return { change, line, verdict };
}

/** They end with this process, and their copies of the tree are removed. */
async function startWorkers(): Promise<readonly Worker[]> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'mutants-')));
  const started: Worker[] = [];
  process.once('exit', () => {
    for (const worker of started) void worker.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 9 });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const paths = tests.map((test) => test.path);
  for (let index = 0; index < parallel; index++)
    started.push(await Worker.create(ROOT, path.join(folder, String(index)), paths));
  return started;
}

/** Shares the items among the workers. Results are in the order of the items. */
async function shared<T, R>(
  items: readonly T[],
  work: (worker: Worker, item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  await Promise.all(
    workers.map(async (worker) => {
      for (const [index, item] of queue) results[index] = await work(worker, item);
    }),
  );
  return results;
}

function words(name: string): readonly string[] {
  return (process.env[name] ?? '').split(/\s+/).filter((word) => word !== '');
}

function wholeNumber(name: string): number | undefined {
  const text = process.env[name] ?? '';
  if (text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number, not "${text}"`);
  return Number(text);
}
