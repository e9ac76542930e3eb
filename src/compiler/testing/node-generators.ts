/** fast-check arbitraries for `spec.nodes`, over the alphabet of generators.ts and surroundings.ts. */
import fc from 'fast-check';
import type { ClusterFirewall, Group, IngressRule, Nodes, PortValue, Zone } from '../../api/schema.ts';
import { maybe, record, some } from './arbitraries.ts';

const peer = fc.constantFrom('office', 'edge', 'prometheus');
const block = fc.constantFrom(
  '198.51.100.0/24',
  '203.0.113.9/32',
  '10.0.0.0/8',
  '0.0.0.0/0',
  '2001:db8::/32',
);
const source: fc.Arbitrary<Zone['from'][number]> = fc.oneof(
  peer.map((name) => ({ peer: name })),
  block.map((cidr) => ({ ipBlock: { cidr } })),
  fc
    .constantFrom('Everyone', 'World', 'Pods', 'Nodes', 'ControlPlane')
    .map((entity) => ({ entity }) as const),
);
const PORTS: readonly PortValue[] = [
  80,
  '80-81',
  2379,
  '10250',
  '53/UDP',
  '81/SCTP',
  '30000-30100',
  '2000-11000',
  '1-65535/UDP',
];
const SERVICES = ['ssh', 'kubelet', 'kube-apiserver', 'etcd', 'dns', 'nodeports', 'registry'] as const;
const allBut: fc.Arbitrary<NonNullable<Zone['allow']['allBut']>> = fc.oneof(
  some(PORTS).map((ports) => ({ ports })),
  some(['ssh', 'kubelet', 'dns', 'registry']).map((services) => ({ services })),
  fc.constantFrom<NonNullable<Zone['allow']['allBut']>>(
    { protocols: ['gre'] },
    { ports: ['ICMP', 22] },
    { ports: ['ICMP'] },
    { protocols: [47, 'icmp'] },
  ),
);
const allow: fc.Arbitrary<Zone['allow']> = fc.oneof(
  { weight: 1, arbitrary: allBut.map((left) => ({ allBut: left })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Zone['allow']>(
      { protocols: ['gre'] },
      { protocols: ['icmp', 'ipv6-icmp'] },
      { ports: ['ICMP', 80] },
    ),
  },
  { weight: 1, arbitrary: fc.constant({ all: true as const }) },
  { weight: 2, arbitrary: some(PORTS).map((ports) => ({ ports })) },
  { weight: 2, arbitrary: some(SERVICES).map((services) => ({ services })) },
  { weight: 1, arbitrary: fc.record({ ports: some(PORTS), services: some(SERVICES) }) },
);
/** Labels that the nodes of surroundings.ts have, one each. */
const nodeSelector = fc.constantFrom({ matchLabels: { role: 'x' } }, { matchLabels: { app: 'p' } });
const zone = (name: string): fc.Arbitrary<Zone> =>
  record<Zone>({
    name: fc.constant(name),
    from: fc.array(source, { minLength: 1, maxLength: 3 }),
    allow,
    addresses: maybe(fc.constantFrom(['10.9.0.11/32'], ['10.9.0.0/16', 'fd00:9::/64', '203.0.113.0/24'])),
    nodeSelector: maybe(nodeSelector, 1),
  });

const ENTRIES = [
  'icmp',
  'icmpv6',
  'dhcp',
  'api-server',
  'etcd',
  'kubelet',
  'nodes-to-nodes',
  'vxlan',
  'node-local-dns',
];
const registry = { name: 'registry', ports: [5000, '5000/UDP'] };
const services = fc.constantFrom<NonNullable<Nodes['services']>>(
  [registry],
  [registry, { name: 'kubelet', ports: [10251], override: true }],
);

const withoutRanges: fc.Arbitrary<Nodes> = record<Nodes>({
  mode: fc.constantFrom('Enforce', 'Enforce', 'Enforce', 'Observe'),
  nodeSelector: maybe(nodeSelector, 1),
  destinations: maybe(fc.constantFrom('Known', 'All')),
  extraAddresses: maybe(fc.constant(['198.51.100.7/32'])),
  controlPlane: maybe(
    fc.array(
      peer.map((name) => ({ peer: name })),
      { maxLength: 1 },
    ),
  ),
  etcd: maybe(fc.constantFrom([], [{ peer: 'office' }]), 1),
  breakGlass: maybe(fc.constant([{ peer: 'office' }]), 1),
  breakGlassServices: maybe(fc.constantFrom(['kubelet'], ['ssh', 'registry'])),
  log: maybe(fc.constantFrom('None', 'Refused')),
  baseline: maybe(some(ENTRIES, 4).map((disable) => ({ disable }))),
  services,
  blocked: maybe(
    fc.array(
      block.map((cidr) => ({ ipBlock: { cidr } })),
      { minLength: 1, maxLength: 2 },
    ),
    1,
  ),
  zones: fc.tuple(zone('one'), zone('two'), zone('three')).chain((zones) => fc.subarray(zones)),
});

const ranges = fc.constantFrom<Pick<Nodes, 'nodeCIDRs' | 'nodeCIDRsExcept'>>(
  {},
  { nodeCIDRs: [] },
  { nodeCIDRs: ['10.9.0.0/24'], nodeCIDRsExcept: ['10.9.0.12/32'] },
  { nodeCIDRs: ['203.0.113.0/24', 'fd00:9::/64', '2001:db9::/32'] },
  { nodeCIDRs: ['203.0.113.0/24', '2001:db9::/32'], nodeCIDRsExcept: ['203.0.113.8/29', '2001:db9::/96'] },
);
const nodes: fc.Arbitrary<Nodes> = fc
  .tuple(withoutRanges, ranges)
  .map(([some, joining]) => ({ ...some, ...joining }));

const NODE_PORTS = [30080, '30053/UDP', '30081/SCTP'] as const;
const HOST_PORTS = [80, '53/UDP'] as const;
type NodeAndHostPorts = Pick<IngressRule, 'nodePorts' | 'hostPorts' | 'openAt'>;
const nodeAndHostPorts: fc.Arbitrary<NodeAndHostPorts> = fc.oneof(
  record<NodeAndHostPorts>({ nodePorts: maybe(some(NODE_PORTS)), hostPorts: maybe(some(HOST_PORTS)) }),
  record<NodeAndHostPorts>({
    nodePorts: some(NODE_PORTS),
    openAt: nodeSelector.map((labels) => ({ nodeSelector: labels })),
  }),
);

/** Such an entry depends on where the pods are. Unit tests cover it. */
const isLocal = (entry: IngressRule['from'][number]): boolean =>
  entry.entity === 'SameNamespace' ||
  (entry.pods !== undefined && entry.pods.namespaceSelector === undefined);

/**
 * Adds `nodes` to the firewall called default, and nodePorts and hostPorts to the first ingress rule of each
 * group.
 */
export const withNodes = (list: readonly ClusterFirewall[]): fc.Arbitrary<readonly ClusterFirewall[]> =>
  fc.record({ nodes, nodeAndHostPorts }).map(({ nodes: ofDefault, nodeAndHostPorts: openPorts }) => {
    const open = (group: Group): Group => {
      const [first, ...rest] = group.ingress ?? [];
      return first === undefined || first.from.some(isLocal)
        ? group
        : { ...group, ingress: [{ ...first, ...openPorts }, ...rest] };
    };
    return list.map(({ metadata, spec }) => ({
      metadata,
      spec: {
        ...spec,
        ...(spec.namespaces !== undefined && { namespaces: spec.namespaces.map(open) }),
        ...(metadata.name === 'default' && { nodes: ofDefault }),
      },
    }));
  });
