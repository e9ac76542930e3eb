/**
 * The simulator's answer about the flows of a small cluster: the policies at both ends, without NAT and the layers
 * of nodes.
 */
import { PROTOCOL } from '../../calico/read/protocols.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import { judge, type Chain } from '../../simulator/chains.ts';
import { allowed, type Decision } from '../../simulator/decision.ts';
import type { Header } from '../../simulator/packet.ts';
import { Prepared } from '../../simulator/prepared.ts';
import { readWorld } from '../../simulator/snapshot.ts';
import {
  addressOf,
  type Cluster,
  type ClusterNode,
  type Endpoint,
  type Flow,
  type Labels,
  type Pod,
  type TenantPolicy,
  type TenantRule,
} from './cluster.ts';
import type { Layer } from './node-reading.ts';
import type { Verdict } from './reading.ts';

/** @throws Error for an object that Felix would not take, and for an answer that is Unknown */
export function simulatedOf(objects: readonly GeneratedObject[], cluster: Cluster): (flow: Flow) => Verdict {
  const prepared = preparedOf(objects, cluster);
  return (flow) => {
    const leaving = decide(prepared, chainOf(prepared, flow.from, 'egress'), flow);
    if (leaving.verdict !== 'Allowed' || isOwnPod(flow)) return verdictOf(leaving);
    return verdictOf(decide(prepared, chainOf(prepared, flow.to, 'ingress'), flow));
  };
}

/**
 * True where the policies of the pod at that end let the flow pass, and for an end that is no pod.
 * @throws as simulatedOf
 */
export function simulatedEndsOf(
  objects: readonly GeneratedObject[],
  cluster: Cluster,
): (end: 'from' | 'to', flow: Flow) => boolean {
  const prepared = preparedOf(objects, cluster);
  return (end, flow) => {
    if (flow[end].kind !== 'pod') return true;
    const chain = chainOf(prepared, flow[end], end === 'from' ? 'egress' : 'ingress');
    return verdictOf(decide(prepared, chain, flow)).allowed;
  };
}

function preparedOf(objects: readonly GeneratedObject[], cluster: Cluster): Prepared {
  const world = readWorld([...objects, ...surroundingsOf(cluster)]);
  const [problem] = world.problems;
  if (problem !== undefined)
    throw new Error(`${problem.kind} ${problem.name}: ${problem.field} ${problem.why}`);
  return new Prepared(world);
}

/**
 * True when the layer lets the flow on at a node's interface, lo excluded. Failsafes are left out.
 * @throws as simulatedOf
 */
export function simulatedNodesOf(
  objects: readonly GeneratedObject[],
  cluster: Cluster,
): (at: ClusterNode, layer: Layer, flow: Flow) => boolean {
  const prepared = preparedOf(objects, cluster);
  return (at, layer, flow) => {
    const endpoint = prepared.node(at.id)?.endpoints.find(({ interfaceName }) => interfaceName === '*');
    if (endpoint === undefined) return true;
    const { preDNAT, ingress } = prepared.hostChains(endpoint);
    return verdictOf(decide(prepared, layer === 'ports' ? preDNAT : ingress, flow)).allowed;
  };
}

/** felix/rules/static.go: traffic of a node to its own pods is not policed. */
const isOwnPod = ({ from, to }: Flow): boolean =>
  from.kind === 'node' && to.kind === 'pod' && to.node === from.id;

function chainOf(prepared: Prepared, endpoint: Endpoint, direction: 'ingress' | 'egress'): Chain | undefined {
  if (endpoint.kind === 'pod') {
    const pod = prepared.pod(`${endpoint.namespace}/${podNameOf(endpoint)}`);
    if (pod === undefined) throw new Error(`no pod ${endpoint.id}`);
    return prepared.podChains(pod)[direction];
  }
  const host = prepared.world.hostEndpoints.find(({ node }) => node === endpoint.id);
  return host === undefined ? undefined : prepared.hostChains(host)[direction];
}

const NOT_JUDGED = allowed({ kind: 'noPolicy' });
const NUMBERS = { TCP: PROTOCOL.TCP, UDP: PROTOCOL.UDP, SCTP: PROTOCOL.SCTP, GRE: 47 } as const;

