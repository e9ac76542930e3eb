import type { Dataplane, StartedNode } from '../../cluster.ts';
import { both, nodeAddress, nodePodNetwork, tunnelAddress } from '../addresses.ts';
import { startAgent, type Agent } from '../probes/agent-client.ts';
import type { Api } from '../control-plane/api.ts';
import { attachToFabric, FORWARDING, routesToOtherNodes } from './fabric.ts';
import { ip, writeSysctls } from '../process/netns.ts';
import { startNode } from './node-endpoint.ts';
import type { Run } from '../process/run.ts';

export interface NodeSpec {
  readonly name: string;
  readonly dataplane: Dataplane;
  /** In addition to those that kubelet sets. */
  readonly labels?: Readonly<Record<string, string>>;
  /** False: a machine on the network that joins later (`StartedCluster.joinNode`). Default true. */
  readonly joined?: boolean;
}

export interface NodeOptions {
  /** The number of nodes. */
  readonly nodes: number;
  /** True where routes to the pods of other nodes are added here. Otherwise Felix adds them. */
  readonly routed: boolean;
}

/** A node in the view of the provider. */
export interface LocalNode extends StartedNode {
  /** From 1. */
  readonly index: number;
  readonly spec: NodeSpec;
  readonly namespace: string;
  readonly agent: Agent;
}

/** Its namespace on the fabric, with routes to the pods of the other nodes. */
export async function createNode(
  run: Run,
  spec: NodeSpec,
  index: number,
  options: NodeOptions,
): Promise<LocalNode> {
  const namespace = await attachToFabric(run, spec.name, nodeAddress(index));
  await writeSysctls(namespace, FORWARDING);
  if (options.routed) await ip(routesToOtherNodes(index, options.nodes), namespace);
  const agent = startAgent(run, namespace, spec.name);
  const { name, dataplane } = spec;
  const node = startNode(run, { name, namespace }, { addresses: both(nodeAddress(index)), agent, dataplane });
  return { ...node, index, spec, namespace, agent };
}

export const nodePath = (name: string): string => `/api/v1/nodes/${name}`;

/** The Node object in the form in which kubelet and calico/node would write it. */
export async function registerNode(api: Api, node: LocalNode, tunnelled: boolean): Promise<void> {
  const path = nodePath(node.name);
  const address = nodeAddress(node.index);
  const network = nodePodNetwork(node.index);
  await api.apply(path, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        ...node.spec.labels,
      },
      annotations: {
        'projectcalico.org/IPv4Address': `${address.v4}/24`,
        'projectcalico.org/IPv6Address': `${address.v6}/64`,
        ...(tunnelled ? tunnelAnnotations(node.index) : {}),
      },
    },
    spec: { podCIDR: network.v4, podCIDRs: both(network), taints: [] },
  });
  const addresses = both(address).map((ip) => ({ type: 'InternalIP', address: ip }));
  const now = new Date().toISOString();
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'LocalCluster',
    message: 'a network namespace',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  await api.mergePatch(`${path}/status`, {
    status: { addresses: [...addresses, { type: 'Hostname', address: node.name }], conditions: [ready] },
  });
}

/** Without them Felix makes no VXLAN device for the family. */
function tunnelAnnotations(index: number): Readonly<Record<string, string>> {
  const { v4, v6 } = tunnelAddress(index);
  return {
    'projectcalico.org/IPv4VXLANTunnelAddr': v4,
    'projectcalico.org/IPv6VXLANTunnelAddr': v6,
  };
}
