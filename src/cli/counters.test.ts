/**
 * The fixtures are chains of Felix on probed nodes of the local cluster, as iptables 1.8.9 and nft 1.0.6
 * printed them. Other chains are left out.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RuleCounter } from './packet-filter/counters.ts';
import { interfaceOf } from './packet-filter/tier-ends.ts';
import { runCommand } from './testing.ts';

const path = (name: string): string => join(import.meta.dirname, 'packet-filter/fixtures', `${name}.txt`);
const dump = (name: string): string => readFileSync(path(name), 'utf8');

async function counted(...texts: readonly string[]): Promise<readonly string[]> {
  const { exitCode, stdout, stderr } = await runCommand(['counters', '-o', 'json'], {
    stdin: texts.join('\n'),
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const { rules } = JSON.parse(stdout) as { readonly rules: readonly RuleCounter[] };
  return rules.map((each) =>
    [each.verdict, each.packets, each.bytes, each.where, each.rule.replace('default/', '')].join(' '),
  );
}
const some = (lines: readonly string[]): readonly string[] => lines.filter((line) => !/^\S+ 0 /.test(line));

const LONG = 'nodes/zones/a-zone-with-quite-a-long-name-so-that-comments-are-truncated-';

describe('the counters of each rule', () => {
  test('iptables, observed: rules that would drop first, then by packets, each packet once a layer', async () => {
    expect(await counted(dump('iptables-observe'))).toEqual([
      'WouldDrop 10 573 ports nodes/deny',
      'WouldDrop 8 453 host nodes/deny',
      'WouldDrop 0 0 host nodes/blocked',
      'WouldDrop 0 0 ports nodes/blocked',
      'Passed 4 240 ingress shop/ingress/web',
      'Passed 3 180 host nodes/zones/public',
      'Passed 3 180 ports nodes/zones/public',
      `Passed 2 120 ports ${LONG}xx`,
      'Passed 1 60 ports shop/ingress/web',
      'Passed 0 0 host nodes/lo',
      'Passed 0 0 ports nodes/lo',
      'Passed 0 0 host nodes/pass',
      'Passed 0 0 ports nodes/pass',
    ]);
  });

  test('iptables, enforced, IPv4 and IPv6 together', async () => {
    expect(await counted(dump('iptables-enforce'))).toEqual([
      'Dropped 93 6406 ports nodes/deny',
      'Dropped 0 0 host nodes/deny',
      'Dropped 0 0 egress nodes/pods',
      'Passed 12 840 host nodes/zones/public',
      'Passed 12 840 ports nodes/zones/public',
      'Passed 7 472 host nodes/pass',
      'Passed 7 472 ports nodes/pass',
    ]);
  });

  test('a group may be called nodes', async () => {
    const lines = await counted(
      dump('iptables-enforce').replaceAll('nodes/zones/public', 'nodes/ingress/web'),
    );
    expect(lines).toContain('Passed 12 840 ingress nodes/ingress/web');
  });

  test('nftables, observed; a rule whose comment is cut is recognised by the next lines of its chain', async () => {
    const lines = await counted(dump('nftables-observe'));
    expect(some(lines)).toEqual([
      'WouldDrop 21 1426 ports nodes/deny',
      'WouldDrop 17 1146 host nodes/deny',
      'Passed 14 912 ports nodes/pass',
      'Passed 6 420 host nodes/zones/public',
      'Passed 6 420 ports nodes/zones/public',
      'Passed 5 328 host nodes/pass',
      'Passed 2 140 ports shop/ingress/web',
    ]);
    expect(lines).toContain('Passed 0 0 host nodes/baseline/nodes-to-nodes');
    expect(lines.filter((line) => /…$|nodes-$/.test(line))).toEqual([]);
  });

  test('nftables, enforced; a name that does not fit into nft’s comment ends in …', async () => {
    expect(await counted(dump('nftables-enforce'))).toEqual([
      'Dropped 36 2386 ports nodes/deny',
      'Dropped 0 0 host nodes/deny',
      'Dropped 0 0 egress nodes/pods',
      `Passed 6 400 ports ${LONG}…`,
      'Passed 5 328 host nodes/pass',
      'Passed 5 328 ports nodes/pass',
    ]);
  });

  test('several dumps are added up, of both packet filters', async () => {
    const both = await counted(dump('iptables-enforce'), dump('nftables-enforce'));
    expect(both[0]).toBe('Dropped 129 8792 ports nodes/deny');
    const files = await runCommand(['counters', path('iptables-enforce'), path('nftables-enforce')]);
    expect(files.stdout).toMatch(/^dropped +129 +8792 +ports +default\/nodes\/deny$/m);
  });

  test('versions of nft that print operators as words', async () => {
    const words = dump('nftables-enforce').replaceAll(' | ', ' or ').replaceAll(' & ', ' and ');
    expect(words).not.toBe(dump('nftables-enforce'));
    expect(await counted(words)).toEqual(await counted(dump('nftables-enforce')));
  });

  test('sources with only exceptions, whose rules Felix begins with a set bit', async () => {
    const comment = 'comment "cali:AGhC0jNCvIjV2Eaw; clusterfirewall.io/rule=default/nodes/zones/most"';
    const lines = [
      `counter packets 9 bytes 90 meta mark set meta mark & 0xffefffff | 0x00080000`,
      `ip saddr 192.0.2.0/24 counter packets 5 bytes 50 meta mark set meta mark & 0xfff7ffff`,
      `meta mark & 0x00080000 == 0x00080000 counter packets 4 bytes 40 meta mark set meta mark | 0x00020000`,
    ].map((line) => `\t\t${line} ${comment}`);
    const text = ['table ip calico {', '\tchain filter-cali-pi-x {', ...lines, '\t}', '}'].join('\n');
    expect(await counted(text)).toEqual(['Passed 4 40 host nodes/zones/most']);
  });

  test('as a table', async () => {
    const { stdout } = await runCommand(['counters', '-'], { stdin: dump('iptables-observe') });
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'VERDICT      PACKETS   BYTES   WHERE     RULE',
      'would drop   10        573     ports     default/nodes/deny',
    ]);
  });
});

describe('drops at the end of a tier', () => {
  // Written after felix/rules/endpoints.go: the chains of the pod shop/db and of another one.
  const line = (chain: string, packets: number): string =>
    `[${String(packets)}:${String(packets * 60)}] -A ${chain} -m comment --comment "cali:x" -m comment --comment "End of tier default. Drop if no policies passed packet" -m mark --mark 0x0/0x20000 -j DROP`;
  const db = interfaceOf('shop', 'db');
  const iptables = [
    '*filter',
    line(`cali-tw-${db}`, 5),
    line(`cali-fw-${db}`, 2),
    line('cali-tw-cali0000000000a', 7),
    line('cali-fw-cali0000000000a', 0),
    'COMMIT',
  ].join('\n');
  const ends = async (stdin: string, ...argv: readonly string[]): Promise<readonly string[]> =>
    (await runCommand(['counters', ...argv], { stdin })).stdout
      // A long last cell continues on the next line.
      .replaceAll(/\n {5,}/g, ' ')
      .split('\n')
      .filter((each) => each.includes('end of tier'))
      .map((each) => each.replaceAll(/ +/g, ' '));

  test('by pod and direction, with the names of the inventory', async () => {
    const inventory = join(mkdtempSync(join(tmpdir(), 'clusterfirewall-')), 'pods.yaml');
    writeFileSync(inventory, 'apiVersion: v1\nkind: Pod\nmetadata: { namespace: shop, name: db }\n');
    expect(await ends(iptables, '--inventory', inventory)).toEqual([
      'dropped 7 420 ingress end of tier default, pod behind cali0000000000a',
      'dropped 5 300 ingress end of tier default, pod shop/db',
      'dropped 2 120 egress end of tier default, pod shop/db',
    ]);
    rmSync(join(inventory, '..'), { recursive: true });
  });

  test('in nftables, too', async () => {
    const nft = `table ip calico {\n\tchain filter-cali-tw-${db} {\n\t\tmeta mark & 0x00020000 == 0x00000000 counter packets 3 bytes 180 drop comment "cali:x; End of tier default. Drop if no policies passed packet"\n\t}\n}`;
    expect(await ends(nft)).toEqual([`dropped 3 180 ingress end of tier default, pod behind ${db}`]);
  });
});

test('--hits leaves out rules that no packet has met', async () => {
  const { stdout } = await runCommand(['counters', '--hits'], { stdin: dump('iptables-observe') });
  expect(stdout).toContain('default/nodes/deny');
  expect(
    stdout
      .split('\n')
      .slice(1)
      .filter((each) => / 0 {2,}0 /.test(each)),
  ).toEqual([]);
});

describe('a file without counters', () => {
  test.each([
    ['a manifest', 'kind: ClusterFirewall\n', 'is not the output of iptables-save -c'],
    ['nothing', '', 'is not the output of iptables-save -c'],
    ['JSON of nft', '{"nftables": []}', 'without -j'],
    ['a dump without -c', dump('iptables-observe').replaceAll(/^\[\d+:\d+\] /gm, ''), 'with -c'],
    ['a stateless dump', dump('nftables-observe').replaceAll(/ packets \d+ bytes \d+/g, ''), 'stateless'],
    [
      'a dump without our rules',
      '*filter\n[1:60] -A INPUT -j ACCEPT\nCOMMIT\n',
      'no rule of a ClusterFirewall',
    ],
    ['rules of iptables as nft prints them', 'table ip filter {\n}\n', 'no rule of a ClusterFirewall'],
  ])('%s', async (_, stdin, message) => {
    const { exitCode, stdout, stderr } = await runCommand(['counters'], { stdin });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  test('a file that is not there', async () => {
    const { exitCode, stderr } = await runCommand(['counters', path('gone')]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `${path('gone')}: there is no such file\n`,
    });
  });
});
