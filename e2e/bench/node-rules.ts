/**
 * (n), second half: the size of a node's packet filter with a host firewall, and with the same rules written
 * by hand.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { load } from 'js-yaml';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { Endpoint, StartedNode } from '../cluster.ts';
import { applyFirewall, ready } from './firewalls.ts';
import type { Context } from './parts.ts';
import { startRig, whileRunning, type Rig } from './rig.ts';
import type { Row } from './table.ts';

/**
 * A plain host firewall: ssh for everybody, a blocked network, forged loopback, and the needs of a cluster.
 */
const SAMPLE = path.resolve(import.meta.dirname, '../../config/samples/s17-host-firewall.yaml');
/** The same rules for one node of this cluster as iptables commands. The file says what it leaves out. */
const BY_HAND = path.join(import.meta.dirname, 'by-hand.sh');

const NODES = [
  { name: 'node1', dataplane: 'iptables', labels: { 'node-role.kubernetes.io/control-plane': '' } },
  { name: 'node2', dataplane: 'nftables' },
] as const;

export async function measureNodeRules({ note }: Context): Promise<readonly Row[]> {
  note('(n) rules on a node');
  await using rig = await startRig({ mode: 'aggregated', nodes: NODES });
  await rig.cluster.policiesProgrammed(); // Felix's own rules.
  const before = await Promise.all(rig.cluster.nodes.map((node) => settledSize(rig, node)));
  await whileRunning(rig, async () => {
    await applyFirewall(rig.client, load(await readFile(SAMPLE, 'utf8')) as KubernetesObject);
    await ready(rig.client);
    await rig.cluster.policiesProgrammed();
  });
  const after = await Promise.all(rig.cluster.nodes.map((node) => settledSize(rig, node)));
  const ours = rig.cluster.nodes.map(({ dataplane }, index) => {
    const added = difference(after[index] ?? NOTHING, before[index] ?? NOTHING);
    return row(`${dataplane}: a host firewall (sample s17), added to what Felix has`, added);
  });
  return [...ours, row('iptables: the same written by hand', await byHand(rig))];
}

interface Size {
  readonly rules: number;
  readonly sets: number;
  readonly entries: number;
}

const NOTHING: Size = { rules: 0, sets: 0, entries: 0 };

const difference = (a: Size, b: Size): Size => ({
  rules: a.rules - b.rules,
  sets: a.sets - b.sets,
  entries: a.entries - b.entries,
});

const row = (what: string, { rules, sets, entries }: Size): Row => ({
  part: 'n',
  what: `${what}: rules, IPv4 and IPv6; sets, entries in them`,
  figure: `${rules}; ${sets}, ${entries}`,
});

/** Felix removes unused rules only when it has time. */
async function settledSize(rig: Rig, node: StartedNode): Promise<Size> {
  let last = await sizeOf(rig, node);
  for (;;) {
    await delay(SETTLED_MS);
    const size = await sizeOf(rig, node);
    if (Object.values(difference(size, last)).every((each) => each === 0)) return size;
    last = size;
  }
}

const SETTLED_MS = 10_000;

const sizeOf = (rig: Rig, node: StartedNode): Promise<Size> =>
  node.dataplane === 'nftables' ? nftablesSize(rig, node) : iptablesSize(rig, node);

/** Counts lines that add a rule, in both of iptables' interfaces to the kernel. Felix uses one of them. */
async function iptablesSize({ cluster }: Rig, where: Endpoint): Promise<Size> {
  const dumps = ['iptables-legacy-save', 'iptables-nft-save', 'ip6tables-legacy-save', 'ip6tables-nft-save'];
  const rules = await Promise.all(dumps.map((dump) => cluster.run(where, [dump])));
  const sets = await cluster.run(where, ['ipset', 'save']);
  const counted = (texts: readonly string[], pattern: RegExp): number =>
    texts.reduce((sum, text) => sum + (text.match(pattern)?.length ?? 0), 0);
  return {
    rules: counted(rules, /^-A /gm),
    sets: counted([sets], /^create /gm),
    entries: counted([sets], /^add /gm),
  };
}

interface NftObject {
  readonly rule?: object;
  readonly set?: { readonly elem?: readonly unknown[] };
}

async function nftablesSize({ cluster }: Rig, where: Endpoint): Promise<Size> {
  const text = await cluster.run(where, ['nft', '--json', 'list', 'ruleset']);
  const { nftables } = JSON.parse(text) as { readonly nftables: readonly NftObject[] };
  const sets = nftables.flatMap(({ set }) => set ?? []);
  return {
    rules: nftables.filter(({ rule }) => rule !== undefined).length,
    sets: sets.length,
    entries: sets.reduce((sum, { elem = [] }) => sum + elem.length, 0),
  };
}

/** Loads the rules where there are no others. */
async function byHand(rig: Rig): Promise<Size> {
  const host = await rig.cluster.createOutsideHost({ name: 'by-hand', addresses: ['203.0.113.99'] });
  const before = await iptablesSize(rig, host);
  await rig.cluster.run(host, ['sh', BY_HAND]);
  return difference(await iptablesSize(rig, host), before);
}
