/** The command line as one file. It needs no Node, no packages and no home folder. */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { buildExecutables } from '../../hack/executables.ts';
import { VERSION } from '../../src/cli/version.ts';
import { prepareBinaries } from '../local/build/binaries.ts';

const run = promisify(execFile);
const SAMPLE = path.resolve(import.meta.dirname, '../../config/samples/wordpress.yaml');

// Nothing here is quick on a machine that is busy with other tests.
jest.setTimeout(300_000);

let folder: string;
/** Called as kubectl looks for plugins. */
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'executable-test-'));
  const [file = ''] = await buildExecutables(
    [process.arch === 'arm64' ? 'linux-arm64' : 'linux-amd64'],
    folder,
  );
  program = path.join(folder, 'kubectl-clusterfirewall');
  await rename(file, program);
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
