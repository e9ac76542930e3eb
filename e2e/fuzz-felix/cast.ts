/** The machines and pods of the fuzz. They stay for a whole run; labels, policies and Services change. */
import type { Endpoint, ListeningPort, OutsideHost, StartedCluster, StartedPod } from '../cluster.ts';
import type { StartedLocalCluster } from '../local/started-cluster.ts';
import { localCluster } from '../providers/local.ts';
import type { NodeSpec } from '../local/network/node.ts';

export const NODES: readonly NodeSpec[] = [
  { name: 'node1', dataplane: 'iptables' },
  { name: 'node2', dataplane: 'nftables' },
];
export const NAMESPACES = ['red', 'green', 'blue'] as const;
export const ACCOUNTS = ['default', 'robot'] as const;

export interface PodPlan {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly serviceAccount: string;
  readonly ports: readonly ListeningPort[];
}

const tcp = (port: number, name?: string): ListeningPort => ({ port, ...(name !== undefined && { name }) });
const udp = (port: number, name?: string): ListeningPort => ({ ...tcp(port, name), protocol: 'UDP' });

/** Ports on which every pod listens. Their names differ from pod to pod. */
const PORTS = {
  plain: [tcp(80, 'http'), tcp(443, 'https'), tcp(8080), udp(53, 'dns'), udp(80)],
  odd: [tcp(80), tcp(443), tcp(8080, 'http'), udp(53), udp(80, 'dns')],
} as const;

const pod = (
  namespace: string,
  name: string,
  node: string,
  serviceAccount: string,
  ports: keyof typeof PORTS,
): PodPlan => ({ namespace, name, node, serviceAccount, ports: PORTS[ports] });

export const PODS: readonly PodPlan[] = [
  pod('red', 'one', 'node1', 'default', 'plain'),
  pod('red', 'two', 'node2', 'robot', 'plain'),
  pod('red', 'three', 'node1', 'robot', 'odd'),
  pod('green', 'one', 'node1', 'default', 'odd'),
  pod('green', 'two', 'node2', 'default', 'plain'),
  pod('green', 'three', 'node2', 'robot', 'plain'),
  pod('blue', 'one', 'node1', 'robot', 'plain'),
  pod('blue', 'two', 'node2', 'default', 'odd'),
];

export const POD_PORTS = { tcp: [80, 443, 8080], udp: [53, 80] } as const;
/** 22 and 2379 are failsafe ports inbound. */
export const NODE_PORTS = { tcp: [22, 2379, 9100, 9443], udp: [68, 9100] } as const;
/** TCP 2379 and UDP 53 are failsafe ports outbound. */
export const OUTSIDE_PORTS = { tcp: [80, 443, 2379], udp: [53, 80] } as const;

const listening = (ports: { readonly tcp: readonly number[]; readonly udp: readonly number[] }) => [
  ...ports.tcp.map((port) => tcp(port)),
  ...ports.udp.map((port) => udp(port)),
];

export const OUTSIDE: readonly { readonly name: string; readonly addresses: readonly string[] }[] = [
  { name: 'far', addresses: ['203.0.113.50', '2001:db8::50'] },
  { name: 'away', addresses: ['198.51.100.7', '2001:db8:1::7'] },
];

/** A way in which the nodes are connected. */
export type Shape = 'routed' | 'VXLAN';

export interface Cast extends AsyncDisposable {
  readonly shape: Shape;
  readonly cluster: StartedLocalCluster;
  readonly pods: ReadonlyMap<string, StartedPod>;
  readonly outside: ReadonlyMap<string, OutsideHost>;
  /** By `pod NAMESPACE/NAME`, `node NAME` or `outside NAME`. */
  endpoint(name: string): Endpoint;
}

/** @param flowLogs true where Felix should write them */
export async function startCast(shape: Shape, flowLogs: boolean): Promise<Cast> {
  const cluster = await localCluster({
    nodes: NODES,
    serviceProxy: true,
    flowLogs,
    podNetwork: { natOutgoing: true, ...(shape === 'VXLAN' && { overlay: 'VXLAN' }) },
  }).start();
  try {
    const [pods, outside] = await Promise.all([startPods(cluster), startOutside(cluster)]);
    await Promise.all(NODES.map(({ name }) => cluster.node(name).listenOnEach(listening(NODE_PORTS))));
    return {
      shape,
      cluster,
      pods,
      outside,
      endpoint: (name) => endpointOf(cluster, pods, outside, name),
      [Symbol.asyncDispose]: () => cluster.stop(),
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function startPods(cluster: StartedCluster): Promise<ReadonlyMap<string, StartedPod>> {
  for (const name of NAMESPACES) await cluster.createNamespace(name);
  // At once, because each waits for a round of Felix. Addresses follow the order of the calls.
  return new Map(
    await Promise.all(
      PODS.map(async (plan) => [`${plan.namespace}/${plan.name}`, await cluster.createPod(plan)] as const),
    ),
  );
}

async function startOutside(cluster: StartedCluster): Promise<ReadonlyMap<string, OutsideHost>> {
  const hosts = await Promise.all(
    OUTSIDE.map((spec) => cluster.createOutsideHost({ ...spec, ports: listening(OUTSIDE_PORTS) })),
  );
  return new Map(hosts.map((host) => [host.name, host]));
}

function endpointOf(
  cluster: StartedCluster,
  pods: ReadonlyMap<string, StartedPod>,
  outside: ReadonlyMap<string, OutsideHost>,
  name: string,
): Endpoint {
  const [kind, rest = ''] = name.split(' ');
  const found = kind === 'node' ? cluster.node(rest) : kind === 'pod' ? pods.get(rest) : outside.get(rest);
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
}
