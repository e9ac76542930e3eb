/** Flows that meet a node firewall. What is kept is allowed by manifests/node-changes.yaml, and without a firewall. */
import { flows, type FlowRow, type Ground } from '../flows.ts';
import { allowed, refused } from '../rows.ts';
import type { NodeStage } from './stage.ts';

/**
 * Takes the far end of the control's wire where that is a node, whose every interface host endpoints police. It does not tell when the node
 * itself is stopped, which is why connections to nodes are none that count late answers (TCP).
 */
const WITNESS = { name: 'witness', addresses: ['203.0.113.99'] };

/** Names are those of the stage. */
export async function nodeGround(stage: NodeStage): Promise<Ground> {
  const { cluster } = stage;
  const witness = await cluster.createOutsideHost(WITNESS);
  await stage.endpoint('world').listen([{ port: 443 }]);
  const nodes = new Set(cluster.nodes.map(({ name }) => name));
  return {
    endpoint: (name) => stage.endpoint(name),
    addresses: (name) => stage.endpoint(name).addresses,
    cluster: { wire: (from, to) => cluster.wire(from, nodes.has(to.name) ? witness : to) },
  };
}

const behind = (answeredBy: string) => ({ answeredBy });

/** `edge` is in iptables, `worker` in nftables. */
export const KEPT: readonly FlowRow[] = [
  // Services of the host
  ...flows(allowed(['world'], ['edge'], [443])),
  ...flows(allowed(['world'], ['worker'], [443]), { family: 6 }),
  ...flows(allowed(['trusted'], ['worker'], ['9998/UDP'])),
  ...flows(allowed(['apiserver'], ['worker'], [10250])),
  // A NodePort of a pod on the node
  ...flows(allowed(['office'], ['edge'], [30080]), behind('shop/front')),
  // hostPorts
  ...flows(allowed(['office'], ['edge'], [8443]), behind('shop/proxy')),
  ...flows(allowed(['office'], ['worker'], [8443]), behind('shop/far')),
  // Pods through the overlay
  ...flows(allowed(['tenant/on-edge'], ['shop/far'], [8080])),
  ...flows(allowed(['tenant/on-worker'], ['shop/front'], [8080]), { family: 6 }),
  // From node to node, and as kubelet probes a pod of the host network: over lo
  ...flows(allowed(['edge'], ['worker'], [9999])),
  ...flows(allowed(['edge'], ['edge'], [10250])),
  ...flows(allowed(['worker'], ['worker'], [10250]), { family: 6 }),
  // Connections: of nodes to others, to nodes, through nodes
  ...flows(allowed(['edge', 'worker'], ['world'], [443]), { kind: 'established' }),
  ...flows(allowed(['trusted'], ['edge', 'worker'], ['9998/UDP']), { kind: 'established' }),
  ...flows(allowed(['office'], ['worker'], [30080]), { kind: 'established', ...behind('shop/front') }),
];

/**
 * NodePorts of a pod on another node, which sees the node's address: the pod's rule lets nodes in for the sake of its nodePorts, and only while
 * nodes judge who comes through them. Not allowed with nodes.mode: Disabled, where others would come through as well.
 */
export const BY_RULE: readonly FlowRow[] = [
  ...flows(allowed(['office'], ['worker'], [30080]), { family: 6, ...behind('shop/front') }),
  ...flows(allowed(['office'], ['edge'], [30081]), behind('shop/far')),
];

/** Refused from the first Enforce on, whatever is changed. */
export const REFUSED: readonly FlowRow[] = [
  ...flows(refused(['world'], ['edge', 'worker'], [9999])),
  ...flows(refused(['world'], ['edge'], ['9998/UDP']), { family: 6 }),
  ...flows(refused(['world'], ['edge', 'worker'], [30080])),
  ...flows(refused(['world'], ['edge', 'worker'], [8443])),
  ...flows(refused(['blocked'], ['worker'], [443])),
  ...flows(refused(['tenant/on-worker'], ['edge'], [10250])),
];
