/** The wall clock of one process, to be set at will. Its monotonic clock stays the machine's. */
import { access, readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface WallClock {
  /** Environment of the process that is to have this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** @param seconds ahead of the machine's clock; negative is behind. It shows within a second. */
  set(seconds: number): Promise<void>;
}

/** libfaketime, of Debian's package of that name, takes the time from a file. */
export async function createWallClock(file: string): Promise<WallClock> {
  const set = async (seconds: number): Promise<void> => {
    // It is read at any moment: never half of it.
    await writeFile(`${file}.new`, `${seconds < 0 ? '-' : '+'}${String(Math.abs(seconds))}\n`);
    await rename(`${file}.new`, file);
  };
  await set(0);
  const env = {
    LD_PRELOAD: await findLibrary(),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { env, set };
}

async function findLibrary(): Promise<string> {
  for (const triplet of await readdir('/usr/lib')) {
    const library = path.join('/usr/lib', triplet, 'faketime/libfaketimeMT.so.1');
    if (
      await access(library).then(
        () => true,
        () => false,
      )
    )
      return library;
  }
  throw new Error('clock jumps need libfaketime: apt-get install faketime');
}
