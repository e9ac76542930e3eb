import { readFile } from 'node:fs/promises';
import os from 'node:os';

/** The facts that affect the figures, in one line, without anything that identifies the machine. */
export async function machine(): Promise<string> {
  const memory = Math.round(os.totalmem() / 1024 ** 3);
  const [load] = (await readFile('/proc/loadavg', 'utf8')).split(' ');
  return `${os.availableParallelism()} cores, ${memory} GiB of memory, Linux ${kernel()}, Node ${process.version}; load when it began ${load ?? '?'}`;
}

const kernel = (): string => os.release().split('.').slice(0, 2).join('.');
