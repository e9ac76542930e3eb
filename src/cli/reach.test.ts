import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const GOLDEN = path.join(import.meta.dirname, 'questions/golden');
const CLUSTER = path.join(GOLDEN, 'cluster.yaml');
/** Relative, because the length of a path decides where lines break. */
const FIREWALL = path.relative(process.cwd(), path.join(ROOT, 'config/samples/wordpress.yaml'));
const WITH_CLUSTER = ['--inventory', CLUSTER];

let folder: string;
const file = (name: string, content: string): string => {
  const named = path.join(folder, name);
  writeFileSync(named, content);
  return named;
};
/** The sample with a change. */
const changed = (name: string, from: string, to: string): string => {
  const text = readFileSync(FIREWALL, 'utf8');
  expect(text).toContain(from);
  return file(name, text.replace(from, to));
};
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clusterfirewall-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function asGolden(name: string, argv: readonly string[]): Promise<number> {
  const ran = await runCommand(argv);
  const text = ran.stdout.replaceAll(`${ROOT}/`, '').replaceAll(`${folder}/`, '');
  const golden = path.join(GOLDEN, name);
  if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, 'utf8'));
  return ran.exitCode;
}

describe('reach', () => {
  test.each([
    ['reach-from.txt', ['--from', 'wordpress/blog']],
    ['reach-to.txt', ['--to', 'wordpress/mariadb-0']],
    ['reach-from-world.txt', ['--from', 'world']],
    ['reach-from.csv', ['--from', 'wordpress/blog', '-o', 'csv']],
    ['reach-to.mermaid', ['--to', 'wordpress/cache-0', '-o', 'mermaid']],
  ])('%s', async (name, argv) => {
    expect(await asGolden(name, ['reach', ...argv, '-f', FIREWALL, ...WITH_CLUSTER])).toBe(0);
  });

  test('answers in a cluster with more pairs of ends than report takes', async () => {
    const meta = (name: string): object => ({ namespace: 'shop', name });
    const objects = [...Array(650).keys()].flatMap((number) => {
      const labels = { number: String(number) };
      const name = `pod-${String(number)}`;
      const ingress = [{ from: [{ podSelector: { matchLabels: { number: String(number + 1) } } }] }];
      return [
        {
          ...{ apiVersion: 'v1', kind: 'Pod', metadata: { ...meta(name), labels } },
          spec: { nodeName: 'worker' },
          status: { podIPs: [{ ip: `10.0.${String(number >> 8)}.${String(number & 255)}` }] },
        },
        {
          ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: meta(name) },
          spec: { podSelector: { matchLabels: labels }, policyTypes: ['Ingress'], ingress },
        },
      ];
    });
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker' } };
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [namespace, node, ...objects] });
    const cluster = ['--inventory', file('large.json', list)];
    const { exitCode, stdout } = await runCommand(['reach', '-o', 'csv', ...cluster]);
    expect(exitCode).toBe(0);
    const between = stdout.split('\n').filter((line) => /^shop\/pod-\d+,shop\/pod-\d+,/.test(line));
    expect(between).toHaveLength(649);
    expect(between).toContain(
      'shop/pod-8,shop/pod-7,anywhere,IPv4,ICMP TCP 0-4788/UDP 4790-65535/UDP SCTP other protocols,,shop/pod-8,shop/pod-7',
    );
    const { exitCode: refused, stderr } = await runCommand(['report', ...cluster]);
    expect([refused, stderr]).toEqual([2, expect.stringContaining('choose some with --from and --to')]);
  });

  test('agrees with explain about each of its rows', async () => {
    const { stdout } = await runCommand(['reach', '-o', 'json', '-f', FIREWALL, ...WITH_CLUSTER]);
    const { rows } = JSON.parse(stdout) as {
      readonly rows: readonly Record<
        'from' | 'to',
        { readonly kind: string; readonly members: readonly string[] }
      >[];
    };
    const pairs = rows.filter(({ from, to }) => from.kind === 'pods' && to.kind === 'pods');
    expect(pairs.length).toBeGreaterThan(2);
    for (const row of pairs) {
      const [from = '', to = ''] = [row.from.members[0], row.to.members[0]];
      const ports = (row as unknown as { allowed: string[] }).allowed.filter((port) =>
        /^\d+\/(?:TCP|UDP)$/.test(port),
      );
      for (const port of ports.slice(0, 2)) {
        const asked = await runCommand(['explain', from, to, port, '-f', FIREWALL, ...WITH_CLUSTER]);
        expect({ from, to, port, exitCode: asked.exitCode }).toEqual({
          from,
          to,
          port,
          exitCode: from === to ? asked.exitCode : 0,
        });
      }
    }
  });

  test('an end that matches nothing lists what there is', async () => {
    const ran = await runCommand(['reach', '--from', 'wordpress/none', ...WITH_CLUSTER]);
    expect(ran).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('the namespace has') });
  });

  test('no cell of a spreadsheet begins a formula, and no name ends a label of mermaid', async () => {
    const odd = readFileSync(CLUSTER, 'utf8').replaceAll('name: cache-0', 'name: "=x\\"]-->y"');
    const inventory = ['--inventory', file('odd.yaml', odd)];
    const csv = await runCommand(['reach', '--to', 'node:worker1', '-o', 'csv', ...inventory]);
    expect(csv.stdout).not.toMatch(/^=|,=/m);
    const mermaid = await runCommand(['reach', '--to', 'node:worker1', '-o', 'mermaid', ...inventory]);
    expect(mermaid.stdout).not.toContain('"]-->y');
  });
});

