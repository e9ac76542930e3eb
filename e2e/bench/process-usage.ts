/** Reads the kernel's figures of a process (proc(5)). */
import { readFile } from 'node:fs/promises';

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
