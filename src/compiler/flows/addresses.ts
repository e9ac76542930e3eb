/** The entities that stand for addresses of the cluster's own machines. */
import type { ClusterFirewall } from '../../api/schema.ts';
import type { Cidr } from '../../net/cidr.ts';
import { formatCidr, overlapsCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import { nodesWith } from './labelled-nodes.ts';
import { knownOr, UNKNOWN, type Known } from '../../inventory/known.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';

/** kubeadm sets the first label. Older clusters still have the second. */
const CONTROL_PLANE_LABELS: readonly string[] = [
  'node-role.kubernetes.io/control-plane',
  'node-role.kubernetes.io/master',
];

/**
 * Members of etcd. k3s and RKE2 set the last label, on nodes that may be no control plane
 * (https://docs.rke2.io/install/server_roles). A kubelet may set none of them on its own Node.
 */
const ETCD_LABELS: readonly string[] = [...CONTROL_PLANE_LABELS, 'node-role.kubernetes.io/etcd'];

/** A list is empty where the cluster is known and has no such address. */
export interface NodeAddresses {
  readonly nodes: Known<readonly Cidr[]>;
  readonly controlPlane: Known<readonly Cidr[]>;
  /** Members of etcd. */
  readonly etcd: Known<readonly Cidr[]>;
  /** Endpoints of the API server. */
  readonly apiServer: Known<readonly Cidr[]>;
}

/** @param main the firewall called default, whose `nodes` adds to the control plane */
export function nodeAddressesOf(main: ClusterFirewall | undefined, inventory: Inventory): NodeAddresses {
  const { nodes, apiServerEndpoints } = inventory;
  return {
    apiServer: apiServerEndpoints === UNKNOWN ? UNKNOWN : apiServerEndpoints.map(parseAddress),
    nodes: nodes === UNKNOWN ? UNKNOWN : addressesOf(nodes).map(parseAddress),
    controlPlane: both(
      controlPlaneAddresses(inventory),
      cidrsOf(main, main?.spec.nodes?.controlPlane, inventory),
    ),
    etcd: both(
      nodes === UNKNOWN ? UNKNOWN : addressesOf(nodes.filter(isEtcdMember)),
      cidrsOf(main, main?.spec.nodes?.etcd, inventory),
    ),
  };
}

function both(addresses: Known<readonly string[]>, cidrs: readonly string[]): Known<readonly Cidr[]> {
  if (addresses === UNKNOWN && cidrs.length === 0) return UNKNOWN;
  return [...knownOr(addresses, []).map(parseAddress), ...cidrs.map(parseCidr)];
}

/** The IPPools that share addresses with a CIDR. Such a CIDR cannot mean nodes. */
export const podsWithin = (cidr: string, { ipPools }: Inventory): readonly string[] =>
  knownOr(ipPools, []).filter((pool) => overlapsCidr(parseCidr(cidr), parseCidr(pool)));

const bears = (wanted: readonly string[], { labels }: NodeInfo): boolean =>
  wanted.some((label) => labels[label] !== undefined);

export const isControlPlane = (node: NodeInfo): boolean => bears(CONTROL_PLANE_LABELS, node);

export const isEtcdMember = (node: NodeInfo): boolean => bears(ETCD_LABELS, node);

const addressesOf = (nodes: readonly NodeInfo[]): readonly string[] =>
  nodes.flatMap(({ addresses }) => addresses);

/**
 * All addresses of labelled nodes, and the endpoints of the API server. A packet to a pod of another node
 * bears the tunnel's address, so every address of a node counts. A managed cluster has no Node for its
 * control plane, so the endpoints count as well. Unknown while neither is known.
 */
function controlPlaneAddresses({ nodes, apiServerEndpoints }: Inventory): Known<readonly string[]> {
  if (nodes === UNKNOWN && apiServerEndpoints === UNKNOWN) return UNKNOWN;
  return [...addressesOf(knownOr(nodes, []).filter(isControlPlane)), ...knownOr(apiServerEndpoints, [])];
}

/** CIDRs of the named peers, and of their nodes. Unknown peers are reported where nodes are compiled. */
function cidrsOf(
  main: ClusterFirewall | undefined,
  entries: readonly { readonly peer: string }[] = [],
  inventory: Inventory,
): readonly string[] {
  const names = new Set(entries.map(({ peer }) => peer));
  return (main?.spec.peers ?? [])
    .filter(({ name }) => names.has(name))
    .flatMap(({ cidrs = [], nodes }) => {
      const members = nodes === undefined ? [] : nodesWith(nodes, knownOr(inventory.nodes, []));
      return [...cidrs, ...addressesOf(members).map((address) => formatCidr(parseAddress(address)))];
    });
}

/**
 * False where the cluster is known and has no such address. A rule would then mean nobody, and a negation
 * everybody.
 */
export const isResolved = (addresses: Known<readonly unknown[]>): boolean =>
  addresses === UNKNOWN || addresses.length > 0;
