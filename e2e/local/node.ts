import { isIPv6 } from 'node:net';
import type { Dataplane, StartedNode } from '../cluster.ts';
import { both, nodeAddress, nodePodNetwork } from './addresses.ts';
import { startAgent, type Agent } from './agent-client.ts';
import type { Api } from './api.ts';
import { attachToFabric, FORWARDING, routesToOtherNodes } from './fabric.ts';
import { ip, writeSysctls } from './netns.ts';
import { startEndpoint } from './endpoint.ts';
import { shortHash } from './names.ts';
import { readPacketFilter } from './packet-filter.ts';
import type { Run } from './run.ts';

export interface NodeSpec {
  readonly name: string;
  readonly dataplane: Dataplane;
}

/** A node as the provider sees it. */
export interface LocalNode extends StartedNode {
  /** From 1. */
  readonly index: number;
  readonly namespace: string;
  readonly agent: Agent;
}

/** Its namespace on the fabric, with routes to the pods of the other nodes. */
export async function createNode(run: Run, spec: NodeSpec, index: number, nodes: number): Promise<LocalNode> {
  const namespace = await attachToFabric(run, spec.name, nodeAddress(index));
  await writeSysctls(namespace, FORWARDING);
  await ip(routesToOtherNodes(index, nodes), namespace);
  const agent = startAgent(run, namespace, spec.name);
  const endpoint = startEndpoint(spec.name, both(nodeAddress(index)), agent);
  return {
    ...endpoint,
    dataplane: spec.dataplane,
    index,
    namespace,
    agent,
    addAddress: async (address, ports = []) => {
      await ip(addressLines(address), namespace);
      await agent.ask({ op: 'listen', ports, address });
    },
    packetFilter: () => readPacketFilter(namespace, spec.dataplane),
  };
}

/** On an interface that leads nowhere, as NodeLocal DNSCache has it; a bridge without ports, because not every kernel has dummy devices. */
function addressLines(address: string): readonly string[] {
  const device = `extra${shortHash(address).slice(0, 8)}`;
  return [
    `link add ${device} type bridge`,
    `link set ${device} up`,
    `address add ${address}/${isIPv6(address) ? '128' : '32'} dev ${device}`,
  ];
}

/** The Node object as kubelet and calico/node would write it. */
export async function registerNode(api: Api, node: LocalNode): Promise<void> {
  const path = `/api/v1/nodes/${node.name}`;
  const address = nodeAddress(node.index);
  const network = nodePodNetwork(node.index);
  await api.apply(path, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: { 'kubernetes.io/hostname': node.name, 'kubernetes.io/os': 'linux' },
      annotations: {
        'projectcalico.org/IPv4Address': `${address.v4}/24`,
        'projectcalico.org/IPv6Address': `${address.v6}/64`,
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
