/**
 * Situations of src/suggest/fixtures: a cluster that is made up, and lines as conntrack prints them. A sample was
 * written by hand for each before `suggest` was run on it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import type { Spec } from '../api/schema.ts';
import { runCommand, temporaryFiles } from './testing.ts';

const FIXTURES = path.join(import.meta.dirname, '../suggest/fixtures');
const fixture = (name: string): string => path.join(FIXTURES, name);
const CLUSTER = ['--inventory', fixture('cluster.yaml')];

const file = temporaryFiles();

const suggest = (situation: string, firewall: string, ...argv: readonly string[]) =>
  runCommand(['suggest', fixture(`${situation}.txt`), '-f', fixture(firewall), ...CLUSTER, ...argv]);

interface Suggested {
  readonly rules: readonly { readonly field: string; readonly entry: object }[];
  readonly leftOut: readonly { readonly flow: string; readonly why: string }[];
  readonly opens: readonly { readonly from: string; readonly to: string; readonly isSeen: boolean }[];
}
const suggested = async (...args: Parameters<typeof suggest>): Promise<Suggested> =>
  JSON.parse((await suggest(...args, '-o', 'json')).stdout) as Suggested;

/** Name, firewall, exit code of suggest, rules suggested, rules of the sample. */
const SITUATIONS: readonly (readonly [string, string, number, number, number])[] = [
  ['microservices', 'firewall.yaml', 0, 4, 6],
  ['ingress', 'firewall-nodes.yaml', 0, 2, 2],
  ['scraping', 'firewall.yaml', 0, 4, 4],
  ['jobs', 'firewall.yaml', 3, 2, 3],
  ['host-services', 'firewall-nodes.yaml', 1, 2, 2],
  ['scanner', 'firewall-nodes.yaml', 1, 1, 1],
];

describe.each(SITUATIONS)('%s', (situation, firewall, exitCode, rules, ofSample) => {
  test('the manifest is as in its golden file, valid, and opens neither World nor All', async () => {
    const ran = await suggest(situation, firewall);
    const golden = fixture(`${situation}.golden.yaml`);
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(golden, ran.stdout);
    expect({ text: ran.stdout, exitCode: ran.exitCode }).toEqual({
      text: readFileSync(golden, 'utf8'),
      exitCode,
    });
    expect((await runCommand(['validate', '-'], { stdin: ran.stdout })).exitCode).toBe(0);
    expect(ran.stdout).not.toMatch(/entity: (?:World|Internet|Everyone|Pods)|all: true/);
  });

  test('every flow that got a rule is allowed, and the others stay refused', async () => {
    const { stdout } = await suggest(situation, firewall);
    const { leftOut } = await suggested(situation, firewall);
    const observed = await runCommand([
      'observe',
      fixture(`${situation}.txt`),
      '-f',
      file(`${situation}.yaml`, stdout),
      '-o',
      'json',
      ...CLUSTER,
    ]);
    const { flows } = JSON.parse(observed.stdout) as {
      readonly flows: readonly { readonly verdict: string }[];
    };
    expect(flows.filter(({ verdict }) => verdict !== 'Allowed')).toHaveLength(leftOut.length);
  });

  test('there are no more rules than a person has written', async () => {
    const { rules: found } = await suggested(situation, firewall);
    expect(found).toHaveLength(rules);
    expect(rules).toBeLessThanOrEqual(ofSample);
    expect(rulesIn(readFileSync(fixture(`${situation}.sample.yaml`), 'utf8'))).toBe(ofSample);
  });
});

/** Rules and zones of a manifest. */
function rulesIn(manifest: string): number {
  const { spec } = load(manifest) as { readonly spec: Spec };
  const groups = (spec.namespaces ?? []).flatMap(
    ({ ingress = [], egress = [], connections = [], metrics = [] }) => [
      ...ingress,
      ...egress,
      ...connections,
      ...metrics,
    ],
  );
  return groups.length + (spec.nodes?.zones ?? []).length;
}

describe('what was seen decides how far a rule goes', () => {
  test('a source that scans gets no rule, unless it is included', async () => {
    const scan = await suggested('scanner', 'firewall-nodes.yaml');
    expect(
      scan.leftOut.every(
        ({ flow, why }) => flow.startsWith('203.0.113.66 → ') && /looks like a scan/.test(why),
      ),
    ).toBe(true);
    expect(JSON.stringify(scan.rules)).not.toContain('203.0.113.66');
    const included = await suggested('scanner', 'firewall-nodes.yaml', '--include', '203.0.113.66');
    expect(JSON.stringify(included.rules)).toContain('203.0.113.66/32');
    expect(included.leftOut).toEqual([]);
  });

  test('a flow that nobody answered gets no rule, unless it is included', async () => {
    const { leftOut } = await suggested('host-services', 'firewall-nodes.yaml');
    expect(leftOut.map(({ flow }) => flow)).toEqual([expect.stringContaining('1514/UDP')]);
    const included = await suggested('host-services', 'firewall-nodes.yaml', '--include', '192.0.2.9');
    expect(included.leftOut).toEqual([]);
  });

  test('a peer stands for its addresses where two of them were seen, and never with --generalise exact', async () => {
    expect(JSON.stringify(await suggested('ingress', 'firewall-nodes.yaml'))).toContain('"peer":"office"');
    const exact = JSON.stringify(await suggested('ingress', 'firewall-nodes.yaml', '--generalise', 'exact'));
    expect(exact).not.toContain('"peer":"office"');
    expect(exact).toContain('198.51.100.4/32');
  });

  test('more than 64 addresses are World only with --generalise world', async () => {
    const line = readFileSync(fixture('scanner.txt'), 'utf8').trim().split('\n').at(-1) ?? '';
    const many = Array.from({ length: 80 }, (_, index) =>
      line.replaceAll('198.51.100.4', `8.8.4.${String(index)}`),
    );
    const flows = file('many.txt', `${many.join('\n')}\n`);
    const run = async (...argv: readonly string[]) =>
      runCommand(['suggest', flows, '-f', fixture('firewall-nodes.yaml'), ...CLUSTER, ...argv]);
    const cautious = await run();
    expect(cautious.stdout).toBe('');
    expect(cautious.stderr).toContain('more than 64 addresses outside: with --generalise world');
    expect((await run('--generalise', 'world')).stdout).toContain('entity: World');
  });
});

test('without a ClusterFirewall there is nothing to suggest for', async () => {
  const ran = await runCommand(['suggest', fixture('jobs.txt'), ...CLUSTER]);
  expect(ran).toMatchObject({ exitCode: 2, stdout: '' });
  expect(ran.stderr).toContain('give its manifest with -f');
});
