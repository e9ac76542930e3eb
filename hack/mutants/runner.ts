/**
 * A runner for Jest that keeps its process warm: it runs one test file for each message of the parent process
 * (worker.ts), and ends with it. Jest itself cannot run a file again, and its option `bail` ends the process.
 */
import { once } from 'node:events';
import { Session } from 'node:inspector/promises';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CallbackTestRunner } from 'jest-runner';
import type { EmittingTestRunner, Test, TestWatcher } from 'jest-runner';
import { coveredPositions } from './coverage.ts';

/** A test file to run. Files are relative to the folder that Jest runs in. */
export interface Order {
  readonly path: string;
  /** Set while the file runs. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Positions by file. The reply says which of them ran. Only a first run asks for it, because counting is
   * slow.
   */
  readonly positions?: Readonly<Record<string, readonly number[]>>;
}

export interface Reply {
  /** Absent: all tests passed. */
  readonly failure?: string;
  readonly processorMs: number;
  readonly wallMs: number;
  /** Resident memory of the process, in bytes. */
  readonly memory: number;
  /** Indexes into the positions of the order. */
  readonly covered: Readonly<Record<string, readonly number[]>>;
}

type Counted = Reply['covered'];

/**
 * Loaded with `require`, because the types of the package describe its CommonJS half, where the class is
 * `default`.
 */
const { default: TestRunner } = createRequire(import.meta.filename)('jest-runner') as {
  readonly default: new (...args: ConstructorParameters<typeof CallbackTestRunner>) => EmittingTestRunner;
};

class MutantRunner extends CallbackTestRunner {
  /** Jest receives no results, because it would keep and print all of them. */
  async runTests(tests: Test[], watcher: TestWatcher): Promise<void> {
    const runner = new TestRunner(this._globalConfig, this._context);
    let failure: string | undefined;
    runner.on('test-file-success', ([, result]) => {
      failure = result.testExecError?.message ?? result.failureMessage ?? undefined;
    });
    runner.on('test-file-failure', ([, error]) => {
      failure = error.message;
    });
    process.on('message', (order: Order) => {
      const only = tests.filter(({ path }) => path === resolve(order.path));
      const run = (): Promise<void> => runner.runTests(only, watcher, { serial: true });
      failure = `Jest does not know ${order.path}`;
      const [began, used] = [performance.now(), process.cpuUsage()];
      void inEnvironment(order.env, () => counting(order.positions, run)).then((covered) => {
        const { user, system } = process.cpuUsage(used);
        process.send?.({
          ...(failure !== undefined && { failure }),
          processorMs: (user + system) / 1000,
          wallMs: performance.now() - began,
          memory: process.memoryUsage.rss(),
          covered,
        } satisfies Reply);
      });
    });
    process.send?.('ready');
    await once(process, 'disconnect');
  }
}

async function inEnvironment<T>(env: Order['env'], run: () => Promise<T>): Promise<T> {
  Object.assign(process.env, env);
  const result = await run();
  for (const name of Object.keys(env)) Reflect.deleteProperty(process.env, name);
  return result;
}

async function counting(positions: Order['positions'], run: () => Promise<void>): Promise<Counted> {
  if (positions === undefined) {
    await run();
    return {};
  }
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  await run();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  return Object.fromEntries(
    Object.entries(positions).map(([file, each]) => {
      const scripts = result.filter(({ url }) => url === pathToFileURL(file).href);
      return [file, coveredPositions(scripts, each)];
    }),
  );
}

// Jest loads a runner with `require`, which gives an export of this name as the module itself.
export { MutantRunner as 'module.exports' };
