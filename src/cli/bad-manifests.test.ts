import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type Diagnostic, formatDiagnostic } from './manifests/diagnostics.ts';
import { runCommand } from './testing.ts';

const folder = join(import.meta.dirname, '../../e2e/bad-manifests');

const directive = (text: string, name: string): string | undefined =>
  new RegExp(`^# ${name}: ?(.*)$`, 'm').exec(text)?.[1];

const manifests = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort();

describe('validate refuses every bad manifest, and names the field and the remedy', () => {
  test('there are at least 60 of them', () => {
    expect(manifests.length).toBeGreaterThanOrEqual(60);
  });

  test.each(manifests)('%s', async (name) => {
    const file = join(folder, name);
    const text = readFileSync(file, 'utf8');
    const [path = '', message = ''] = (directive(text, 'expect') ?? '').split(' | ');
    const inventory = directive(text, 'inventory');
    const exitCode = Number(directive(text, 'exit') ?? 1);

    const ran = await runCommand([
      'validate',
      '-f',
      file,
      ...(inventory === undefined ? [] : ['--inventory', join(folder, inventory)]),
    ]);

    expect(message).not.toBe('');
    expect(ran.exitCode).toBe(exitCode);
    const start = path === '' ? '' : `${path}: `;
    const diagnostics = ran.stderr.split('\n').map((line) => line.replace(/^.*?\.yaml(:\d+)?: /, ''));
    expect(diagnostics.filter((each) => each.startsWith(start) && each.includes(message))).not.toEqual([]);
    expect(ran.stderr.startsWith(`${file}:`)).toBe(true);
    expect(ran.stderr).not.toMatch(/^\s+at /m);
  });

  test.each(manifests)('%s, and says the same in JSON', async (name) => {
    const file = join(folder, name);
    const source = readFileSync(file, 'utf8');
    const inventory = directive(source, 'inventory');
    const argv = [
      'validate',
      '-f',
      file,
      ...(inventory === undefined ? [] : ['--inventory', join(folder, inventory)]),
    ];
    const [text, json] = [await runCommand(argv), await runCommand([...argv, '--output', 'json'])];
    expect(json).toMatchObject({ exitCode: Number(directive(source, 'exit') ?? 1) });
    const { findings } = JSON.parse(json.stdout) as { findings: readonly Diagnostic[] };
    const lines = findings.map((finding) => formatDiagnostic(finding, (bold) => bold));
    expect(text.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('skipped '))).toEqual(
      lines,
    );
    for (const { reason } of findings) expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
  });
});
