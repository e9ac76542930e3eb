import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processIdentity, sameProcess } from '../process/identity.ts';

/** Runs `work` while no other process holds the lock file. A lock whose holder died counts as free. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true });
  await acquire(file);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function acquire(file: string): Promise<void> {
  const mine = await processIdentity(process.pid);
  let reported = false;
  while (!(await take(file, mine))) {
    const holder = await readFile(file, 'utf8').catch(() => '');
    if (holder !== '' && !(await sameProcess(holder))) {
      await rm(file, { force: true });
      continue;
    }
    if (!reported) process.stderr.write(`waiting for another process that builds (${file})\n`);
    reported = true;
    await delay(200);
  }
}

async function take(file: string, identity: string): Promise<boolean> {
  try {
    await writeFile(file, identity, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
