/** Reads the kernel's figures of a process (proc(5)). */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface MemoryUsage {
  /** Resident bytes now. */
  readonly rss: number;
  /** Resident bytes that no file backs. */
  readonly anonymous: number;
  /** Maximum of resident bytes so far. */
  readonly peak: number;
}

export async function memoryOf(pid: number): Promise<MemoryUsage> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string): number => {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (found === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
    return Number(found) * 1024;
  };
  return { rss: bytes('VmRSS'), anonymous: bytes('RssAnon'), peak: bytes('VmHWM') };
}

/** Clock ticks a second: USER_HZ, 100 on every architecture that Node supports. */
const USER_HZ = 100;

/** Seconds of CPU that all its threads have used, in user and kernel mode. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name, may contain blanks. It ends at the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / USER_HZ;
}

/** Milliseconds from the start of a command to its end. */
export interface Timed {
  readonly wall: number;
  /** Those that all cores have worked for it, in user and kernel mode. */
  readonly processor: number;
}

/** Runs a command, and drops what it prints. @throws Error where its exit code is not 0 */
export async function timed(command: string, argv: readonly string[]): Promise<Timed> {
  const began = performance.now();
  // The second line of `times` is that of the children.
  const script = '"$@" > /dev/null && times';
  const { stdout } = await run('/bin/sh', ['-c', script, 'sh', command, ...argv]);
  const wall = performance.now() - began;
  const times = (stdout.trim().split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g);
  const seconds = [...times].map(([, minutes, rest]) => Number(minutes) * 60 + Number(rest));
  if (seconds.length !== 2) throw new Error(`sh prints other times: ${stdout}`);
  return { wall, processor: seconds.reduce((a, b) => a + b) * 1000 };
}
