import { describe, expect, test } from '@jest/globals';
import {
  makesHostEndpoints,
  readBGPPeer,
  readFelixConfiguration,
  readGlobalNetworkPolicy,
  readHostEndpoint,
  readIPPool,
  readTier,
} from './calico.ts';

const object = (spec: object, labels: Record<string, string> = {}, name = 'default') => ({
  metadata: { name, labels },
  spec,
});

describe('host endpoints', () => {
  test("Calico's own are known by their label", () => {
    const labels = { 'projectcalico.org/created-by': 'calico-kube-controllers', edge: 'true' };
    expect(readHostEndpoint(object({ node: 'a', interfaceName: '*' }, labels, 'a-auto-hep'))).toEqual({
      name: 'a-auto-hep',
      node: 'a',
      labels,
      interfaceName: '*',
      automatic: true,
    });
  });

  test('one by addresses has no interface', () => {
    const read = readHostEndpoint(object({ node: 'a', expectedIPs: ['10.0.0.1'] }));
    expect(read).toEqual({ name: 'default', node: 'a', labels: {}, automatic: false, hasAddresses: true });
  });
});

test('a tier without an order has that of tier default', () => {
  expect(readTier(object({}, {}, 'acme'))).toEqual({ name: 'acme', order: 1_000_000, defaultAction: 'Deny' });
  expect(readTier(object({ order: 5 }, {}, 'acme'))).toMatchObject({ order: 5 });
});

test('a policy: whom it selects, and whom its rules name', () => {
  const policy = object({
    selector: 'all()',
    ingress: [{ action: 'Allow', source: { notSelector: "x == 'y'" } }, { action: 'Deny' }],
    egress: [{ action: 'Allow', destination: { selector: 'a', namespaceSelector: 'b' } }],
  });
  expect(readGlobalNetworkPolicy(policy)).toEqual({
    name: 'default',
    tier: 'default',
    allows: { ingress: true, egress: true },
    passes: { ingress: false, egress: false },
    isForHostsAlone: false,
    selector: 'all()',
    namespaceSelector: '',
    ends: [
      { selector: '', notSelector: "x == 'y'", namespaceSelector: '' },
      { selector: 'a', notSelector: '', namespaceSelector: 'b' },
    ],
  });
});

test.each([
  [{ icmp: { type: 8, code: 0 } }, true],
  [{ notICMP: { type: 8, code: 0 } }, true],
  [{ icmp: { type: 8 } }, undefined],
  [{ icmp: null }, undefined],
])('a policy about an ICMP code: %j', (rule, isSaid) => {
  const has = (direction: object) => readGlobalNetworkPolicy(object(direction)).hasIcmpCode;
  expect(has({ ingress: [rule] })).toBe(isSaid);
  expect(has({ egress: [{ action: 'Deny' }, rule] })).toBe(isSaid);
});

describe('Felix', () => {
  test('what is not set is absent', () => {
    expect(readFelixConfiguration(object({})).value).toEqual({ name: 'default' });
  });

  test('failsafes, an empty list included, and the rest of it', () => {
    const spec = {
      failsafeInboundHostPorts: [{ protocol: 'tcp', port: 22, net: '10.0.0.0/8' }, { port: 68 }, {}],
      defaultEndpointToHostAction: 'Accept',
      bpfEnabled: false,
      nftablesMode: 'Enabled',
      iptablesFilterAllowAction: 'Return',
      disableConntrackInvalidCheck: true,
      vxlanPort: 4790,
      wireguardListeningPort: 51820,
    };
    expect(readFelixConfiguration(object(spec)).value).toEqual({
      name: 'default',
      failsafeInbound: [
        { protocol: 'TCP', port: 22, net: '10.0.0.0/8' },
        { protocol: 'TCP', port: 68 },
      ],
      endpointToHostAction: 'Accept',
      bpfEnabled: false,
      nftablesMode: 'Enabled',
      iptablesFilterAllowAction: 'Return',
      disableConntrackInvalidCheck: true,
      vxlanPort: 4790,
      wireguardPorts: [51820],
    });
    expect(readFelixConfiguration(object({ failsafeInboundHostPorts: [] })).value.failsafeInbound).toEqual(
      [],
    );
  });
});

test.each([
  ['pods', {}, ['192.168.0.0/16']],
  ['pods and tunnels', { allowedUses: ['Workload', 'Tunnel'] }, ['192.168.0.0/16']],
  ['Services', { allowedUses: ['LoadBalancer'] }, []],
])('the CIDR of an IPPool for %s', (_, uses, cidrs) => {
  expect(readIPPool(object({ cidr: '192.168.0.0/16', ...uses }))).toEqual({ value: cidrs, flaws: [] });
});

test.each([
  ['10.0.0.1', ['10.0.0.1']],
  ['10.0.0.1:1790', ['10.0.0.1']],
  ['fd00::1', ['fd00::1']],
  ['[fd00::1]:1790', ['fd00::1']],
  [undefined, []],
  ['fe80::1%eth0', []],
])('the address of a BGPPeer %s', (peerIP, addresses) => {
  expect(readBGPPeer(object({ peerIP }))).toEqual({ value: addresses, flaws: [] });
});

test.each([
  ['switched on', { autoCreate: 'Enabled' }, true],
  ['off', { autoCreate: 'Disabled' }, false],
  ['not said', {}, false],
  ['from templates alone', { autoCreate: 'Enabled', createDefaultHostEndpoint: 'Disabled' }, false],
])('automatic host endpoints %s', (_, hostEndpoint, made) => {
  expect(makesHostEndpoints(object({ controllers: { node: { hostEndpoint } } }))).toBe(made);
});

describe('a field that is not what its API says is left out and named', () => {
  test.each([
    ['10.244.0.1/16', 'has host bits'],
    ['10.244.0.0', 'has no mask'],
    ['::ffff:10.0.0.0/104', 'is an IPv4-mapped IPv6 address'],
    ['x'.repeat(1_000_000), 'is too long for an address'],
    ['', 'is not an IP address'],
    [{ a: 1 }, 'is no text'],
    [undefined, 'is missing'],
  ])('the CIDR of a pool: %j', (cidr, why) => {
    const { value, flaws } = readIPPool(object({ cidr }));
    expect(value).toEqual([]);
    expect(flaws).toEqual([
      { kind: 'IPPool', name: 'default', field: 'spec.cidr', why: expect.stringContaining(why) },
    ]);
    expect(JSON.stringify(flaws).length).toBeLessThan(300);
  });

  test.each(['10.0.0.300', '010.0.0.1', '0.0.0.0', '::', '[rubbish]:179', 7])(
    'the address of a peer: %j',
    (peerIP) => {
      const { value, flaws } = readBGPPeer(object({ peerIP }));
      expect(value).toEqual([]);
      expect(flaws).toMatchObject([{ kind: 'BGPPeer', field: 'spec.peerIP' }]);
    },
  );

  test('ports of Felix', () => {
    const spec = { vxlanPort: 70_000, wireguardListeningPort: 51_820, wireguardListeningPortV6: 'x' };
    const { value, flaws } = readFelixConfiguration(object(spec));
    expect(value).toEqual({ name: 'default', wireguardPorts: [51_820] });
    expect(flaws.map(({ field }) => field)).toEqual(['spec.vxlanPort', 'spec.wireguardListeningPortV6']);
  });
});
