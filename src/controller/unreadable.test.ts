/** Objects of the cluster that cannot be read: everything else goes on, and nothing becomes wider. */
import { describe, expect, test } from '@jest/globals';
import { remove } from '../cluster/objects/apply.ts';
import type { KubernetesObject } from '../cluster/resource.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { web } from '../compiler/testing/examples.ts';
import { API_SERVER_SLICES } from '../inventory/api-server.ts';
import { CALICO_GROUP, kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { blogCluster, firewallObject, nodeObject, NODES } from './testing/calico-server.ts';
import { settled, type Rounds } from './testing/rounds.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');
const SETS = kindResource('GlobalNetworkSet');
const POOLS = { group: CALICO_GROUP, plural: 'ippools' };

const slice = (name: string, address: string, addressType = 'IPv4'): KubernetesObject => ({
  metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
  addressType,
  endpoints: [{ addresses: [address] }],
});
const pool = (cidr: string): KubernetesObject => ({ metadata: { name: 'pods' }, spec: { cidr } });
const egress = [
  {
    name: 'out',
    pods: {},
    to: [{ entity: 'World' as const }, { entity: 'ControlPlane' as const }],
    ports: [443],
  },
];
const worldly = { namespaces: [{ ...web, egress }] };
const netsOf = (server: FakeApiServer, name: string): unknown => {
  const { spec } = server.object(SETS, name);
  return (spec as { readonly nets: unknown }).nets;
};
const problemsOf = ({ told }: Rounds): readonly string[] => {
  const finding = told.findings.get('default');
  return finding?.type === 'compiled'
    ? finding.problems.map(({ reason }) => reason)
    : [String(finding?.type)];
};
const messageOf = ({ told }: Rounds): string => {
  const finding = told.findings.get('default');
  return finding?.type === 'compiled' ? (finding.problems[0]?.message ?? '') : '';
};

describe('a slice of the API server with a name for an address', () => {
  test('stops nothing: what is deleted is repaired, a new spec is compiled, and status names it', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    server.put(API_SERVER_SLICES, slice('odd', 'api.example.com', 'FQDN'));
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-deny').metadata.name);
    server.put(FIREWALLS, firewallObject({ namespaces: [web, { ...web, name: 'shop' }] }));
    const wrote = await rounds.settle();
    expect(wrote).toContain('PATCH default-defaults-deny');
    expect(wrote).toContain('PATCH default-shop-ingress-web');
    expect(problemsOf(rounds)).toContain('UnreadableObject');
    expect(messageOf(rounds)).toContain(
      'EndpointSlice/default/odd (endpoints[0].addresses[0]: "api.example.com"',
    );
    await remove(server, { ...API_SERVER_SLICES, namespace: 'default' }, 'odd');
    await rounds.settle();
    expect(problemsOf(rounds)).not.toContain('UnreadableObject');
  });

  test('takes nothing from the control plane: neither now nor after a restart', async () => {
    const server = blogCluster(worldly);
    server.put(API_SERVER_SLICES, slice('kubernetes', '10.0.0.9'));
    const rounds = await settled(server);
    const before = ['10.0.0.1/32', '10.0.0.9/32'];
    expect(netsOf(server, 'control-plane')).toEqual(before);
    server.put(API_SERVER_SLICES, slice('kubernetes', '010.0.0.9'));
    server.put(API_SERVER_SLICES, slice('more', '10.0.0.10'));
    await rounds.settle();
    expect(netsOf(server, 'control-plane')).toEqual(['10.0.0.1/32', '10.0.0.9/32', '10.0.0.10/32']);
    const restarted = await settled(server);
    expect(netsOf(server, 'control-plane')).toEqual(['10.0.0.1/32', '10.0.0.9/32', '10.0.0.10/32']);
    expect(problemsOf(restarted)).toEqual(['UnreadableObject']);
    server.put(API_SERVER_SLICES, slice('kubernetes', '10.0.0.12'));
    await restarted.settle();
    expect(netsOf(server, 'control-plane')).toEqual(['10.0.0.1/32', '10.0.0.10/32', '10.0.0.12/32']);
    expect(problemsOf(restarted)).toEqual([]);
  });
});

