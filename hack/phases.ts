/** The phases of `make test` and the commands that each runs. */
import { spawn } from 'node:child_process';
import { readFile, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ProgramName } from '../e2e/local/build/binaries.ts';
import { countTests } from './summary.ts';
import type { Count, JestResult } from './summary.ts';

export type Phase = () => Promise<Count>;

const ROOT = path.resolve(import.meta.dirname, '..');
/** Jest as arguments of Node. Its workers inherit the first two. */
export const JEST = ['--import', `${ROOT}/hack/end-with-parent.ts`, `${ROOT}/node_modules/jest/bin/jest.js`];
const MINUTE = 60 * 1000;
/** No phase takes that long. A test that does not end must not keep the sum from being printed. */
const PHASE_TIMEOUT = 45 * MINUTE;
const FUZZ_TIMEOUT = 6 * 60 * MINUTE;

/** The programs of the local cluster and a registry, for the integration tests, scenarios and delivery. */
const PROGRAMS: readonly ProgramName[] = [
  'actionlint',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kubectl',
  'calico-apiserver',
  'calico-cni',
  'calico-felix',
  'calico-flows',
  'calico-kube-controllers',
  'crane',
];

export const PHASES = {
  tools: clusterTools,
  format: () => check('prettier', '--check', '--log-level', 'warn', '.'),
  lint: () => check('eslint', '--max-warnings', '0', '.'),
  types,
  unused: () => check('knip'),
  generated: () => check('node', 'hack/generate.ts', '--check'),
  // No test's own time limit: a machine that is busy with something else must not fail one.
  unit: () => jest('unit', '--maxWorkers=100%', '--testTimeout', String(MINUTE)),
  programs: clusterPrograms,
  // Each file has clusters of its own, which wait most of the time: two cores are enough for several.
  integration: () => jest('integration', '--maxWorkers=5', ...without(LONG_INTEGRATION)),
  'more-integration': () => jest('integration', '--maxWorkers=5', ...only(LONG_INTEGRATION)),
  packets: () => jest('packets', '--maxWorkers=2', ...scenarios([...LONG_PACKETS, CHANGES])),
  'more-packets': () => jest('packets', '--maxWorkers=2', ...only(LONG_PACKETS)),
  changes: () => jest('packets', '--runInBand', '--testPathPatterns', CHANGES),
  chaos: () => jest('chaos', '--runInBand'),
  delivery: () => jest('delivery', '--runInBand'),
  simulator,
  kind: () => jest('kind', '--runInBand'),
  'kind-packets': () => jest('kind', '--runInBand', ...scenarios([LONG_KIND])),
  'kind-cached': kindIfCached,
  fuzz,
} as const satisfies Readonly<Record<string, Phase>>;

export type PhaseName = keyof typeof PHASES;

/**
 * In order. Cheap phases come first, so a slip shows within a minute. Those of one row run side by side, because
 * each waits half of the time.
 */
export const ALL: readonly (readonly PhaseName[])[] = [
  ['tools'],
  ['format'],
  ['lint'],
  ['types'],
  ['unused'],
  ['generated'],
  ['unit'],
  ['programs'],
  ['integration'],
  ['packets'],
  ['chaos', 'delivery'],
];

/** A phase cannot run if the phase that it needs has failed. */
export const NEEDS: Partial<Record<PhaseName, PhaseName>> = {
  integration: 'programs',
  'more-integration': 'programs',
  packets: 'programs',
  'more-packets': 'programs',
  changes: 'programs',
  chaos: 'programs',
  delivery: 'programs',
  simulator: 'programs',
};

/** Debian packages. */
async function clusterTools(): Promise<Count> {
  const { checkPrerequisites } = await import('../e2e/local/process/prerequisites.ts');
  const { needsBuild } = await import('../e2e/local/build/binaries.ts');
  const { argoNeedsBuild } = await import('../e2e/gitops/argo.ts');
  await checkPrerequisites({ needsGo: (await needsBuild(PROGRAMS)) || (await argoNeedsBuild()) });
  return { passed: 0, failed: 0 };
}

/** Programs built from source, or found in the cache. */
async function clusterPrograms(): Promise<Count> {
  const { prepareBinaries } = await import('../e2e/local/build/binaries.ts');
  const { prepareArgo } = await import('../e2e/gitops/argo.ts');
  await prepareBinaries(PROGRAMS);
  await prepareArgo();
  return { passed: 0, failed: 0 };
}

async function check(command: string, ...args: readonly string[]): Promise<Count> {
  const code = await run(command, args);
  return { passed: 0, failed: code === 0 ? 0 : 1 };
}

/** The page of `report` runs in a browser, whose names Node does not have. */
async function types(): Promise<Count> {
  const [own, page] = [await check('tsc', '-p', 'tsconfig.json'), await check('tsc', '-p', 'src/page')];
  return { passed: 0, failed: own.failed + page.failed };
}

