import { expect, test } from '@jest/globals';
import { Prepared } from '../simulator/prepared.ts';
import { readWorld } from '../simulator/snapshot.ts';
import { partyText } from './party-text.ts';
import { reach } from './reach.ts';

const pod = (name: string, ip: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name } },
  spec: { nodeName: 'worker2' },
  status: { podIPs: [{ ip }] },
});
const node = (name: string, address: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Node', metadata: { name } },
  status: { addresses: [{ type: 'InternalIP', address }] },
});
const calico = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, labels: { host: name } } },
  spec,
});

test('a failsafe for one network tells addresses apart that no rule does', () => {
  const failsafeInboundHostPorts = [
    { protocol: 'TCP', port: 22, net: '203.0.113.0/24' },
    { protocol: 'TCP', port: 23, net: '10.0.0.0/24' },
  ];
  const prepared = new Prepared(
    readWorld([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
      node('worker1', '192.168.0.1'),
      node('worker2', '192.168.0.2'),
      pod('in', '10.0.0.1'),
      pod('out', '10.9.0.1'),
      calico('IPPool', 'pods', { cidr: '10.0.0.0/8' }),
      calico('HostEndpoint', 'worker1', { node: 'worker1', interfaceName: '*' }),
      calico('GlobalNetworkPolicy', 'closed', { selector: 'has(host)', types: ['Ingress'] }),
      calico('FelixConfiguration', 'default', { failsafeInboundHostPorts }),
    ]),
  );
  const found = reach(prepared, {
    from: () => true,
    to: (party) => party.kind === 'nodes' && party.names.includes('worker1'),
  });
  const rows = found.sources.flatMap(found.rowsOf).map(({ from, allowed }) => ({
    from: partyText(from, prepared, found.parties).name,
    allowed,
  }));
  expect(rows).toEqual([
    { from: 'shop/in', allowed: ['23/TCP'] },
    { from: '203.0.113.0/24', allowed: ['22/TCP'] },
  ]);
});

test('pods with the same policies are apart where Felix has other settings on their nodes', () => {
  const prepared = new Prepared(
    readWorld([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
      node('worker1', '192.168.0.1'),
      node('worker2', '192.168.0.2'),
      { ...pod('near', '10.0.0.1'), spec: { nodeName: 'worker1' } },
      pod('far', '10.0.0.2'),
      calico('FelixConfiguration', 'node.worker1', { allowVXLANPacketsFromWorkloads: true }),
    ]),
  );
  const found = reach(prepared, { from: ({ kind }) => kind === 'pods', to: ({ kind }) => kind === 'pods' });
  const rows = found.sources.flatMap(found.rowsOf).map(({ from, to, allowed }) => ({
    ends: [from, to].map((party) => partyText(party, prepared, found.parties).name),
    hasTunnels: allowed.some((ports) => ports === 'UDP'),
  }));
  expect(rows).toEqual([
    { ends: ['shop/near', 'shop/far'], hasTunnels: true },
    { ends: ['shop/far', 'shop/near'], hasTunnels: false },
  ]);
});

test('pods are apart where the packets to them go through a tunnel, and to the others of their kind do not', () => {
  const numbers = [1, 2, 3];
  // The third node is in another subnet.
  const addressOf = (number: number): string => `192.168.${number === 3 ? '9' : '0'}.${String(number)}`;
  const prepared = new Prepared(
    readWorld([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
      ...numbers.map((number) => {
        const annotations = {
          'projectcalico.org/IPv4Address': `${addressOf(number)}/24`,
          'projectcalico.org/IPv4VXLANTunnelAddr': `10.0.200.${String(number)}`,
        };
        const name = `worker${String(number)}`;
        return { ...node(name, addressOf(number)), metadata: { name, annotations } };
      }),
      ...numbers.map((number) => ({
        ...pod(`pod${String(number)}`, `10.0.0.${String(number)}`),
        spec: { nodeName: `worker${String(number)}` },
      })),
      ...numbers.map((number) => ({
        ...{ apiVersion: 'projectcalico.org/v3', kind: 'HostEndpoint' },
        metadata: { name: `worker${String(number)}`, labels: { host: 'closed' } },
        spec: { node: `worker${String(number)}`, expectedIPs: [addressOf(number)] },
      })),
      calico('IPPool', 'pods', { cidr: '10.0.0.0/16', vxlanMode: 'CrossSubnet' }),
      calico('GlobalNetworkPolicy', 'closed', {
        ...{ selector: "host == 'closed'", types: ['Ingress'], applyOnForward: true },
      }),
    ]),
  );
  const found = reach(prepared, { from: ({ kind }) => kind === 'pods', to: ({ kind }) => kind === 'pods' });
  const rows = found.sources
    .flatMap(found.rowsOf)
    .map(({ from, to }) =>
      [from, to].map((party) => partyText(party, prepared, found.parties).name).join(' → '),
    );
  expect(rows).toEqual(['shop/pod1, shop/pod2 → shop/pod3', 'shop/pod3 → shop/pod1, shop/pod2']);
});
