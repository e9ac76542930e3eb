import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PageData } from '../page/data.ts';
import { unpacked, type PackedData } from '../page/differences.ts';
import { hasPort, viewOf } from '../page/view.ts';
import { runCommand } from './testing.ts';

/** Relative, because the page shows them. */
const here = (file: string): string => path.relative(process.cwd(), path.join(import.meta.dirname, file));
const CLUSTER = here('questions/golden/cluster.yaml');
const FIREWALL = here('../../config/samples/wordpress.yaml');
const WITH_CLUSTER = ['-f', FIREWALL, '--inventory', CLUSTER];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clusterfirewall-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Page {
  readonly html: string;
  readonly data: PageData;
  readonly exitCode: number;
  readonly stderr: string;
}

async function pageOf(...argv: readonly string[]): Promise<Page> {
  const { stdout: html, exitCode, stderr } = await runCommand(['report', ...argv]);
  const packed = /id="data">([^<]*)</.exec(html)?.[1] ?? '';
  const text = inflateRawSync(Buffer.from(packed, 'base64')).toString();
  return { html, data: unpacked(JSON.parse(text) as PackedData), exitCode, stderr };
}

/** The cell of two ends, as lines of what the page shows. */
function cellOf(data: PageData, from: string, to: string): readonly string[] {
  const row = data.sources.findIndex(({ name }) => name === from);
  const column = data.destinations.findIndex(({ name }) => name === to);
  const content = data.contents[data.table[row]?.[column] ?? -1] ?? [];
  return content.map(([index, ...reasons]) => {
    const flow = data.flows[index];
    const why = reasons.map((reason) => data.reasons[reason]).join(' | ');
    return `${flow?.verdict ?? ''} ${flow?.ports.join(', ') ?? ''} ${flow?.where ?? ''}: ${why}`;
  });
}

describe('report', () => {
  test('has the ports of each cell, and the rules behind them with their lines', async () => {
    const { data, exitCode } = await pageOf(...WITH_CLUSTER);
    // The two pods behind a NodePort differ.
    expect(exitCode).toBe(3);
    expect(cellOf(data, 'wordpress/app=wordpress', 'wordpress/app=mariadb')).toEqual([
      'Allowed 3306/TCP : out of the pod: allowed by the rule default/blog/connections/db. It is at config/samples/wordpress.yaml:37, spec.namespaces[0].connections[0]. | into the pod: allowed by the rule default/blog/connections/db. It is at config/samples/wordpress.yaml:37, spec.namespaces[0].connections[0].',
      'Denied protocol 4, 4789/UDP : out of the pod: pods may not make tunnels.',
      'Denied everything else : out of the pod: no rule allows it, and the default deny closes the pod. It is at config/samples/wordpress.yaml:6, spec.defaults.',
    ]);
    expect(cellOf(data, 'wordpress/app=mariadb', 'wordpress/app=wordpress')).toEqual([
      'Denied protocol 4, 4789/UDP : out of the pod: pods may not make tunnels.',
      'Denied everything else : out of the pod: no rule allows it, and the default deny closes the pod. It is at config/samples/wordpress.yaml:6, spec.defaults.',
    ]);
    expect(cellOf(data, 'every node', 'wordpress/app=mariadb')).toEqual([
      'Allowed everything same node: a node reaches its own pods.',
      'Denied everything other nodes: into the pod: no rule allows it, and the default deny closes the pod. It is at config/samples/wordpress.yaml:6, spec.defaults.',
    ]);
    expect(data.sources.map(({ name }) => name)).toEqual([
      'world IPv4 but 169.254.20.10/32, 169.254.25.10/32, 169.254.169.254/32',
      '169.254.169.254/32',
      '169.254.20.10/32, 169.254.25.10/32',
      'every node',
      'ingress-nginx/name=ingress-nginx',
      'monitoring/app=prometheus',
      'wordpress/app=cache',
      'wordpress/app=mariadb',
      'wordpress/app=wordpress',
    ]);
    expect(data.about).toEqual([
      ['Cluster', 'src/cli/questions/golden/cluster.yaml'],
      ['Policies', 'as config/samples/wordpress.yaml would make them'],
      ['Staged policies', 'do nothing'],
      ['Made', '2026-01-01 00:00 UTC'],
    ]);
  });

  test('says the same as reach', async () => {
    const { data } = await pageOf(...WITH_CLUSTER);
    const { stdout } = await runCommand(['reach', '-o', 'json', ...WITH_CLUSTER]);
    const { rows } = JSON.parse(stdout) as {
      readonly rows: readonly Readonly<Record<'from' | 'to', { readonly name: string }>>[];
    };
    const pairs = new Set(rows.map(({ from, to }) => `${from.name} → ${to.name}`));
    const open = data.sources.flatMap((from) =>
      data.destinations.flatMap((to) =>
        cellOf(data, from.name, to.name).some((line) => !line.startsWith('Denied'))
          ? [`${from.name} → ${to.name}`]
          : [],
      ),
    );
    expect(pairs.size).toBeGreaterThan(10);
    expect(new Set(open)).toEqual(pairs);
  });

  test('only the chosen ends are in it', async () => {
    const { data } = await pageOf('--from', 'wordpress/blog', '--to', 'wordpress/mariadb-0', ...WITH_CLUSTER);
    expect([data.sources, data.destinations].map((each) => each.map(({ name }) => name))).toEqual([
      ['wordpress/app=wordpress'],
      ['wordpress/app=mariadb'],
    ]);
  });

  test('an end that matches nothing is no question', async () => {
    expect(await runCommand(['report', '--from', 'wordpress/none', ...WITH_CLUSTER])).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('the namespace has'),
    });
  });

  test('no name of the cluster is in the markup, and control characters are escaped', async () => {
    const evil = '</script><script>alert(1)</script>';
    const text = readFileSync(CLUSTER, 'utf8').replaceAll('name: cache-0', `name: "${evil}\\e[31m"`);
    const file = path.join(folder, 'evil.yaml');
    writeFileSync(file, text);
    const { html, data } = await pageOf('--inventory', file);
    expect(html).not.toContain('alert');
    expect(data.sources.flatMap(({ members }) => members)).toContain(`wordpress/${evil}\\u{1b}[31m`);
  });

  test('its policy allows the script and the style of the page, and nothing else', async () => {
    const { html } = await pageOf(...WITH_CLUSTER);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? '';
    const hashes = [...html.matchAll(/<(script|style)>(.*?)<\/\1>/gs)].map(
      ([, name = '', text = '']) =>
        `${name}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`,
    );
    expect(policy.split('; ').slice(0, 3)).toEqual(["default-src 'none'", hashes[1], hashes[0]]);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(html).not.toMatch(/\bstyle="|\bon\w+="|\b(?:src|href)="/);
  });
});

