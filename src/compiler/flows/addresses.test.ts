import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../../api/schema.ts';
import { UNKNOWN, type Known } from '../../inventory/known.ts';
import { UNKNOWN_CLUSTER, type Inventory, type NodeInfo } from '../../inventory/types.ts';
import { formatCidr, type Cidr } from '../../net/cidr.ts';
import { firewall } from '../testing/examples.ts';
import { isResolved, nodeAddressesOf } from './addresses.ts';

const node = (name: string, addresses: readonly string[], label = 'team'): NodeInfo => ({
  name,
  labels: { [label]: '' },
  addresses,
});
const readable = (addresses: Known<readonly Cidr[]>) =>
  addresses === UNKNOWN ? UNKNOWN : addresses.map(formatCidr);
const addressesOf = (spec: Partial<Spec> | undefined, known: Partial<Inventory>) => {
  const inventory = { ...UNKNOWN_CLUSTER, ...known };
  const { nodes, controlPlane, etcd } = nodeAddressesOf(spec && firewall(spec), inventory);
  return { nodes: readable(nodes), controlPlane: readable(controlPlane), etcd: readable(etcd) };
};

describe('addresses of nodes', () => {
  const worker = node('worker', ['192.0.2.2', '2001:db8::2']);
  const joining = (...nodeCIDRs: readonly string[]): Partial<Spec> => ({
    nodes: { mode: 'Observe', nodeCIDRs: [...nodeCIDRs] },
  });

  test.each<[what: string, spec: Partial<Spec> | undefined, known: Partial<Inventory>, nodes: unknown]>([
    ['unknown', undefined, {}, UNKNOWN],
    ['unknown, whatever the firewall says of other things', {}, {}, UNKNOWN],
    ['none yet', {}, { nodes: [] }, []],
    ['all that the nodes have', {}, { nodes: [worker] }, ['192.0.2.2/32', '2001:db8::2/128']],
    [
      'not those of machines that may join',
      joining('192.0.2.0/24'),
      { nodes: [worker] },
      ['192.0.2.2/32', '2001:db8::2/128'],
    ],
    ['none, while only machines that may join are known', joining('192.0.2.0/24'), { nodes: [] }, []],
    ['unknown, although machines may join', joining('192.0.2.0/24'), {}, UNKNOWN],
  ])('%s', (_, spec, known, nodes) => {
    expect(addressesOf(spec, known).nodes).toEqual(nodes);
  });
});

describe('addresses of the control plane', () => {
  const first = node('cp', ['192.0.2.1', '10.1.0.1'], 'node-role.kubernetes.io/control-plane');
  const old = node('old', ['192.0.2.9'], 'node-role.kubernetes.io/master');
  const worker = node('worker', ['192.0.2.2']);
  const peers = [
    { name: 'api', cidrs: ['198.51.100.0/24', '203.0.113.0/24'] },
    { name: 'office', cidrs: ['192.0.2.128/25'] },
    { name: 'pods', pods: { namespaceSelector: {} } },
  ];
  const named: Partial<Spec> = {
    peers,
    nodes: { mode: 'Observe', controlPlane: [{ peer: 'api' }, { peer: 'pods' }, { peer: 'unknown' }] },
  };
  const ofPeer = ['198.51.100.0/24', '203.0.113.0/24'];

  test.each<[what: string, spec: Partial<Spec> | undefined, known: Partial<Inventory>, addresses: unknown]>([
    ['unknown', undefined, {}, UNKNOWN],
    ['unknown where no peer is named', { peers, nodes: { mode: 'Observe' } }, {}, UNKNOWN],
    ['none', {}, { nodes: [worker] }, []],
    ['no endpoint yet', {}, { apiServerEndpoints: [] }, []],
    [
      'those of labelled nodes',
      {},
      { nodes: [first, worker, old] },
      ['192.0.2.1/32', '10.1.0.1/32', '192.0.2.9/32'],
    ],
    ['endpoints, where no node is known', {}, { apiServerEndpoints: ['192.0.2.7'] }, ['192.0.2.7/32']],
    [
      'endpoints of a managed cluster',
      {},
      { nodes: [worker], apiServerEndpoints: ['198.51.100.1'] },
      ['198.51.100.1/32'],
    ],
    ['the peers that spec.nodes names', named, {}, ofPeer],
    ['peers beside endpoints', named, { apiServerEndpoints: ['192.0.2.7'] }, ['192.0.2.7/32', ...ofPeer]],
  ])('%s', (_, spec, known, addresses) => {
    expect(addressesOf(spec, known).controlPlane).toEqual(addresses);
  });
});

describe('members of etcd', () => {
  const member = node('e1', ['192.0.2.21'], 'node-role.kubernetes.io/etcd');
  const control = node('cp', ['192.0.2.1'], 'node-role.kubernetes.io/control-plane');
  const peers = [{ name: 'outside', cidrs: ['203.0.113.0/29'] }];
  const named: Partial<Spec> = { peers, nodes: { mode: 'Observe', etcd: [{ peer: 'outside' }] } };

  test.each<[what: string, spec: Partial<Spec>, known: Partial<Inventory>, addresses: unknown]>([
    ['unknown', {}, {}, UNKNOWN],
    ['none', {}, { nodes: [node('worker', ['192.0.2.2'])] }, []],
    ['nodes of either role', {}, { nodes: [control, member] }, ['192.0.2.1/32', '192.0.2.21/32']],
    ['peers', named, { nodes: [] }, ['203.0.113.0/29']],
    [
      'no endpoint of the API server',
      {},
      { nodes: [member], apiServerEndpoints: ['192.0.2.7'] },
      ['192.0.2.21/32'],
    ],
  ])('%s', (_, spec, known, addresses) => {
    expect(addressesOf(spec, known).etcd).toEqual(addresses);
  });
});

test('a list is not resolved where the cluster is known and has none', () => {
  expect(isResolved([])).toBe(false);
  expect(isResolved(UNKNOWN)).toBe(true);
  expect(isResolved(['192.0.2.1'])).toBe(true);
});
