import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';

const main = join(import.meta.dirname, 'main.ts');
const sample = join(import.meta.dirname, '../config/samples/wordpress.yaml');
const bad = join(import.meta.dirname, '../e2e/bad-manifests/001-cidr-host-bits.yaml');

async function start(argv: readonly string[], stdin = '', nodeOptions: readonly string[] = []) {
  const child = spawn(process.execPath, [...nodeOptions, main, ...argv], { stdio: 'pipe' });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { exitCode, stdout, stderr };
}

test('exit codes and streams are those of a process', async () => {
  const refused = await start(['validate', '-f', bad]);
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toContain('has host bits');
  const rendered = await start(['render', '-f', sample]);
  expect(rendered.exitCode).toBe(0);
  expect(rendered.stdout).toMatch(/^---\napiVersion: projectcalico\.org\/v3\n/);
});

test('standard input is read to its end', async () => {
  const { exitCode, stderr } = await start(['validate', '-f', '-'], 'kind: Pod\n');
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: '<stdin>:1: kind: is "Pod": only ClusterFirewall of clusterfirewall.io/v1alpha1 belongs here\n',
  });
});

test('a reader that stops early is no error', async () => {
  const child = spawn(process.execPath, [main, 'render', '-f', sample], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const errors = await buffer(child.stderr);
  expect(errors.toString()).not.toMatch(/EPIPE|^\s+at /m);
});

/** The first group of a pattern, in the URL of each module that a command loads. */
async function loadedBy(argv: readonly string[], pattern: RegExp): Promise<readonly string[]> {
  const listModules = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({ resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      loaded.add(${String(pattern)}.exec(resolved.url)?.[1]);
      return resolved;
    } });
    process.on('exit', () => console.error('loaded:' + [...loaded].filter(Boolean).sort().join()));`;
  const hook = `data:text/javascript,${encodeURIComponent(listModules)}`;
  const { stderr } = await start(argv, '', [`--import=${hook}`]);
  return /^loaded:(.*)$/m.exec(stderr)?.[1]?.split(',') ?? [];
}

test.each(['render', 'validate'])(
  '%s loads neither the Kubernetes client nor the logger',
  async (command) => {
    const packages = await loadedBy([command, '-f', sample], /node_modules\/((@[^/]+\/)?[^/]+)/);
    expect(packages).toEqual(['commander', 'js-yaml', 'zod']);
  },
);

test('validate loads the simulator only where something has assertions', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clusterfirewall-'));
  const inventory = join(folder, 'cluster.yaml');
  const cluster = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'wordpress' } },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } },
  ];
  const pods = (name: string): object => ({ pod: { namespace: name, namespaceLabels: {}, labels: {} } });
  const assertion = { name: 'it', from: pods('a'), to: pods('b'), ports: [80], expect: 'Denied' };
  const stored = {
    ...{ apiVersion: 'clusterfirewall.io/v1alpha1', kind: 'ClusterFirewall', metadata: { name: 'default' } },
    spec: { mode: 'Observe', namespaces: [], assertions: [assertion] },
  };
  const isLoadedWith = async (...objects: readonly object[]): Promise<boolean> => {
    writeFileSync(inventory, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    const rooms = await loadedBy(
      ['validate', '-f', sample, '--inventory', inventory],
      /\/src\/(simulator|assertions|compiler)\//,
    );
    expect(rooms).toContain('compiler');
    return rooms.includes('simulator') || rooms.includes('assertions');
  };
  const found = [await isLoadedWith(...cluster), await isLoadedWith(...cluster, stored)];
  rmSync(folder, { recursive: true });
  expect(found).toEqual([false, true]);
});
