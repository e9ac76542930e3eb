import { spawn } from 'node:child_process';
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

test('render and validate load neither the Kubernetes client nor the logger', async () => {
  const listPackages = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({ resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      loaded.add(/node_modules\\/((@[^/]+\\/)?[^/]+)/.exec(resolved.url)?.[1]);
      return resolved;
    } });
    process.on('exit', () => console.error('packages:' + [...loaded].filter(Boolean).sort().join()));`;
  const hook = `data:text/javascript,${encodeURIComponent(listPackages)}`;
  for (const command of ['render', 'validate']) {
    const { stderr } = await start([command, '-f', sample], '', [`--import=${hook}`]);
    expect(/^packages:(.*)$/m.exec(stderr)?.[1]).toBe('commander,js-yaml,zod');
  }
});
