/** Runs a command line in this process, as main.ts would, and keeps its output. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll } from '@jest/globals';
import type { Transport } from '../cluster/http/transport.ts';
import { main } from './program.ts';

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunSettings {
  readonly stdin?: string;
  readonly color?: boolean;
  /** The cluster. Without it there is no kubeconfig. */
  readonly transport?: Transport;
  readonly date?: Date;
  /** The answer at the terminal. Without it nobody is there. */
  readonly answer?: string;
  /** Does the work of an operator once. */
  readonly operate?: () => Promise<void>;
}

export async function runCommand(
  argv: readonly string[],
  {
    stdin = '',
    color = false,
    transport,
    answer,
    operate = () => Promise.resolve(),
    date = new Date(Date.UTC(2026, 0, 1)),
  }: RunSettings = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const exitCode = await main(argv, {
    stdin: () => Promise.resolve(new TextEncoder().encode(stdin)),
    stdinParts: () => Readable.from([Buffer.from(stdin)]),
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    connect: () =>
      transport === undefined
        ? Promise.reject(
            new Error('no kubeconfig found: set KUBECONFIG, or run in a pod with a ServiceAccount token'),
          )
        : Promise.resolve({
            transport,
            server: 'https://api.example:6443',
            close: () => Promise.resolve(),
            operate: async () => {
              await operate();
              return { stop: () => Promise.resolve(), trouble: () => undefined };
            },
          }),
    date: () => date,
    save: (file, bytes) => writeFile(file, bytes, { flag: 'wx' }),
    ask: () => Promise.resolve(answer),
    color,
  });
  return { exitCode, stdout, stderr };
}

/** Writes files for the tests of a file into a folder that is removed after them, and returns their paths. */
export function temporaryFiles(): (name: string, content: string) => string {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'clusterfirewall-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  return (name, content) => {
    const named = path.join(folder, name);
    writeFileSync(named, content);
    return named;
  };
}
