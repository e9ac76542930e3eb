/**
 * Every sample, rendered, for a person to read in a diff. The samples for nodes share most of their objects:
 * one of them has a whole golden file, and the others have their difference from it. `UPDATE_GOLDEN=1 make
 * unit` writes all of them anew.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { createTwoFilesPatch } from 'diff';
import { runCommand } from './testing.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../../config/samples');
const GOLDEN = path.join(import.meta.dirname, 'golden');
const INVENTORY = path.join(GOLDEN, 'inventory.yaml');
/** The golden file that the differences are taken from. */
const BASE = 's08-zone-public.yaml';

const samples = readdirSync(SAMPLES).filter((name) => name.endsWith('.yaml'));
const isDifference = (name: string): boolean =>
  name !== BASE && /^ {2}nodes:$/m.test(readFileSync(path.join(SAMPLES, name), 'utf8'));
const goldenOf = (name: string): string => (isDifference(name) ? name.replace(/yaml$/, 'diff') : name);

async function render(name: string): Promise<string> {
  const sample = path.join(SAMPLES, name);
  const { exitCode, stdout, stderr } = await runCommand(['render', '-f', sample, '--inventory', INVENTORY]);
  const others = stderr
    .split('\n')
    .filter(
      (line) => line !== '' && !/^(pods|nodes): |does not exist yet|is exempt: |matches no node/.test(line),
    );
  expect({ exitCode, others }).toEqual({ exitCode: 0, others: [] });
  return stdout;
}

test.each(samples)('%s renders as in its golden file', async (name) => {
  const rendered = await render(name);
  const text = isDifference(name) ? createTwoFilesPatch(BASE, name, await render(BASE), rendered) : rendered;
  const golden = path.join(GOLDEN, goldenOf(name));
  if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});

test('no golden file is left over', () => {
  expect(readdirSync(GOLDEN).sort()).toEqual([...samples.map(goldenOf), path.basename(INVENTORY)].sort());
});
