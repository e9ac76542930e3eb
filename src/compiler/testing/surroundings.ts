/**
 * fast-check arbitraries for the cluster around the firewalls: namespaces, pods, nodes and objects of
 * tenants.
 */
import fc from 'fast-check';
import { distributionsOf } from '../../inventory/distributions.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import {
  UNKNOWN_CLUSTER,
  type ApiServerBackend,
  type Inventory,
  type ServiceInfo,
} from '../../inventory/types.ts';
import {
  type Cluster,
  type ClusterNode,
  type ContainerPort,
  type Endpoint,
  type Flow,
  type Labels,
  type OutsideHost,
  type Pod,
  type TenantPolicy,
  type TenantRule,
  endpointsOf,
} from './cluster.ts';
import { NAMESPACES } from './generators.ts';

export interface Scene {
  readonly cluster: Cluster;
  readonly inventory: Inventory;
}

const label = <T>(...values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 4 });
const defined = (labels: Readonly<Record<string, string | undefined>>): Labels =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
export const podLabels = fc
  .record({ role: label('x', 'y', ''), app: label('p', 'q'), in: label('p') })
  .map(defined);
const namespaceLabels = fc.record({ role: label('x', 'y', ''), team: label('p', 'q') }).map(defined);

const CONTAINER_PORTS: readonly (readonly ContainerPort[])[] = [
  [],
  [{ name: 'http', protocol: 'TCP', port: 80 }],
  [
    { name: 'http', protocol: 'TCP', port: 8080 },
    { name: 'dns', protocol: 'UDP', port: 53 },
  ],
  [
    { name: 'web', protocol: 'TCP', port: 81 },
    { name: 'http', protocol: 'UDP', port: 80 },
  ],
];

const CONTROL_PLANE = { 'node-role.kubernetes.io/control-plane': '' };
const MASTER = { 'node-role.kubernetes.io/master': 'true' };
const ETCD = { 'node-role.kubernetes.io/etcd': 'true' };
const K0S = { 'node.k0sproject.io/role': 'worker' };
const NODES: readonly ClusterNode[] = [
  { kind: 'node', id: 'node1', labels: { role: 'x' }, addresses: { 4: '10.9.0.11', 6: 'fd00:9::11' } },
  { kind: 'node', id: 'node2', labels: { app: 'p' }, addresses: { 4: '10.9.0.12', 6: 'fd00:9::12' } },
];
const nodes: fc.Arbitrary<readonly ClusterNode[]> = fc
  .tuple(...NODES.map(() => fc.constantFrom<Labels>({}, CONTROL_PLANE, MASTER, ETCD, K0S)))
  .map((roles) => NODES.map((node, index) => ({ ...node, labels: { ...node.labels, ...roles[index] } })));
const OUTSIDE: readonly OutsideHost[] = [
  { kind: 'outside', id: 'office', addresses: { 4: '198.51.100.7', 6: '2001:db8::7' } },
  { kind: 'outside', id: 'world', addresses: { 4: '203.0.113.9', 6: '2001:db9::9' } },
  { kind: 'outside', id: 'internet', addresses: { 4: '9.9.9.9', 6: '2620:fe::9' } },
  { kind: 'outside', id: 'metadata', addresses: { 4: '169.254.169.254', 6: 'fd00:ec2::254' } },
  // A node-local cache has an address of its own, and those of the DNS Service.
  { kind: 'outside', id: 'dns-cache', addresses: { 4: '169.254.20.10', 6: 'fd00:96::a' } },
];
const API_SERVER: Cluster['apiServer'] = [
  { address: '10.9.0.11', port: 6443 },
  { address: '203.0.113.9', port: 6443 },
];

