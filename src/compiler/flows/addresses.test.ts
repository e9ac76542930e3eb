import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../../api/schema.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';
import { formatCidr } from '../../net/cidr.ts';
import { firewall } from '../testing/examples.ts';
import { isResolved, nodeAddressesOf } from './addresses.ts';

const node = (name: string, addresses: readonly string[], label = 'team'): NodeInfo => ({
  name,
  labels: { [label]: '' },
  addresses,
});
const addressesOf = (spec: Partial<Spec> | undefined, inventory: Inventory) => {
  const { nodes, controlPlane } = nodeAddressesOf(spec && firewall(spec), inventory);
  return { nodes: nodes?.map(formatCidr), controlPlane: controlPlane?.map(formatCidr) };
};

describe('addresses of nodes', () => {
  const worker = node('worker', ['192.0.2.2', '2001:db8::2']);
  const announced = (...nodeCIDRs: readonly string[]): Partial<Spec> => ({
    nodes: { mode: 'Observe', nodeCIDRs: [...nodeCIDRs] },
  });

  test.each<[what: string, spec: Partial<Spec> | undefined, inventory: Inventory, nodes: unknown]>([
    ['unknown', undefined, {}, undefined],
    ['unknown, whatever the firewall says of other things', {}, {}, undefined],
    ['none yet', {}, { nodes: [] }, []],
    ['all that the nodes have', {}, { nodes: [worker] }, ['192.0.2.2/32', '2001:db8::2/128']],
    ['announced before there is a node', announced('192.0.2.0/24'), {}, ['192.0.2.0/24']],
    [
      'those of nodes, and announced ones',
      announced('198.51.100.0/24'),
      { nodes: [worker], ipPools: ['10.0.0.0/8'] },
      ['192.0.2.2/32', '2001:db8::2/128', '198.51.100.0/24'],
    ],
    [
      'not announced ones that pods may have',
      announced('10.0.0.0/8', '198.51.100.0/24'),
      { nodes: [], ipPools: ['10.1.0.0/16', '10.2.0.0/16'] },
      ['198.51.100.0/24'],
    ],
    ['not announced ones in a pool', announced('10.1.2.0/24'), { nodes: [], ipPools: ['10.1.0.0/16'] }, []],
  ])('%s', (_, spec, inventory, nodes) => {
    expect(addressesOf(spec, inventory).nodes).toEqual(nodes);
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

  test.each<[what: string, spec: Partial<Spec> | undefined, inventory: Inventory, addresses: unknown]>([
    ['unknown', undefined, {}, undefined],
    ['unknown where no peer is named', { peers, nodes: { mode: 'Observe' } }, {}, undefined],
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
  ])('%s', (_, spec, inventory, addresses) => {
    expect(addressesOf(spec, inventory).controlPlane).toEqual(addresses);
  });
});

test('a list is not resolved where the cluster is known and has none', () => {
  expect(isResolved([])).toBe(false);
  expect(isResolved(undefined)).toBe(true);
  expect(isResolved(['192.0.2.1'])).toBe(true);
});
