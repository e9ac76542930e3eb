/** What every sample becomes, for a person to read in a diff. `UPDATE_GOLDEN=1 make unit` writes them anew. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../../config/samples');
const GOLDEN = path.join(import.meta.dirname, 'golden');
const INVENTORY = path.join(GOLDEN, 'inventory.yaml');

const samples = readdirSync(SAMPLES).filter((name) => name.endsWith('.yaml'));

test.each(samples)('%s renders as its golden file says', async (name) => {
  const sample = path.join(SAMPLES, name);
  const { exitCode, stdout, stderr } = await runCommand(['render', '-f', sample, '--inventory', INVENTORY]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const golden = path.join(GOLDEN, name);
  if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(golden, stdout);
  expect(stdout).toBe(readFileSync(golden, 'utf8'));
});

test('no golden file is left over', () => {
  expect(readdirSync(GOLDEN).sort()).toEqual([...samples, path.basename(INVENTORY)].sort());
});