function decide(prepared: Prepared, chain: Chain | undefined, flow: Flow): Decision {
  if (chain === undefined) return NOT_JUDGED;
  const { protocol, port = 0, ipVersion: family } = flow;
  const icmp = family === 4 ? PROTOCOL.ICMP : PROTOCOL.ICMPv6;
  const header: Header = {
    family,
    protocol: protocol === 'ICMP' ? icmp : NUMBERS[protocol],
    sourcePort: 40_000,
    port,
    icmpType: 8,
    icmpCode: 0,
    state: 'new',
  };
  const source = prepared.party(addressOf(flow, 'from'));
  const destination = prepared.party(addressOf(flow, 'to'));
  return judge(prepared.book, chain, header, { source, destination });
}

function verdictOf({ verdict, by }: Decision): Verdict {
  if (verdict === 'Unknown') throw new Error(`unknown: ${JSON.stringify(by)}`);
  const text = by.kind === 'rule' ? `${by.rule.action} by ${by.policy.sortName}, ${by.rule.path}` : by.kind;
  return { allowed: verdict === 'Allowed', by: text };
}

const podNameOf = ({ id }: Pod): string => id.replace(/^.*\//, '');
const own = (apiVersion: string, kind: string, metadata: object, more: object = {}): object => ({
  apiVersion,
  kind,
  metadata,
  ...more,
});
const CALICO = 'projectcalico.org/v3';

/** Stored objects of everything but the policies that are asked about. */
export function surroundingsOf(cluster: Cluster): readonly object[] {
  const sets = cluster.tenantSets.map(({ namespace, labels, nets }, index) =>
    own(CALICO, 'NetworkSet', { name: `set-${String(index)}`, namespace, labels }, { spec: { nets } }),
  );
  return [
    ...cluster.namespaces.map((metadata) => own('v1', 'Namespace', metadata)),
    ...cluster.pods.map(podObject),
    ...cluster.nodes.flatMap((node) => nodeObjects(node, cluster.hostEndpoints)),
    ...sets,
    ...cluster.tenantPolicies.map(networkPolicy),
    ...cluster.apiServer.map(({ address, port }, index) =>
      own(
        'discovery.k8s.io/v1',
        'EndpointSlice',
        {
          name: `kubernetes-${String(index)}`,
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'kubernetes' },
        },
        { addressType: 'IPv4', ports: [{ port }], endpoints: [{ addresses: [address] }] },
      ),
    ),
  ];
}

function podObject(pod: Pod): object {
  const ports = pod.ports.map(({ name, protocol, port }) => ({ name, protocol, containerPort: port }));
  return own(
    'v1',
    'Pod',
    { namespace: pod.namespace, name: podNameOf(pod), labels: pod.labels },
    {
      spec: {
        nodeName: pod.node,
        serviceAccountName: pod.serviceAccount ?? 'default',
        containers: [{ ports }],
      },
      status: { phase: 'Running', podIPs: Object.values(pod.addresses).map((ip) => ({ ip })) },
    },
  );
}

/** With the labels that Calico's automatic host endpoints have. */
function nodeObjects({ id, labels, addresses }: ClusterNode, hasEndpoint: boolean): readonly object[] {
  const expectedIPs = Object.values(addresses);
  const status = { addresses: expectedIPs.map((address) => ({ type: 'InternalIP', address })) };
  const node = own('v1', 'Node', { name: id, labels }, { status });
  if (!hasEndpoint) return [node];
  const created = { 'projectcalico.org/created-by': 'calico-kube-controllers' };
  const spec = { node: id, interfaceName: '*', expectedIPs, profiles: ['projectcalico-default-allow'] };
  return [
    node,
    own(CALICO, 'HostEndpoint', { name: `${id}-auto-hep`, labels: { ...labels, ...created } }, { spec }),
  ];
}

function networkPolicy({ name, namespace, podLabels, types, ingress, egress }: TenantPolicy): object {
  const rules = (list: readonly TenantRule[], key: 'from' | 'to'): readonly object[] =>
    list.map((rule) => ({
      [key]: [peer(rule)],
      ...(rule.port !== undefined && { ports: [{ port: rule.port, protocol: 'TCP' }] }),
    }));
  return own(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    { name, namespace },
    {
      spec: {
        podSelector: { matchLabels: podLabels },
        policyTypes: types,
        ingress: rules(ingress, 'from'),
        egress: rules(egress, 'to'),
      },
    },
  );
}

const peer = ({ namespaceLabels, podLabels }: TenantRule): object => ({
  podSelector: { matchLabels: podLabels satisfies Labels },
  ...(namespaceLabels !== undefined && { namespaceSelector: { matchLabels: namespaceLabels } }),
});
