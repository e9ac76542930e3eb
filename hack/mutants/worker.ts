/** A copy of the tree, and a process of Jest that stays warm in it. The tree itself is only read. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { usedUp } from './limit.ts';
import type { Limit } from './limit.ts';
import type { Order, Reply } from './runner.ts';

/** In bytes. Every test file loads its modules again, and Node frees them late. */
const MOST_MEMORY = 1.5e9;
const START_LIMIT: Limit = { processorMs: 60_000, idleMs: 60_000, wallMs: 30 * 60_000 };
/** Longer than any test takes, because the limit of a run already ends a test that hangs. */
const TEST_TIMEOUT_MS = 60 * 60_000;
/** These are not copied: packages are linked, and no test reads the others. */
const LEFT_OUT = ['node_modules', '.git', 'dist', 'coverage'];

export type Ended = Reply | 'timed out' | 'crashed';

export class Worker {
  readonly #folder: string;
  readonly #tests: readonly string[];
  #jest: ChildProcess | undefined;

  private constructor(folder: string, tests: readonly string[]) {
    this.#folder = folder;
    this.#tests = tests;
  }

  /**
   * @param root  the tree
   * @param folder  where its copy goes
   * @param tests  the test files that it may be asked to run, relative to the tree like all files here
   */
  static async create(root: string, folder: string, tests: readonly string[]): Promise<Worker> {
    const isCopied = (file: string): boolean => !LEFT_OUT.includes(path.relative(root, file));
    await cp(root, folder, { recursive: true, filter: isCopied });
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    return new Worker(folder, tests);
  }

  async write(file: string, text: string): Promise<void> {
    await writeFile(path.join(this.#folder, file), text);
  }

  /** @throws Error when Jest does not start */
  async run(order: Order, limit: Limit): Promise<Ended> {
    const isFresh = this.#jest === undefined;
    const ended = await this.#runOnce(order, limit);
    // An earlier run may have left something that ends the process: a fresh process decides.
    return ended === 'crashed' && !isFresh ? this.#runOnce(order, limit) : ended;
  }

  /** The process is killed at once, and has ended afterwards. */
  async stop(): Promise<void> {
    const jest = this.#jest;
    this.#jest = undefined;
    if (jest?.kill('SIGKILL') === true) await once(jest, 'exit');
  }

  async #runOnce(order: Order, limit: Limit): Promise<Ended> {
    if (this.#jest === undefined) {
      this.#jest = this.#start();
      const started = await nextOf(this.#jest, START_LIMIT);
      if (started !== 'ready') throw new Error(`Jest does not start: ${String(started)}`);
    }
    this.#jest.send(order);
    const ended = (await nextOf(this.#jest, limit)) as Ended;
    if (typeof ended === 'string' || ended.memory > MOST_MEMORY) await this.stop();
    return ended;
  }

  #start(): ChildProcess {
    const here = path.join(this.#folder, 'hack/mutants');
    return fork(
      path.join(this.#folder, 'node_modules/jest/bin/jest.js'),
      [
        ...['--selectProjects', 'unit', '--runInBand', '--silent'],
        ...['--runner', path.join(here, 'runner.ts'), '--env', path.join(here, 'environment.ts')],
        ...['--cacheDirectory', path.join(this.#folder, '.jest'), '--testTimeout', String(TEST_TIMEOUT_MS)],
        ...['--runTestsByPath', ...this.#tests],
      ],
      {
        cwd: this.#folder,
        // Orders set these, and only for test files with properties.
        env: { ...process.env, FUZZ_RUNS: undefined, SEED: undefined },
        execArgv: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      },
    );
  }
}

/** The next message of a process, or how it ended. */
async function nextOf(child: ChildProcess, limit: Limit): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message as unknown),
      once(child, 'exit', { signal }).then(() => 'crashed'),
      usedUp(child.pid ?? 0, limit, signal).then(() => 'timed out'),
    ]);
  } finally {
    over.abort();
  }
}
