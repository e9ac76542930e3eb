import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { withLock } from './lock.ts';

describe('a lock file', () => {
  let dir: string;
  let file: string;

  beforeEach(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'lock-'));
    file = path.join(dir, 'lock');
  });

  afterEach(() => rm(dir, { recursive: true }));

  test('is taken over from a dead process, and released', async () => {
    await writeFile(file, 'another-boot/1/1');
    await expect(withLock(file, () => Promise.resolve('done'))).resolves.toBe('done');
    expect(await readdir(dir)).toEqual([]);
  });

  test('is released when the work fails', async () => {
    await expect(withLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(dir)).toEqual([]);
  });

  test('lets one process in at a time', async () => {
    const order: string[] = [];
    const first = Promise.withResolvers<undefined>();
    const started = Promise.withResolvers<undefined>();
    const one = withLock(file, async () => {
      started.resolve(undefined);
      await first.promise;
      order.push('one');
    });
    await started.promise;
    const two = withLock(file, () => Promise.resolve(order.push('two')));
    first.resolve(undefined);
    await Promise.all([one, two]);
    expect(order).toEqual(['one', 'two']);
  });
});
