/** The command line as one file. It needs no Node, no packages and no home folder. */
import { execFile } from 'node:child_process';
import { link, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { buildExecutables } from '../../hack/executables.ts';
import { krewPlugin } from '../../hack/krew.ts';
import { VERSION } from '../../src/cli/version.ts';
import { prepareBinaries } from '../local/build/binaries.ts';

const run = promisify(execFile);
const SAMPLE = path.resolve(import.meta.dirname, '../../config/samples/wordpress.yaml');

// Nothing here is quick on a machine that is busy with other tests.
jest.setTimeout(300_000);

const TARGET = process.arch === 'arm64' ? 'linux-arm64' : 'linux-amd64';

let folder: string;
/** Called as kubectl looks for plugins. */
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'executable-test-'));
  const [file = ''] = await buildExecutables([TARGET], folder);
  program = path.join(folder, 'kubectl-clusterfirewall');
  await link(file, program);
}, 300_000);

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test('it validates and renders with an empty environment', async () => {
  const validated = await run(program, ['validate', SAMPLE], { env: {}, cwd: '/' });
  expect(validated.stdout).toBe('valid: default\n');
  const rendered = await run(program, ['render', SAMPLE], { env: {}, cwd: '/', maxBuffer: 2 ** 24 });
  expect(rendered.stdout).toContain('kind: GlobalNetworkPolicy');
  expect(rendered.stderr).not.toContain('Warning');
});

test('an error is a line and an exit code', async () => {
  await expect(run(program, ['validate', '/nowhere.yaml'], { env: {} })).rejects.toMatchObject({
    code: 2,
    stderr: '/nowhere.yaml: there is no such file\n',
  });
});

test('kubectl finds it as a plugin', async () => {
  const binaries = await prepareBinaries(['kubectl']);
  const args = ['clusterfirewall', '--version'];
  const { stdout } = await run(binaries.path('kubectl'), args, { env: { PATH: folder } });
  expect(stdout).toBe(`${VERSION}\n`);
});

test('krew installs it by the manifest, and refuses an archive with another checksum', async () => {
  const binaries = await prepareBinaries(['krew', 'kubectl']);
  // One for another platform, which krew must not take.
  await writeFile(path.join(folder, 'kubectl-clusterfirewall-windows-amd64.exe'), 'no program');
  const manifest = await krewPlugin(folder, 'https://registry.example/clusterfirewall');
  const archive = path.join(folder, `kubectl-clusterfirewall-${TARGET}.tar.gz`);
  const root = path.join(folder, 'krew');
  const env = { KREW_ROOT: root, KREW_NO_UPGRADE_CHECK: '1', HOME: folder, PATH: process.env['PATH'] };
  const install = (file: string) =>
    run(binaries.path('krew'), ['install', '--manifest', file, '--archive', archive], { env });

  const wrong = path.join(folder, 'wrong.yaml');
  await writeFile(wrong, (await readFile(manifest, 'utf8')).replaceAll(/sha256: ../g, 'sha256: 00'));
  await expect(install(wrong)).rejects.toMatchObject({ stderr: expect.stringContaining('checksum') });

  await install(manifest);
  const args = ['clusterfirewall', '--version'];
  const { stdout } = await run(binaries.path('kubectl'), args, { env: { PATH: path.join(root, 'bin') } });
  expect(stdout).toBe(`${VERSION}\n`);
});