describe('diff', () => {
  const DB = 'ports: [3306]';

  test.each([
    ['opens', 'ports: [3306, 5432]'],
    // One port closes, and another opens, so the widening decides.
    ['moves', 'ports: [33060]'],
  ])('a change that %s', async (name, ports) => {
    const argv = ['diff', FIREWALL, changed(`${name}.yaml`, DB, ports), ...WITH_CLUSTER];
    expect(await asGolden(`diff-${name}.txt`, argv)).toBe(4);
    expect(await asGolden(`diff-${name}-markdown.txt`, [...argv, '-o', 'markdown'])).toBe(4);
  });

  test('no change is no difference, and exit code 0', async () => {
    const ran = await runCommand([
      'diff',
      FIREWALL,
      changed('same.yaml', 'kind:', '# same\nkind:'),
      ...WITH_CLUSTER,
    ]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: 'no difference\n' });
  });

  test('a rule that is gone only closes: exit code 1', async () => {
    const less = changed('less.yaml', 'ports: [80, 443]', 'ports: [443]');
    const ran = await runCommand(['diff', FIREWALL, less, ...WITH_CLUSTER]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toMatch(/^CLOSES/);
    expect((await runCommand(['diff', less, FIREWALL, ...WITH_CLUSTER])).exitCode).toBe(4);
  });

  test('with -f: what applying would change in the cluster as it is', async () => {
    const ran = await runCommand(['diff', '-f', FIREWALL, ...WITH_CLUSTER, '-o', 'json']);
    const { changes } = JSON.parse(ran.stdout) as { readonly changes: readonly { kind: string }[] };
    // The two pods behind a NodePort differ now, so the answer about it is incomplete.
    expect({ kinds: new Set(changes.map(({ kind }) => kind)), exitCode: ran.exitCode }).toEqual({
      kinds: new Set(['closes', 'unknown']),
      exitCode: 3,
    });
  });

  test('of two clusters: pods that come and go are named, and not compared', async () => {
    const less = file('less-cluster.yaml', readFileSync(CLUSTER, 'utf8').replaceAll('cache-0', 'cache-1'));
    const ran = await runCommand(['diff', CLUSTER, less]);
    expect(ran.stdout).toContain('because they are gone: wordpress/cache-0');
    expect(ran.stdout).toContain('because they are new: wordpress/cache-1');
    expect(ran.exitCode).toBe(0);
  });

  test.each([[['a.yaml']], [[]], [['a', 'b', 'c']]])('%j is no question', async (files) => {
    expect(await runCommand(['diff', ...files, ...WITH_CLUSTER])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('give OLD and NEW'),
    });
  });
});
