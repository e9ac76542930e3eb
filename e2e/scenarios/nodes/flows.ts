/**
 * Flows that meet a node firewall. The kept flows are allowed by manifests/node-changes.yaml, and without a
 * firewall. There is each kind in both dataplanes (`edge` is in iptables mode, `worker` in nftables mode) and
 * both IP families.
 */
import type { SocketAddress } from '../../cluster.ts';
import { flows, type FlowRow, type Ground } from '../flows.ts';
import { allowed, refused, type ActorName, type PortText } from '../../harness/rows.ts';
import type { NodeStage } from './stage.ts';

/**
 * Replaces the far end of the control's wire where that is a node, because host endpoints police every
 * interface of a node. Such a control does not show that the node itself is stopped. Flows to nodes are
 * therefore none whose late answers count (TCP).
 */
const WITNESS = { name: 'witness', addresses: ['203.0.113.99'] };

/** Names are those of the stage. */
export async function nodeGround(stage: NodeStage): Promise<Ground> {
  const { cluster } = stage;
  const witness = await cluster.createOutsideHost(WITNESS);
  await stage.endpoint('world').listen([{ port: 443 }]);
  const nodes = new Set(cluster.nodes.map(({ name }) => name));
  const laid = new Map<string, Promise<SocketAddress>>();
  return {
    endpoint: (name) => stage.endpoint(name),
    addresses: (name) => stage.endpoint(name).addresses,
    cluster: {
      wire: (from, to) => {
        const far = nodes.has(to.name) ? witness : to;
        const key = `${from.name} ${far.name}`;
        const wire = laid.get(key) ?? cluster.wire(from, far);
        laid.set(key, wire);
        return wire;
      },
    },
  };
}

type Options = Parameters<typeof flows>[1];

/** In both IP families. */
const twice = (from: ActorName, to: ActorName, port: PortText, options: Options = {}): readonly FlowRow[] =>
  ([4, 6] as const).flatMap((family) => flows(allowed([from], [to], [port]), { ...options, family }));

/** Over lo, like kubelet's probes of a pod of the host network. */
const itself = (node: ActorName): readonly FlowRow[] =>
  ([4, 6] as const).map((family) => ({
    from: node,
    to: node,
    port: 10250,
    protocol: 'TCP',
    expect: 'allowed',
    family,
  }));

const behind = (answeredBy: ActorName) => ({ answeredBy });
const ESTABLISHED = { kind: 'established' } as const;
const IPV6 = { family: 6 } as const;

export const KEPT: readonly FlowRow[] = [
  // Services of the host
  ...flows(allowed(['world'], ['edge'], [443])),
  ...flows(allowed(['world'], ['worker'], [443]), IPV6),
  ...flows(allowed(['trusted'], ['worker'], ['9998/UDP'])),
  ...flows(allowed(['trusted'], ['edge'], ['9998/UDP']), IPV6),
  ...flows(allowed(['apiserver'], ['worker'], [10250])),
  // NodePorts of pods on the node
  ...twice('office', 'edge', 30080, behind('shop/front')),
  ...twice('office', 'worker', 30081, behind('shop/far')),
  // hostPorts
  ...twice('office', 'edge', 8443, behind('shop/proxy')),
  ...twice('office', 'worker', 8443, behind('shop/far')),
  // Pods through the overlay
  ...twice('tenant/on-edge', 'shop/far', 8080),
  ...twice('tenant/on-worker', 'shop/front', 8080),
  // From nodes, to others and to themselves
  ...flows(allowed(['edge'], ['worker'], [9999])),
  ...itself('edge'),
  ...itself('worker'),
  // A failsafe, and a port that breakGlass opens
  ...flows(allowed(['admin'], ['edge'], [22])),
  // Connections: from nodes to others, to nodes, through nodes
  ...flows(allowed(['edge'], ['world'], [443]), { ...ESTABLISHED, ...IPV6 }),
  ...flows(allowed(['worker'], ['world'], [443]), ESTABLISHED),
  ...flows(allowed(['trusted'], ['edge'], ['9998/UDP']), ESTABLISHED),
  ...flows(allowed(['trusted'], ['worker'], ['9998/UDP']), { ...ESTABLISHED, ...IPV6 }),
  ...flows(allowed(['office'], ['worker'], [30080]), { ...ESTABLISHED, ...behind('shop/front') }),
];

/**
 * NodePorts of a pod on another node, which sees the node's address. The pod's rule lets nodes in for its
 * nodePorts, and only while nodes police who comes through them. With nodes.mode: Disabled it is not allowed,
 * because others would come through as well.
 */
export const BY_RULE: readonly FlowRow[] = [
  ...flows(allowed(['office'], ['worker'], [30080]), { ...IPV6, ...behind('shop/front') }),
  ...flows(allowed(['office'], ['edge'], [30081]), behind('shop/far')),
];

/** Refused from the first Enforce on, whatever changes. */
export const REFUSED: readonly FlowRow[] = [
  ...flows(refused(['world'], ['edge', 'worker'], [9999])),
  ...flows(refused(['world'], ['edge'], ['9998/UDP']), IPV6),
  ...flows(refused(['world'], ['edge', 'worker'], [30080])),
  ...flows(refused(['world'], ['edge', 'worker'], [8443])),
  ...flows(refused(['blocked'], ['worker'], [443])),
  ...flows(refused(['tenant/on-worker'], ['edge'], [10250])),
];

/** Refused only with failsafes: Managed. */
export const NARROWED: readonly FlowRow[] = [
  ...flows(refused(['blocked'], ['edge', 'worker'], [22])),
  ...flows(refused(['world'], ['edge'], [9100]), IPV6),
];

/**
 * Flows of machines that join, `spare` (iptables) and `aks-1` (nftables): before they are nodes, until they
 * are policed, and afterwards.
 */
export const JOINING: readonly FlowRow[] = [
  ...flows(allowed(['world'], ['spare', 'aks-1'], [443])),
  ...flows(allowed(['world'], ['spare', 'aks-1'], [443]), IPV6),
  ...flows(allowed(['trusted'], ['spare', 'aks-1'], ['9998/UDP']), ESTABLISHED),
  ...flows(allowed(['edge'], ['spare'], [9999])),
  ...itself('spare'),
  ...flows(allowed(['aks-1'], ['edge'], [5473]), IPV6),
];
/** A machine in nodeCIDRs, until an operator has seen its Node. */
export const NO_NODE_YET: readonly FlowRow[] = [
  ...flows(refused(['aks-1'], ['edge', 'worker'], [9999])),
  ...flows(refused(['aks-1'], ['edge'], [10250]), IPV6),
];
/** The time from which it is policed. */
export const refusedAt = (node: ActorName): readonly FlowRow[] => [
  ...flows(refused(['world'], [node], [9999])),
  ...flows(refused(['world'], [node], ['9998/UDP']), IPV6),
];
