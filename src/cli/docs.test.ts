/** Every ClusterFirewall in the guides is valid, and says nothing that has no effect. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const DOCS = join(import.meta.dirname, '../../docs');

const manifestsOf = (name: string): readonly string[] =>
  [...readFileSync(join(DOCS, name), 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)]
    .map(([, block = '']) => block)
    .filter((block) => block.includes('kind: ClusterFirewall'));

describe.each([
  ['migrate.md', 3],
  ['first-enforce.md', 2],
])('docs/%s', (name, count) => {
  const blocks = manifestsOf(name);

  test('has manifests', () => {
    expect(blocks).toHaveLength(count);
  });

  test.each(blocks.map((block, index) => [index + 1, block] as const))('manifest %d', async (_, stdin) => {
    const { exitCode, stderr } = await runCommand(['validate', '-', '--strict'], { stdin });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});

describe('moving from HostEndpoints', () => {
  const own = (kind: string, name: string, spec: string): string =>
    `apiVersion: projectcalico.org/v3\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
  const node = (name: string, role: string): string =>
    `apiVersion: v1\nkind: Node\nmetadata: { name: ${name}, labels: { kubernetes.io/hostname: ${name}, ${role}: '' } }\nstatus: { addresses: [{ type: InternalIP, address: 10.0.0.${name.slice(-1)} }] }\n`;
  const [, manifest = ''] = manifestsOf('migrate.md');
  const obstacles = async (selector: string, firewall: string): Promise<readonly string[]> => {
    const cluster = [
      node('w1', 'node-role.kubernetes.io/control-plane'),
      node('w2', 'worker'),
      ...['w1', 'w2'].map((name) =>
        own('HostEndpoint', `${name}-eth0`, `{ node: ${name}, interfaceName: eth0 }`),
      ),
      own(
        'GlobalNetworkPolicy',
        'perimeter',
        `{ preDNAT: true, applyOnForward: true, selector: "${selector}" }`,
      ),
    ].join('---\n');
    const folder = mkdtempSync(join(tmpdir(), 'docs-'));
    try {
      writeFileSync(join(folder, 'cluster.yaml'), cluster);
      writeFileSync(join(folder, 'firewall.yaml'), firewall);
      const [file, inventory] = [join(folder, 'firewall.yaml'), join(folder, 'cluster.yaml')];
      const ran = await runCommand(['validate', file, '--inventory', inventory, '-o', 'json']);
      expect(ran.exitCode).toBe(0);
      const { findings } = JSON.parse(ran.stdout) as { findings: readonly { readonly reason: string }[] };
      return findings.map(({ reason }) => reason);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const narrowed =
    'has(kubernetes.io/hostname) && !has(clusterfirewall.io/gate) && !has(clusterfirewall.io/lo)';

  test('names both kinds of obstacles, and none once the steps are taken', async () => {
    const unprepared = manifest.replace(/^ {2}acceptForeign: .*$/m, '');
    const both = ['ForeignPolicySelectsHosts', 'EndpointConflict'];
    expect(await obstacles('has(kubernetes.io/hostname)', unprepared)).toEqual(both);
    expect(await obstacles(narrowed, manifest)).toEqual([]);
  });
});
