import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { inNamespace } from './netns.ts';
import { SYSTEM_PATH } from './prerequisites.ts';
import type { Run } from './run.ts';

export interface ChildSpec {
  /** Names the log file. */
  readonly name: string;
  readonly namespace: string;
  readonly file: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A process inside a namespace of the run. Its output goes to the run's logs. */
export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves to how it ended. */
  readonly ended: Promise<string>;
  /** Rejects, with the end of its log, when it ends. */
  readonly failed: Promise<never>;
  /** The last lines of its log, under a heading. */
  tail(): Promise<string>;
}

const TAIL_BYTES = 4096;

type Stream = 'ignore' | 'pipe' | 'ipc' | 'log';

/**
 * Starts it in a process group of its own, so Ctrl-C in a terminal reaches only the process that stops it in
 * order.
 */
export function startChild(
  run: Run,
  spec: ChildSpec,
  stdio: readonly Stream[] = ['ignore', 'log', 'log'],
): Child {
  const logFile = path.join(run.dir, 'logs', `${spec.name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn('ip', inNamespace(spec.namespace, spec.file, spec.args ?? []), {
    cwd: run.dir,
    detached: true,
    env: { PATH: SYSTEM_PATH, ...spec.env },
    stdio: stdio.map((stream) => (stream === 'log' ? log : stream)),
  });
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      resolve(signal ?? `exit code ${code}`);
    });
  });
  const tail = async (): Promise<string> => `${logFile}:\n${await readTail(logFile)}`;
  const failed = ended.then(async (how) =>
    Promise.reject(new Error(`${spec.name} ended: ${how}\n${await tail()}`)),
  );
  failed.catch(() => undefined);
  return { name: spec.name, process: child, ended, failed, tail };
}

async function readTail(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