describe('a Node whose address became rubbish', () => {
  test('stays in the set of nodes, so World does not get wider, and others may join and leave', async () => {
    const server = blogCluster(worldly);
    server.put(NODES, nodeObject('b', '10.0.0.2'));
    const rounds = await settled(server);
    expect(netsOf(server, 'default-nodes-')).toEqual(['10.0.0.1/32', '10.0.0.2/32']);
    server.put(NODES, nodeObject('b', '10.0.0.300'));
    server.put(NODES, nodeObject('c', '10.0.0.3'));
    await rounds.settle();
    expect(netsOf(server, 'default-nodes-')).toEqual(['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32']);
    const restarted = await settled(server);
    server.put(NODES, nodeObject('d', '10.0.0.4'));
    await restarted.settle();
    expect(netsOf(server, 'default-nodes-')).toEqual(['1', '2', '3', '4'].map((each) => `10.0.0.${each}/32`));
    expect(messageOf(restarted)).toContain('Node/b (status.addresses[0].address: ');
    await remove(server, NODES, 'b');
    await restarted.settle();
    expect(netsOf(server, 'default-nodes-')).toEqual(['1', '3', '4'].map((each) => `10.0.0.${each}/32`));
  });

  test('after a restart, only single addresses that a set has stay in it', async () => {
    const server = blogCluster(worldly);
    const rounds = await settled(server);
    await rounds.settle();
    server.put(NODES, nodeObject('b', 'rubbish'));
    const set = server.object(SETS, 'default-nodes-');
    server.put(SETS, { ...set, spec: { nets: ['0.0.0.0/0', '10.0.0.7/32', 'x'] } });
    await settled(server);
    expect(netsOf(server, 'default-nodes-')).toEqual(['10.0.0.1/32', '10.0.0.7/32']);
  });
});

describe('an object whose labels are no texts', () => {
  const odd = (name: string, address: string): KubernetesObject => {
    const node = nodeObject(name, address);
    return { ...node, metadata: { ...node.metadata, labels: { a: { b: 'c' } } as never } };
  };

  test('is named, keeps what is known of it, and is silent when it can be read again', async () => {
    const server = blogCluster(worldly);
    server.put(NODES, nodeObject('b', '10.0.0.2'));
    const rounds = await settled(server);
    server.put(NODES, odd('b', '10.0.0.9'));
    server.put(NODES, nodeObject('c', '10.0.0.3'));
    await rounds.settle();
    expect(netsOf(server, 'default-nodes-')).toEqual(['1', '2', '3'].map((each) => `10.0.0.${each}/32`));
    expect(messageOf(rounds)).toContain(
      'cannot read Node/b (metadata.labels: is not a mapping of texts): correct or delete it',
    );
    server.put(NODES, nodeObject('b', '10.0.0.9'));
    await rounds.settle();
    expect(problemsOf(rounds)).toEqual([]);
    expect(netsOf(server, 'default-nodes-')).toEqual(['1', '3', '9'].map((each) => `10.0.0.${each}/32`));
  });

  test('loses no address that is stored, if it was like that before the operator started', async () => {
    const server = blogCluster(worldly);
    server.put(NODES, nodeObject('b', '10.0.0.2'));
    await settled(server);
    server.put(NODES, odd('b', '10.0.0.2'));
    const restarted = await settled(server);
    expect(problemsOf(restarted)).toEqual(['UnreadableObject']);
    expect(netsOf(server, 'default-nodes-')).toEqual(['10.0.0.1/32', '10.0.0.2/32']);
    await remove(server, NODES, 'b');
    await restarted.settle();
    expect(problemsOf(restarted)).toEqual([]);
    expect(netsOf(server, 'default-nodes-')).toEqual(['10.0.0.1/32']);
  });

  test('is named of any kind', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    const labels = { a: 1 } as never;
    server.put(POLICIES, { metadata: { name: 'theirs', labels }, spec: { selector: 'all()' } });
    server.put(API_SERVER_SLICES, {
      ...slice('more', '10.0.0.10'),
      metadata: { name: 'more', namespace: 'default', labels },
    });
    await rounds.settle();
    expect(messageOf(rounds)).toContain('GlobalNetworkPolicy/theirs (metadata.labels: ');
  });
});

describe('an IPPool with host bits', () => {
  const enforcing = { ...worldly, nodes: { mode: 'Enforce' as const } };

  test('keeps its former range at nodes; after a restart, nothing changes at nodes', async () => {
    const server = blogCluster(enforcing);
    server.put(POOLS, pool('10.244.0.0/16'));
    const rounds = await settled(server);
    server.put(POOLS, pool('10.244.0.1/16'));
    expect(await rounds.settle()).toEqual([]);
    expect(problemsOf(rounds)).toEqual(['UnreadableObject']);
    const restarted = await settled(server);
    expect(restarted.wrote()).toEqual([]);
    expect(problemsOf(restarted)).toEqual(['UnreadableObject', 'UnreadableObject']);
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-deny').metadata.name);
    expect(await restarted.settle()).toContain('PATCH default-defaults-deny');
    server.put(POOLS, pool('10.244.0.0/16'));
    await restarted.settle();
    expect(problemsOf(restarted)).toEqual([]);
  });
});
