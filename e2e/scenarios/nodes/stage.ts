/** One cluster with everything that reaches a node, in one dataplane. */
import type { Dataplane, Endpoint, StartedCluster, StartedNode } from '../../cluster.ts';
import type { NodeSpec } from '../../local/network/node.ts';
import { localCluster } from '../../providers/local.ts';
import * as cast from './cast.ts';

/** Milliseconds. kube-proxy and Calico's kube-controllers are built first where they were not built yet. */
export const START_WITHIN = 1_200_000;

export interface NodeStage extends AsyncDisposable {
  readonly cluster: StartedCluster;
  /** `world` and the other hosts of cast.ts, `apiserver`, a node's name, `NAMESPACE/POD`. */
  endpoint(name: string): Endpoint;
  node(name: string): StartedNode;
  /** Addresses of a node, keyed by kind. */
  addresses(node: string): Promise<Addresses>;
}

export interface Addresses {
  readonly internal: readonly string[];
  readonly tunnel: readonly string[];
  readonly linkLocal: readonly string[];
}

export interface NodeStageOptions {
  /** In addition to those of cast.ts. */
  readonly nodes?: readonly NodeSpec[];
  /**
   * Controllers of kube-controller-manager, in addition to the one for EndpointSlices, which kube-proxy
   * needs.
   */
  readonly controllers?: readonly string[];
}

export async function startNodeStage(
  dataplane: Dataplane,
  { nodes = [], controllers = [] }: NodeStageOptions = {},
): Promise<NodeStage> {
  const cluster = await localCluster({
    nodes: [...cast.nodeSpecs(dataplane), ...nodes],
    podNetwork: { overlay: 'VXLAN', natOutgoing: true },
    serviceProxy: true,
    calicoControllers: true,
    controllers: ['endpointslice-controller', ...controllers],
  }).start();
  try {
    return stage(cluster, await enter(cluster));
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function stage(cluster: StartedCluster, actors: ReadonlyMap<string, Endpoint>): NodeStage {
  return {
    cluster,
    endpoint: (name) => {
      const found = actors.get(name);
      if (found === undefined) throw new Error(`no participant is called ${name}: see cast.ts`);
      return found;
    },
    node: (name) => cluster.node(name),
    addresses: (name) => addresses(cluster.node(name)),
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
}

async function addresses(node: StartedNode): Promise<Addresses> {
  const all = await node.interfaceAddresses();
  const where = (test: (device: string, address: string) => boolean): readonly string[] =>
    all.filter(({ device, address }) => test(device, address)).map(({ address }) => address);
  const isLinkLocal = (address: string): boolean => address.startsWith('fe80:');
  return {
    internal: node.addresses,
    tunnel: where((device, address) => device.startsWith('vxlan') && !isLinkLocal(address)),
    linkLocal: where((device, address) => device === 'eth0' && isLinkLocal(address)),
  };
}

async function enter(cluster: StartedCluster): Promise<ReadonlyMap<string, Endpoint>> {
  const actors = new Map<string, Endpoint>(cluster.nodes.map((node) => [node.name, node]));
  actors.set('apiserver', cluster.controlPlane());
  for (const [name, labels] of Object.entries(cast.NAMESPACES)) await cluster.createNamespace(name, labels);
  for (const node of cluster.nodes) {
    for (const address of cast.VIRTUAL[node.name] ?? []) await node.addVirtualAddress(address);
    const second = cast.SECOND_NIC[node.name];
    if (second !== undefined) await node.addInterface('eth1', second);
  }
  await Promise.all([
    ...cast.PODS.map(async (spec) => {
      actors.set(`${spec.namespace}/${spec.name}`, await cluster.createPod(spec));
    }),
    ...cast.OUTSIDE.map(async (spec) => {
      actors.set(spec.name, await cluster.createOutsideHost(spec));
    }),
    cluster.kubectl(['apply', '--filename', '-'], { input: services() }),
  ]);
  const { hostPort, port, pod, node } = cast.HOST_PORT;
  const target = actors.get(pod);
  if (target === undefined) throw new Error(`no pod ${pod}`);
  await cluster.node(node).mapHostPort({ hostPort, port, pod: target });
  for (const each of cluster.nodes) await each.listenOnEach(cast.HOST_PORTS);
  return actors;
}

function services(): string {
  const items = Object.entries(cast.NODE_PORTS).map(([nodePort, app]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `node-port-${nodePort}`, namespace: 'shop' },
    spec: {
      type: 'NodePort',
      ipFamilyPolicy: 'RequireDualStack',
      selector: { app },
      ports: [{ port: 80, targetPort: 8080, nodePort: Number(nodePort) }],
    },
  }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
