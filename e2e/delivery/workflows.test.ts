/** The workflows of GitHub, checked without running them. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, jest, test } from '@jest/globals';
import { prepareBinaries } from '../local/build/binaries.ts';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '../..');
const WORKFLOWS = path.join(ROOT, '.github/workflows');

jest.setTimeout(120_000);

let actionlint: string;

beforeAll(async () => {
  actionlint = (await prepareBinaries(['actionlint'])).path('actionlint');
}, 600_000);

/** Its own checks; it knows nothing of shells. */
const check = (...args: readonly string[]) =>
  run(actionlint, ['-no-color', '-shellcheck=', '-pyflakes=', ...args], { cwd: ROOT });

test.each(readdirSync(WORKFLOWS))('%s is a workflow', async (file) => {
  expect(await check(path.join(WORKFLOWS, file))).toMatchObject({ stdout: '' });
});

test('a workflow with a mistake is refused', async () => {
  const checked = check('-stdin-filename', 'wrong.yaml', '-');
  checked.child.stdin?.end(
    'on: push\njobs: { a: { runs-on: ubuntu-latest, steps: [{ run: "${{ nothing.here }}" }] } }\n',
  );
  await expect(checked).rejects.toMatchObject({
    stdout: expect.stringContaining('undefined variable "nothing"'),
  });
});
