import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const folder = join(import.meta.dirname, '../../config/samples');
const samples = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');

test.each(samples)('config/samples/%s is valid', async (name) => {
  const ran = await runCommand(['validate', '-f', join(folder, name)]);
  expect(ran.stderr.split('\n').filter((line) => line !== '' && !line.includes(': warning: '))).toEqual([]);
  expect(ran.exitCode).toBe(0);
});
