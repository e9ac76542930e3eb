import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { BUNDLE, LICENSES, bundle } from './bundle.ts';

jest.setTimeout(60_000);

const ROOT = path.resolve(import.meta.dirname, '..');
let folder: string;
const built = (name: string): Promise<string> => readFile(path.join(folder, 'out', name), 'utf8');

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bundle-'));
  await bundle(ROOT, path.join(folder, 'out'));
}, 60_000);
afterAll(async () => {
  await rm(folder, { recursive: true });
});

test('the same source gives the same bytes in another folder', async () => {
  const elsewhere = path.join(folder, 'elsewhere');
  await cp(path.join(ROOT, 'src'), path.join(elsewhere, 'src'), { recursive: true });
  for (const name of ['package.json', 'tsconfig.json']) {
    await cp(path.join(ROOT, name), path.join(elsewhere, name));
  }
  await symlink(path.join(ROOT, 'node_modules'), path.join(elsewhere, 'node_modules'));
  await bundle(elsewhere, path.join(elsewhere, 'dist'));
  for (const name of [BUNDLE, LICENSES]) {
    const again = await readFile(path.join(elsewhere, 'dist', name), 'utf8');
    // The difference of two million characters would not be readable.
    expect(again === (await built(name))).toBe(true);
  }
});

test('it contains nothing of the machine it was built on', async () => {
  const text = await built(BUNDLE);
  for (const place of [ROOT, folder, homedir()]) expect(text.includes(place)).toBe(false);
});

test('it needs no other file', async () => {
  const out = path.join(folder, 'out');
  const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const run = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [BUNDLE, ...args], { cwd: out, env: {}, encoding: 'utf8' });
  expect(run('--version')).toBe(`${version}\n`);
  const sample = path.join(ROOT, 'config/samples/wordpress.yaml');
  expect(run('validate', '-f', sample)).toBe('valid: default\n');
});

test('the licences of its packages are next to it', async () => {
  const text = await built(LICENSES);
  for (const name of ['@kubernetes/client-node', '@dot-i/k8s-operator', 'zod', 'undici', 'pino']) {
    expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\((Apache-2\\.0|MIT)\\)$`, 'm'));
  }
  expect(text).toContain('Permission is hereby granted');
  expect(text).not.toContain('\r');
});
