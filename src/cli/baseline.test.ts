import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const GOLDEN = join(import.meta.dirname, 'golden-baseline.txt');
const firewall = (nodes: string): string =>
  `apiVersion: clusterfirewall.io/v1alpha1\nkind: ClusterFirewall\nmetadata: { name: default }\nspec: { mode: Enforce, nodes: ${nodes} }\n`;
const stateOf = (stdout: string, entry: string): string | undefined =>
  stdout.split('\n').find((line) => line.startsWith(`${entry} `));

describe('baseline', () => {
  test('lists every entry, as in its golden file', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['baseline']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(GOLDEN, stdout);
    expect(stdout).toBe(readFileSync(GOLDEN, 'utf8'));
  });

  test('shows disabled entries and replaced ports of a manifest', async () => {
    const nodes =
      '{ mode: Enforce, baseline: { disable: [typha] }, services: [{ name: etcd, ports: [4001], override: true }] }';
    const { exitCode, stdout } = await runCommand(['baseline', '-'], { stdin: firewall(nodes) });
    expect(exitCode).toBe(0);
    expect(stateOf(stdout, 'typha')).toMatch(/^typha +off/);
    expect(stateOf(stdout, 'bgp')).toMatch(/^bgp +on/);
    expect(stateOf(stdout, 'etcd')).toContain('4001/TCP');
    expect(stateOf(stdout, 'nodes-to-nodes')).toContain('all but 4001/TCP 10250/TCP');
  });

  test.each([
    [firewall('{ mode: On }'), 'spec.nodes.mode'],
    [
      firewall('{ mode: Enforce }')
        .replace('name: default', 'name: team')
        .replace(/, nodes.*$/m, ' }'),
      'default',
    ],
  ])('reports the problems of a manifest', async (stdin, message) => {
    const { exitCode, stdout, stderr } = await runCommand(['baseline', '-'], { stdin });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});
