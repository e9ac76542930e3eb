import { describe, expect, test } from '@jest/globals';
import type { Nodes, Zone } from '../../api/schema.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { compiled, reasons } from '../testing/compiled-nodes.ts';
import { cluster, clusterWith, CONTROL_PLANE, node } from '../testing/inventories.ts';

const ETCD = { 'node-role.kubernetes.io/etcd': 'true' };
const peers = [
  { name: 'ops', cidrs: ['198.51.100.0/24'] },
  { name: 'quorum', cidrs: ['192.0.2.0/29'] },
  { name: 'pods', pods: { namespaceSelector: {} } },
];
const worker = node('worker', ['10.99.0.12']);
const managed = {
  failsafes: 'Managed',
  breakGlass: [{ peer: 'ops' }],
  nodeCIDRs: [],
} satisfies Partial<Nodes>;
const eks = clusterWith({ nodes: [worker], apiServerEndpoints: ['10.2.0.5'] });

/** The reason not to narrow; undefined where failsafes are narrowed. */
function why(nodes: Partial<Nodes>, inventory: Inventory = cluster): string | undefined {
  const { failsafes, failsafesWaitFor } =
    compiled({ ...managed, ...nodes }, { peers, inventory }).nodes ?? {};
  expect(failsafes === undefined).toBe(failsafesWaitFor !== undefined);
  return failsafesWaitFor;
}
const zone = (
  entity: 'Nodes' | 'ControlPlane' | 'World',
  allow: Zone['allow'],
  more: Partial<Zone> = {},
): Zone => ({
  name: 'z',
  from: [{ entity }],
  allow,
  ...more,
});
const without = (...disable: readonly string[]): Partial<Nodes> => ({ baseline: { disable: [...disable] } });

describe('Managed refuses', () => {
  test('while etcd is policed and no member of it is known', () => {
    expect(why({}, eks)).toMatch(
      /no member is known: name its members in nodes.etcd, or add etcd to nodes.baseline/,
    );
    expect(why({ etcd: [] }, eks)).toBeDefined();
    expect(why({ etcd: [{ peer: 'quorum' }] }, eks)).toBeUndefined();
    expect(why(without('etcd'), eks)).toBeUndefined();
    for (const labels of [ETCD, CONTROL_PLANE, { 'node-role.kubernetes.io/master': '' }])
      expect(why({}, clusterWith({ nodes: [worker, node('m', ['10.99.0.13'], labels)] }))).toBeUndefined();
    expect(why({}, clusterWith({ nodes: UNKNOWN }))).toBeUndefined();
  });

  test.each<[what: string, zones: readonly Zone[], isNarrowed: boolean]>([
    ['no zone', [], false],
    ['a zone from Nodes', [zone('Nodes', { services: ['kube-apiserver'] })], true],
    ['a zone that opens everything', [zone('Nodes', { all: true })], true],
    ['a zone from others', [zone('ControlPlane', { all: true })], false],
    ['a zone for another port', [zone('Nodes', { ports: [6444] })], false],
    [
      'a zone on some nodes',
      [zone('Nodes', { all: true }, { nodeSelector: { matchLabels: { a: 'b' } } })],
      false,
    ],
  ])('while the baseline leaves out api-server, with %s: %#', (_, zones, isNarrowed) => {
    const reason = why({ ...without('api-server'), zones: [...zones] });
    if (isNarrowed) expect(reason).toBeUndefined();
    else expect(reason).toMatch(/cut nodes off from the API server: take api-server out of/);
  });

  test('while the baseline leaves out etcd, whose members are known, and no zone lets them in', () => {
    const both = { services: ['etcd'] };
    expect(why(without('etcd'))).toMatch(/cut nodes off from etcd/);
    expect(why({ ...without('etcd'), zones: [zone('World', both)] })).toMatch(/cut nodes off from etcd/);
    expect(why({ ...without('etcd'), zones: [zone('Nodes', { ports: [2379] })] })).toMatch(/from etcd/);
    expect(why({ ...without('etcd'), zones: [zone('Nodes', both)] })).toBeUndefined();
    expect(why({ ...without('etcd'), zones: [zone('ControlPlane', both)] })).toBeUndefined();
    const apart = clusterWith({ nodes: [...cluster.nodes, node('e1', ['10.99.0.21'], ETCD)] });
    expect(why({ ...without('etcd'), zones: [zone('ControlPlane', both)] }, apart)).toMatch(/from etcd/);
    expect(why({ ...without('etcd'), zones: [zone('Nodes', both)] }, apart)).toBeUndefined();
  });

  test('while a node is marked as control plane, and the API server has no port on nodes', () => {
    const marked = clusterWith({
      nodes: [node('c1', ['10.99.0.11'], { 'node.k0sproject.io/role': 'control-plane' })],
      apiServerTargets: [{ address: '192.0.2.9', port: 443 }],
    });
    const k0s: Partial<Nodes> = without('etcd');
    expect(why(k0s, marked)).toMatch(/cut off the API server.*nodes.extraAddresses/);
    expect(why({ ...k0s, extraAddresses: ['192.0.2.9/32'] }, marked)).toBeUndefined();
    expect(why(k0s, { ...eks, apiServerTargets: [{ address: '10.2.0.5', port: 443 }] })).toBeUndefined();
  });

  test('not because of a zone with a problem, whose stored policies may open more', () => {
    const broken: Zone = { name: 'z', from: [{ peer: 'nobody' }], allow: { all: true } };
    const compilation = compiled({ ...managed, ...without('etcd'), zones: [broken] }, { peers });
    expect(reasons(compilation)).toContain('UnknownPeer');
    expect(compilation.nodes?.failsafesWaitFor).toBeUndefined();
  });
});

describe('nodes.etcd', () => {
  const problem = (name: string) =>
    compiled(
      { etcd: [{ peer: 'quorum' }, { peer: name }] },
      {
        peers: [...peers, { name: 'wide', cidrs: ['10.0.0.0/8'] }],
      },
    ).problems.map(({ reason, path }) => [reason, path]);

  test('takes peers with addresses of no pod', () => {
    expect(problem('ops')).toEqual([]);
    expect(problem('nobody')).toEqual([['UnknownPeer', 'spec.nodes.etcd[1].peer']]);
    expect(problem('pods')).toEqual([['ResolvesToNothing', 'spec.nodes.etcd[1].peer']]);
    expect(problem('wide')).toEqual([['NodeCIDRsContainPods', 'spec.nodes.etcd[1].peer']]);
  });
});
