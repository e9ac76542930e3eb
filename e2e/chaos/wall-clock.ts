/** The wall clock of one process, which tests can set. Its monotonic clock is still the machine's. */
import { access, readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface WallClock {
  /** Environment of the process that should use this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** @param seconds ahead of the machine's clock; negative is behind. It has an effect within a second. */
  set(seconds: number): Promise<void>;
}

/** libfaketime, from Debian's package of that name, reads the time from a file. */
export async function createWallClock(file: string): Promise<WallClock> {
  const set = async (seconds: number): Promise<void> => {
    // The file may be read at any moment, so it must never be incomplete.
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
