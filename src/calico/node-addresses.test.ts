import { expect, test } from '@jest/globals';
import { nodeAddresses } from './node-addresses.ts';

test('collects the addresses of the node and of its tunnels, each once, without masks', () => {
  const node = {
    metadata: {
      annotations: {
        'projectcalico.org/IPv4Address': '10.0.0.5/24',
        'projectcalico.org/IPv6Address': '2001:DB8::5/64',
        'projectcalico.org/IPv4VXLANTunnelAddr': '192.168.7.0',
        'projectcalico.org/IPv4IPIPTunnelAddr': '',
        'projectcalico.org/IPv6WireguardInterfaceAddr': 'fd00::9',
        'other.io/address': '203.0.113.9',
      },
    },
    status: {
      addresses: [
        { type: 'Hostname', address: 'node1' },
        { type: 'InternalIP', address: '10.0.0.5' },
        { type: 'ExternalIP', address: '198.51.100.5' },
        { type: 'InternalIP', address: 'fe80::1%eth0' },
      ],
    },
  };
  expect(nodeAddresses(node)).toEqual(['10.0.0.5', '192.168.7.0', '198.51.100.5', '2001:db8::5', 'fd00::9']);
});

test('a node that has not registered its addresses yet has none', () => {
  expect(nodeAddresses({})).toEqual([]);
});
