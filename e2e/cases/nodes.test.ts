/** Cases about nodes: what each manifest becomes, and whom it lets in. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { playCase } from './case.ts';

const folder = join(import.meta.dirname, 'nodes');
const inventory = join(folder, 'inventory.yaml');
const files = readdirSync(folder).filter((name) => /^\d/.test(name));

test.each(files)('%s', async (name) => {
  const { expectation, warns, diagnostics, verdicts } = await playCase(join(folder, name), inventory);
  const [word] = /^(as written|refused)/.exec(expectation) ?? [];
  const of = (wanted: string) => diagnostics.filter(({ severity }) => severity === wanted);
  expect(word).toBeDefined();
  if (word === 'refused') {
    expect(of('problem')).not.toEqual([]);
    return;
  }
  expect(of('problem')).toEqual([]);
  expect(of('warning')).toEqual(
    warns.map(([path, message]) =>
      expect.objectContaining({ path, message: expect.stringContaining(message) }),
    ),
  );
  expect(verdicts).not.toEqual([]);
  expect(verdicts.filter(({ wanted, seen }) => wanted !== seen)).toEqual([]);
});