describe('the filter of the page', () => {
  test.each([
    ['80', '80/TCP', true],
    ['81', '80/TCP', false],
    ['80/udp', '80/TCP', false],
    ['80/t', '80/TCP', true],
    ['1500', '1024-2000/TCP', true],
    ['2001', '1024-2000/TCP', false],
    ['80', '80/TCP (from some source ports)', true],
    ['80', 'UDP', true],
    ['80', 'ICMP', false],
    ['80', 'other protocols', false],
    ['4', 'protocol 4', false],
    ['icmp', 'type 8/ICMP', true],
    ['80', 'everything', true],
    ['', 'ICMP', true],
  ])('port %j of %j: %s', (wanted, port, expected) => {
    expect(hasPort({ ports: [port] }, wanted)).toBe(expected);
  });

  test('ends are found by their members, and those without an open flow may be left out', async () => {
    const { data } = await pageOf(...WITH_CLUSTER);
    const names = (wanted: Partial<Parameters<typeof viewOf>[1]>): readonly string[] => {
      const { rows, columns, open } = viewOf(data, {
        from: '',
        to: '',
        port: '',
        openOnly: false,
        ...wanted,
      });
      const from = rows.map((row) => data.sources[row]?.name);
      const to = columns.map((column) => data.destinations[column]?.name);
      return [[...from, '→', ...to].join(' '), String(open)];
    };
    expect(names({ from: 'BLOG-', to: 'mariadb' })).toEqual([
      'wordpress/app=wordpress → wordpress/app=mariadb',
      '1',
    ]);
    expect(names({ from: 'app=', port: '3306' })).toEqual([
      'wordpress/app=wordpress → wordpress/app=mariadb',
      '1',
    ]);
    expect(names({ from: 'cache', openOnly: true })).toEqual([
      'wordpress/app=cache → 169.254.20.10/32, 169.254.25.10/32',
      '1',
    ]);
    expect(names({ from: 'nothing of that name', openOnly: true })).toEqual(['→', '0']);
  });
});
