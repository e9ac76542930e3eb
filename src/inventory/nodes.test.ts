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
    name: 'n1',
    labels: { a: 'b' },
    addresses: ['10.0.0.5', '192.168.7.0', '198.51.100.5', '2001:db8::5', 'fd00::9'],
  });
});

test('a node that has not registered its addresses yet has none', () => {
  expect(readNode({ metadata: { name: 'n1' } })).toEqual({ name: 'n1', labels: {}, addresses: [] });
});

test("flannel's annotations make it a node of Canal", () => {
  const annotations = { 'flannel.alpha.coreos.com/backend-type': 'vxlan' };
  expect(readNode({ metadata: { name: 'n1', annotations } })).toMatchObject({ flannel: true });
});
