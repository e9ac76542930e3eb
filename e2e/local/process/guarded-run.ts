import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createRun, removeLeftovers, removeRun, type Run } from './run.ts';

const REAPER = fileURLToPath(new URL('reaper.ts', import.meta.url));

export interface GuardedRun {
  readonly run: Run;
  /** Removes the run. */
  readonly stop: () => Promise<void>;
}

/** A run that another process removes if this one dies. Leftovers of dead runs are removed first. */
export async function createGuardedRun(): Promise<GuardedRun> {
  await removeLeftovers();
  const run = await createRun();
  const reaper = startReaper(run);
  return {
    run,
    stop: async () => {
      await removeRun(run);
      await endReaper(reaper);
    },
  };
}

/** Runs until our end of its standard input closes. The kernel closes it whichever way we end. */
function startReaper(run: Run): ChildProcess {
  return spawn(process.execPath, [REAPER, run.dir], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}

async function endReaper(reaper: ChildProcess): Promise<void> {
  if (reaper.exitCode !== null || reaper.signalCode !== null) return;
  reaper.kill('SIGKILL');
  await once(reaper, 'exit');
}
