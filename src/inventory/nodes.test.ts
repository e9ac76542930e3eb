import { expect, test } from '@jest/globals';
import { readNode } from './nodes.ts';

test('collects the addresses of the node and of its tunnels, each once, without masks', () => {
  const annotations = {
    'projectcalico.org/IPv4Address': '10.0.0.5/24',
    'projectcalico.org/IPv6Address': '2001:DB8::5/64',
    'projectcalico.org/IPv4VXLANTunnelAddr': '192.168.7.0',
    'projectcalico.org/IPv4IPIPTunnelAddr': '',
    'projectcalico.org/IPv6WireguardInterfaceAddr': 'fd00::9',
    'other.io/address': '203.0.113.9',
  };
  const addresses = [
    { type: 'Hostname', address: 'node1' },
    { type: 'InternalIP', address: '10.0.0.5' },
    { type: 'ExternalIP', address: '198.51.100.5' },
    { type: 'InternalIP', address: 'fe80::1%eth0' },
    'garbage',
  ];
  expect(
    readNode({ metadata: { name: 'n1', labels: { a: 'b' }, annotations }, status: { addresses } }),
  ).toEqual({
    flaws: [],
    value: {
      name: 'n1',
      labels: { a: 'b' },
      addresses: ['10.0.0.5', '192.168.7.0', '198.51.100.5', '2001:db8::5', 'fd00::9'],
    },
  });
});

test.each([
  'projectcalico.org/IPv4Address',
  'projectcalico.org/IPv6Address',
  'projectcalico.org/IPv4IPIPTunnelAddr',
  'projectcalico.org/IPv4VXLANTunnelAddr',
  'projectcalico.org/IPv6VXLANTunnelAddr',
  'projectcalico.org/IPv4WireguardInterfaceAddr',
  'projectcalico.org/IPv6WireguardInterfaceAddr',
])('reads the annotation %s', (annotation) => {
  const metadata = { name: 'n1', annotations: { [annotation]: '10.0.0.5/24' } };
  expect(readNode({ metadata }).value.addresses).toEqual(['10.0.0.5']);
});

test.each([
  ['InternalIP', ['10.0.0.5']],
  ['ExternalIP', ['10.0.0.5']],
  ['Hostname', []],
])('an address of type %s gives %j', (type, found) => {
  const addresses = [{ type, address: '10.0.0.5' }];
  expect(readNode({ metadata: { name: 'n1' }, status: { addresses } }).value.addresses).toEqual(found);
});

test('a node that has not registered its addresses yet has none', () => {
  expect(readNode({ metadata: { name: 'n1' } }).value).toEqual({ name: 'n1', labels: {}, addresses: [] });
});

test("flannel's annotations make it a node of Canal", () => {
  const annotations = { 'other.io/backend-type': 'none', 'flannel.alpha.coreos.com/backend-type': 'vxlan' };
  expect(readNode({ metadata: { name: 'n1', annotations } }).value).toMatchObject({ flannel: true });
});

test("another client's annotations do not", () => {
  const annotations = { 'other.io/flannel': 'vxlan' };
  expect(readNode({ metadata: { name: 'n1', annotations } }).value).not.toHaveProperty('flannel');
});

test('an address that nobody could match is left out and named, and the others count', () => {
  const addresses = [
    { type: 'InternalIP', address: '10.0.0.5' },
    { type: 'InternalIP', address: '10.0.0.300' },
    { type: 'ExternalIP', address: { a: 1 } },
    { type: 'ExternalIP', address: '0.0.0.0' },
  ];
  const annotations = { 'projectcalico.org/IPv4Address': 'x'.repeat(1_000_000) };
  const { value, flaws } = readNode({ metadata: { name: 'n1', annotations }, status: { addresses } });
  expect(value.addresses).toEqual(['10.0.0.5']);
  expect(flaws).toMatchObject([
    { kind: 'Node', name: 'n1', field: 'status.addresses[1].address' },
    { field: 'status.addresses[2].address', why: 'is no text' },
    { field: 'status.addresses[3].address', why: '0.0.0.0 is no address of a machine' },
    { field: 'metadata.annotations["projectcalico.org/IPv4Address"]' },
  ]);
  expect(JSON.stringify(flaws).length).toBeLessThan(800);
});

test('only the first flaws of an object are named', () => {
  const addresses = new Array<object>(5000).fill({ type: 'InternalIP', address: 'x' });
  expect(readNode({ metadata: { name: 'n1' }, status: { addresses } }).flaws).toHaveLength(10);
});

test.each([
  [{ podCIDR: '10.42.3.0/24', podCIDRs: ['10.42.3.0/24', 'FD00:42::/64'] }, ['10.42.3.0/24', 'fd00:42::/64']],
  [{ podCIDR: '10.42.3.0/24' }, ['10.42.3.0/24']],
  [{}, undefined],
  [{ podCIDRs: [''] }, undefined],
])('the ranges of its pods in %j are %j', (spec, podCIDRs) => {
  expect(readNode({ metadata: { name: 'n1' }, spec }).value.podCIDRs).toEqual(podCIDRs);
});

test("the addresses that calico-node found at interfaces, without those that are no machine's alone", () => {
  const addresses = ['172.31.0.13', '2001:DB8:2::13', 'fe80::1', '169.254.20.10', '127.0.0.1', 'rubbish', 7];
  const text = JSON.stringify([{ name: 'eth1', addresses }, { name: 'eth2' }, 'rubbish']);
  const found = (annotation: string) =>
    readNode({ metadata: { name: 'n1', annotations: { 'projectcalico.org/Interfaces': annotation } } });
  expect(found(text)).toMatchObject({
    value: { addresses: [], interfaceAddresses: ['172.31.0.13', '2001:db8:2::13'] },
    flaws: [],
  });
  for (const rubbish of ['', '{', '{}', 'null', '[]'])
    expect(found(rubbish)).toEqual({ value: { name: 'n1', labels: {}, addresses: [] }, flaws: [] });
});

test('with flannel, a node has the first two addresses of the range of its pods', () => {
  const annotations = { 'flannel.alpha.coreos.com/backend-type': 'vxlan' };
  const spec = { podCIDRs: ['10.42.3.0/24', 'fd00:42:0:3::/64'] };
  const addressesOf = (metadata: object) =>
    readNode({ metadata: { name: 'n1', ...metadata }, spec }).value.addresses;
  expect(addressesOf({ annotations })).toEqual(['10.42.3.0', '10.42.3.1', 'fd00:42:0:3::', 'fd00:42:0:3::1']);
  expect(addressesOf({})).toEqual([]);
});

test('knows the port of a kubelet, unless it is no port', () => {
  const read = (Port: unknown) =>
    readNode({ metadata: { name: 'n1' }, status: { daemonEndpoints: { kubeletEndpoint: { Port } } } });
  expect(read(10251).value.kubeletPort).toBe(10251);
  for (const odd of [0, 65_536, '10250', 1.5, undefined, null])
    expect(read(odd)).toEqual({ value: { name: 'n1', labels: {}, addresses: [] }, flaws: [] });
});
