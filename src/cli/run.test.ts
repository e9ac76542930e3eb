import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const MAIN = path.resolve(import.meta.dirname, '../main.ts');

/** Runs the operator, which ends before it reaches a cluster. */
function run(kubeconfig: string, ...args: readonly string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'run-'));
  const file = path.join(folder, 'config');
  writeFileSync(file, kubeconfig);
  const env = { PATH: process.env['PATH'], KUBECONFIG: file };
  try {
    return spawnSync(process.execPath, [MAIN, 'run', ...args], { env, encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('run names the line of a broken kubeconfig, and shows nothing of it', () => {
  const { status, stdout, stderr } = run('users:\n- name: u\n  user: {token: hunter2\n');
  expect(status).toBe(2);
  expect(stderr).toBe('clusterfirewall: the file that KUBECONFIG names is not YAML: see line 4, column 1\n');
  expect(stdout).not.toContain('hunter2');
});

test('run does not serve metrics to everybody', () => {
  const config = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    contexts: [{ name: 'x', context: { cluster: 'c' } }],
    'current-context': 'x',
  };
  const { status, stderr } = run(JSON.stringify(config), '--metrics-address', ':8443');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^clusterfirewall: --metrics-address: :8443 is not a loopback address: /);
});
