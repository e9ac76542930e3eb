import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { findCommand } from '../process/prerequisites.ts';

export interface GoBuild {
  /** Folder with go.mod. */
  readonly sources: string;
  readonly packages: readonly string[];
  /** Folder for the programs. */
  readonly out: string;
  /** For the progress lines. */
  readonly what: string;
}

/** Without a version of its own, kubectl and kube-apiserver call themselves v0.0.0. */
const LINKER_FLAGS = '-s -w -X k8s.io/component-base/version.gitVersion=v1.35.4';
const PROGRESS_EVERY = 10_000;
const ERROR_LINES = 40;

/** Felix's BPF code needs C libraries unless cgo is off. */
export function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };
}

/**
 * Builds programs, and reports progress on standard error.
 * @throws with the last lines of Go's output
 */
export async function build({ sources, packages, out, what }: GoBuild): Promise<void> {
  const progress = startProgress(what);
  try {
    await go(sources, ['list', '-deps', ...packages], progress);
    const flags = ['-v', '-trimpath', '-ldflags', LINKER_FLAGS, '-o', `${out}/`];
    await go(sources, ['build', ...flags, ...packages], progress);
    progress.done();
  } finally {
    progress.stop();
  }
}

async function go(cwd: string, args: readonly string[], progress: Progress): Promise<void> {
  const file = (await findCommand('go')) ?? 'go';
  const child = spawn(file, args, { cwd, env: goEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const errors: string[] = [];
  createInterface({ input: child.stdout }).on('line', progress.listed);
  createInterface({ input: child.stderr }).on('line', (line) => {
    errors.push(line);
    progress.onLine(line);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`go ${args.join(' ')} failed:\n${errors.slice(-ERROR_LINES).join('\n')}`);
}

interface Progress {
  /** A line of `go list -deps`: a package that will be compiled unless Go's cache has it. */
  readonly listed: () => void;
  /**
   * A line that Go prints in addition to its output: with -v one for each compiled package, and one for each
   * module that it downloads.
   */
  readonly onLine: (line: string) => void;
  readonly done: () => void;
  readonly stop: () => void;
}

function startProgress(what: string): Progress {
  const started = performance.now();
  const count = { listed: 0, downloaded: 0, compiled: 0 };
  const tell = (state: string): void => {
    process.stderr.write(`  ${((performance.now() - started) / 1000).toFixed(0)} s: ${state}\n`);
  };
  process.stderr.write(`building ${what} from source (only this once; several minutes on two cores)\n`);
  const timer = setInterval(() => {
    if (count.listed === 0) tell(`${count.downloaded} modules downloaded`);
    else tell(`${count.compiled} of at most ${count.listed} packages compiled`);
  }, PROGRESS_EVERY);
  return {
    listed: () => {
      count.listed += 1;
    },
    onLine: (line) => {
      if (line.startsWith('go: downloading')) count.downloaded += 1;
      else count.compiled += 1;
    },
    done: () => {
      tell(`built ${what}`);
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}
