/**
 * A node firewall as people write it with Calico alone: a HostEndpoint for the interface of each node, and
 * policies for them. docs/migrate.md says how to leave it.
 */
import type { StartedCluster } from '../../cluster.ts';
import { object, type CalicoObject } from './by-hand.ts';

const HOST = 'example.com/host';
/** The part of a selector that docs/migrate.md asks for. */
const KEEPS_TO_ITSELF = ' && !has(clusterfirewall.io/gate) && !has(clusterfirewall.io/lo)';

/** Calico wants a rule for each family. */
const OFFICE = [['198.51.100.0/24'], ['2001:db8:1::/48']];
const OPERATIONS = [['10.200.0.0/16'], ['fd00:200::/64']];
/** The API server is in their subnet. */
const NODES = [['10.99.0.0/24'], ['fd00:99::/64']];
const PUBLISHED = [30080, 30081, 8443];

const from = (nets: readonly (readonly string[])[], rule: object): readonly object[] =>
  nets.map((each) => ({ action: 'Allow', source: { nets: each }, ...rule }));

export const oldEndpoints = (cluster: StartedCluster): readonly CalicoObject[] =>
  cluster.nodes.map(({ name, addresses }) =>
    object(
      'HostEndpoint',
      `${name}-eth0`,
      { node: name, interfaceName: 'eth0', expectedIPs: addresses },
      { [HOST]: name },
    ),
  );

/** @param limited true: as docs/migrate.md changes them first */
export function oldPolicies(limited: boolean): readonly CalicoObject[] {
  const selector = `has(${HOST})${limited ? KEEPS_TO_ITSELF : ''}`;
  const policy = (name: string, spec: object): CalicoObject =>
    object('GlobalNetworkPolicy', name, { selector, ...spec });
  const published = { ports: PUBLISHED };
  return [
    policy('old-published', {
      ...{ order: 10, preDNAT: true, applyOnForward: true, types: ['Ingress'] },
      ingress: [
        ...from([...OFFICE, ...NODES], { protocol: 'TCP', destination: published }),
        { action: 'Deny', protocol: 'TCP', destination: published },
        { action: 'Deny', source: { nets: ['192.0.2.0/24'] } },
      ],
    }),
    policy('old-hosts', {
      ...{ order: 20, types: ['Ingress', 'Egress'], egress: [{ action: 'Allow' }] },
      ingress: [
        ...from(NODES, {}),
        { action: 'Allow', protocol: 'ICMP' },
        { action: 'Allow', protocol: 'ICMPv6' },
        { action: 'Allow', protocol: 'TCP', destination: { ports: [22, 443] } },
        ...from(OPERATIONS, { protocol: 'UDP', destination: { ports: [9998] } }),
      ],
    }),
  ];
}