/** Two pods in each of the three namespaces of the alphabet, one elsewhere. */
const places = NAMESPACES.flatMap((namespace, index) =>
  (namespace.length === 1 ? [1, 2] : [1]).map((pod) => ({ namespace, pod, subnet: index + 1 })),
);
const pods: fc.Arbitrary<readonly Pod[]> = fc.tuple(
  ...places.map(({ namespace, pod, subnet }) =>
    fc
      .record({
        labels: podLabels,
        ports: fc.constantFrom(...CONTAINER_PORTS),
        serviceAccount: fc.constantFrom('default', 'web', 'db'),
      })
      .map(({ labels, ports, serviceAccount }): Pod => ({
        kind: 'pod',
        id: `${namespace}/${String(pod)}`,
        namespace,
        serviceAccount,
        labels: namespace === 'kube-system' ? { ...labels, 'k8s-app': 'kube-dns' } : labels,
        addresses: {
          4: `10.1.${String(subnet)}.${String(pod)}`,
          6: `fd00:1:0:${String(subnet)}::${String(pod)}`,
        },
        node: pod === 1 ? 'node1' : 'node2',
        ports,
      })),
  ),
);

const namespaces = fc
  .tuple(...NAMESPACES.map((name) => namespaceLabels.map((labels) => ({ name, labels }))))
  .map((list) =>
    list.map(({ name, labels }) => ({ name, labels: { ...labels, 'kubernetes.io/metadata.name': name } })),
  );

const tenantRule: fc.Arbitrary<TenantRule> = fc
  .record({
    namespaceLabels: fc.option(fc.oneof(fc.constant({}), namespaceLabels), { nil: undefined }),
    podLabels,
    port: fc.option(fc.constantFrom(80, 53), { nil: undefined }),
  })
  .map(({ namespaceLabels: ofNamespace, podLabels: ofPod, port }) => ({
    podLabels: ofPod,
    ...(ofNamespace !== undefined && { namespaceLabels: ofNamespace }),
    ...(port !== undefined && { port }),
  }));
const tenantPolicy: fc.Arbitrary<TenantPolicy> = fc.record({
  name: fc.constantFrom('own', 'other'),
  namespace: fc.constantFrom('a', 'b', 'kube-system'),
  podLabels,
  types: fc.constantFrom(['Ingress'] as const, ['Egress'] as const, ['Ingress', 'Egress'] as const),
  ingress: fc.array(tenantRule, { maxLength: 2 }),
  egress: fc.array(tenantRule, { maxLength: 2 }),
});
const tenantPolicies = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.uniqueArray(tenantPolicy, {
      maxLength: 2,
      selector: ({ name, namespace }) => `${namespace}/${name}`,
    }),
  },
);

/**
 * A set that claims everybody's address, with labels that rules select. It is no pod, so no rule may match
 * it.
 */
const tenantSets = fc.array(
  fc.record({
    namespace: fc.constantFrom('a', 'c'),
    labels: podLabels,
    nets: fc.constantFrom(['0.0.0.0/0'], ['::/0', '10.1.1.0/24'], ['198.51.100.0/24']),
  }),
  { maxLength: 1 },
);

const WEBHOOK_PLACES = ['a', 'b', 'kube-system', 'later'] as const;
/** Labels that pods carry. The empty selector selects no pod, not every pod. */
const serviceSelector = fc.constantFrom<Labels>(
  { 'k8s-app': 'kube-dns' },
  { app: 'p' },
  { role: 'x' },
  { in: 'p' },
  { role: '', app: 'q' },
  {},
);
export const services: fc.Arbitrary<readonly ServiceInfo[]> = fc.uniqueArray(
  fc
    .record({
      namespace: fc.constantFrom(...WEBHOOK_PLACES),
      name: fc.constantFrom('hook', 'api'),
      selector: fc.option(serviceSelector, { nil: undefined, freq: 9 }),
      clusterIPs: fc.constantFrom([], ['10.96.0.7', 'fd00:96::7'], ['10.96.0.10', 'fd00:96::a']),
      ports: fc.uniqueArray(
        fc.oneof(
          fc.record({
            protocol: fc.constant('TCP' as const),
            port: fc.constantFrom(443, 80),
            targetPort: fc.constantFrom(80, 8080, 'http', 'web', 'dns'),
          }),
          fc.record({
            protocol: fc.constant('UDP' as const),
            port: fc.constant(53),
            targetPort: fc.constantFrom(53, 80, 'dns'),
          }),
        ),
        { minLength: 1, maxLength: 2, selector: ({ port }) => port },
      ),
    })
    .map(({ selector, ...rest }) => ({ ...rest, ...(selector !== undefined && { selector }) })),
  { minLength: 4, maxLength: 6, selector: ({ namespace, name }) => `${namespace}/${name}` },
);
const backends: fc.Arbitrary<readonly ApiServerBackend[]> = fc.array(
  fc.record({
    namespace: fc.constantFrom(...WEBHOOK_PLACES),
    service: fc.constantFrom('hook', 'api'),
    port: fc.constantFrom(443, 80),
    because: fc.constantFrom('ValidatingWebhookConfiguration/x', 'APIService/v1.y'),
  }),
  { minLength: 3, maxLength: 8 },
);