/** One of the projects of jest.config.js. */
async function jest(project: string, ...args: readonly string[]): Promise<Count> {
  const output = path.join(os.tmpdir(), `jest-${process.pid}-${project}.json`);
  const options = ['--selectProjects', project, '--json', '--outputFile', output];
  const code = await run('node', [...JEST, ...options, ...args], {
    // Jest loads ES modules with it; without the second flag every worker warns of the first.
    // Unit tests make much garbage, and collect it less often with room for it.
    NODE_OPTIONS: `--experimental-vm-modules --disable-warning=ExperimentalWarning${project === 'unit' ? ' --max-semi-space-size=64' : ''}`,
  });
  const text = await readFile(output, 'utf8').catch(() => undefined);
  await rm(output, { force: true });
  if (text === undefined) return { passed: 0, failed: 1, remark: `jest ended with ${code} and no result` };
  return countTests(JSON.parse(text) as JestResult, code, args.includes('--testNamePattern'));
}

/**
 * Files that take longer than `make test` has time for: the proofs with Argo CD, those in the other mode of
 * Calico than aggregated, and those of the local cluster itself. `make integration` runs them too.
 */
const LONG_INTEGRATION = [
  'gitops/gitops',
  'integration/command-line',
  'integration/controller-native',
  'integration/local-cluster',
  'integration/nodes-native',
];

/** `make e2e` runs them too: the stories that take longest, and every sample for nodes in both dataplanes. */
const LONG_PACKETS = ['scenarios/more-scenarios', 'scenarios/node-matrix'];

/**
 * Fifty flows at fifty packets a second through every change at nodes. Only `make e2e` runs them, on an
 * otherwise idle machine.
 */
const CHANGES = 'scenarios/(node-changes|moving-in)';

/** Waits for minutes until kubelet changes a token. Only `make kind` runs it. */
const LONG_KIND = 'kind/token-rotation';

const without = (files: readonly string[]): readonly string[] => ['--testPathIgnorePatterns', ...files];
const only = (files: readonly string[]): readonly string[] => ['--testPathPatterns', ...files];

/**
 * `SCENARIO=S3` runs the tests whose name has the word S3, wherever they are. Without SCENARIO all run but
 * those of the files `apart`.
 */
function scenarios(apart: readonly string[]): readonly string[] {
  const scenario = process.env['SCENARIO'] ?? '';
  if (scenario === '') return without(apart);
  if (!/^[\w-]+$/.test(scenario)) throw new Error(`SCENARIO must be an id such as S3, not "${scenario}"`);
  return ['--testNamePattern', `\\b${scenario}\\b`];
}

/**
 * The tests on nodes with a kubelet, where the image of the nodes is in the cache. Building it takes a quarter
 * of an hour, which is more than `make test` should.
 */
async function kindIfCached(): Promise<Count> {
  const { isNodeImageCached } = await import('../e2e/providers/kind/cluster.ts');
  const cached = await isNodeImageCached();
  console.error(
    cached
      ? 'the image of the nodes is in the cache, so the tests on nodes with a kubelet run'
      : 'not run: the image of the nodes is not in the cache; `make kind` builds it and runs all of them',
  );
  return cached
    ? jest('kind', '--runInBand', '--testPathIgnorePatterns', LONG_KIND)
    : { passed: 0, failed: 0 };
}

/**
 * Two minutes of `make fuzz-felix`. The seed is fixed, so that it fails because of a change, and not by chance. The
 * first ten rounds of this one notice 23 of the 25 mutants. It is no part of `make test` yet: in one of two runs
 * Felix itself ended in nftables mode.
 */
async function simulator(): Promise<Count> {
  const result = path.join(os.tmpdir(), `fuzz-felix-${process.pid}.json`);
  const code = await run('node', ['e2e/fuzz-felix/main.ts'], { MINUTES: '2', SEED: '1000', RESULT: result });
  const text = await readFile(result, 'utf8').catch(() => undefined);
  await rm(result, { force: true });
  if (text === undefined) return { passed: 0, failed: 1, remark: `it ended with ${code} and no result` };
  return JSON.parse(text) as Count;
}

/** The property suites with more examples; every run tries others, unless SEED says which. */
async function fuzz(): Promise<Count> {
  const runs = process.env['FUZZ_RUNS'] ?? '2000';
  const seed = process.env['SEED'] ?? String(Math.floor(Math.random() * 2 ** 31));
  console.error(`FUZZ_RUNS=${runs} SEED=${seed} repeats this run`);
  Object.assign(process.env, { FUZZ_RUNS: runs, SEED: seed });
  const files = await filesWithProperties();
  return jest('unit', '--testTimeout', String(FUZZ_TIMEOUT), '--runTestsByPath', ...files);
}

async function filesWithProperties(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir(path.join(ROOT, 'src'), { recursive: true })) {
    const file = path.join(ROOT, 'src', name);
    if (name.endsWith('.test.ts') && (await readFile(file, 'utf8')).includes(`from 'fast-check'`))
      found.push(file);
  }
  return found.sort();
}

async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const child = spawn(command, args, {
    cwd: ROOT,
    // People read the results, so all output goes where progress goes.
    stdio: ['ignore', process.stderr, process.stderr],
    timeout: 'FUZZ_RUNS' in process.env ? FUZZ_TIMEOUT : PHASE_TIMEOUT,
    env: { ...process.env, ...env, PATH: `${ROOT}/node_modules/.bin:${process.env['PATH'] ?? ''}` },
  });
  // Ctrl-C reaches the child by itself; a signal to us alone does not.
  const passOn = (): void => void child.kill('SIGTERM');
  process.once('SIGTERM', passOn);
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve(code ?? 1);
    });
  }).finally(() => process.off('SIGTERM', passOn));
}
