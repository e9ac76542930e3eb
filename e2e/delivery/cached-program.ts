/** A program that comes in a package and is kept in the cache of the cluster's programs. */
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { cacheRoot } from '../local/build/binaries.ts';
import { withLock } from '../local/build/lock.ts';

/**
 * The path of the program. Another process that wants it waits until it is there.
 * @param name of the file in the cache, with the version
 * @param unpack downloads the package into an empty folder, and gives back the program's path there
 * @throws whatever `unpack` throws
 */
export async function cachedProgram(
  name: string,
  unpack: (work: string) => Promise<string>,
): Promise<string> {
  const program = path.join(cacheRoot(), name);
  if (await isThere(program)) return program;
  await withLock(`${program}-lock`, async () => {
    if (await isThere(program)) return;
    await mkdir(cacheRoot(), { recursive: true });
    const work = await mkdtemp(`${program}-`);
    try {
      await rename(await unpack(work), program);
    } finally {
      await rm(work, { recursive: true });
    }
  });
  return program;
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