/** The inventory of the API server. At times the list of backends is incomplete. */
const apiServer = fc.record({
  apiServerEndpoints: fc.option<readonly string[], typeof UNKNOWN>(
    fc.constantFrom([], ['10.9.0.11'], ['203.0.113.9', 'fd00:9::12']),
    { nil: UNKNOWN, freq: 5 },
  ),
  apiServerBackends: backends,
  services,
  unlistedKinds: fc.constantFrom<readonly string[]>([], [], [], ['apiservices'], ['services']),
});

/**
 * A cluster and the compiler's inventory of it. `later` is a namespace that rules name and that does not
 * exist.
 */
export const scene: fc.Arbitrary<Scene> = fc
  .record({
    namespaces,
    pods,
    hostEndpoints: fc.boolean(),
    tenantPolicies,
    tenantSets,
    nodes,
    nodesKnown: fc.oneof(
      { weight: 8, arbitrary: fc.constant('known') },
      { weight: 1, arbitrary: fc.constant('unknown') },
      { weight: 1, arbitrary: fc.constant('none has an address') },
    ),
    apiServer,
    operator: fc.boolean(),
  })
  .map(({ nodesKnown, operator, apiServer: apiServerInventory, ...rest }) => ({
    cluster: { ...rest, outside: OUTSIDE, apiServer: API_SERVER },
    inventory: {
      ...UNKNOWN_CLUSTER,
      ...apiServerInventory,
      namespaces: rest.namespaces,
      ...(nodesKnown === 'known' && { nodes: rest.nodes.map(asInventory) }),
      ...(nodesKnown === 'none has an address' && {
        nodes: rest.nodes.map((node) => ({ ...asInventory(node), addresses: [] })),
      }),
      ipPools: ['10.1.0.0/16', 'fd00:1::/48'],
      ...(operator && { operatorNamespace: 'cfw-system' }),
    },
  }));

const asInventory = ({ id, labels, addresses }: ClusterNode) => ({
  name: id,
  labels,
  addresses: Object.values(addresses),
  distributions: distributionsOf(labels, undefined),
});

const PROBES: readonly Pick<Flow, 'protocol' | 'port'>[] = [
  { protocol: 'TCP', port: 80 },
  { protocol: 'TCP', port: 81 },
  { protocol: 'TCP', port: 8080 },
  { protocol: 'UDP', port: 53 },
  { protocol: 'UDP', port: 80 },
  { protocol: 'SCTP', port: 81 },
  { protocol: 'TCP', port: 6443 },
  { protocol: 'ICMP' },
  { protocol: 'GRE' },
];

/** Every pair of different ends with every probe in both families. */
export function flowsOf(cluster: Cluster): readonly Flow[] {
  const ends = endpointsOf(cluster);
  return ends.flatMap((from) => ends.flatMap((to) => (from === to ? [] : flowsBetween(from, to))));
}

const flowsBetween = (from: Endpoint, to: Endpoint): readonly Flow[] =>
  ([4, 6] as const)
    .filter((ipVersion) => from.addresses[ipVersion] !== undefined && to.addresses[ipVersion] !== undefined)
    .flatMap((ipVersion) => PROBES.map((probe) => ({ from, to, ipVersion, ...probe })));
