/** Entities that are addresses of the cluster's own machines. */
import type { ClusterFirewall } from '../../api/schema.ts';
import type { Cidr } from '../../net/cidr.ts';
import { overlapsCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';

/** kubeadm's, and the one before it that older clusters still have. */
const CONTROL_PLANE_LABELS = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Each undefined while the cluster is not known (offline render), and empty where it is known and has no such address. */
export interface NodeAddresses {
  readonly nodes: readonly Cidr[] | undefined;
  readonly controlPlane: readonly Cidr[] | undefined;
}

/** @param main the firewall called default, whose `nodes` says more than the cluster does */
export function nodeAddressesOf(main: ClusterFirewall | undefined, inventory: Inventory): NodeAddresses {
  const announced = (main?.spec.nodes?.nodeCIDRs ?? []).filter(
    (cidr) => podsWithin(cidr, inventory).length === 0,
  );
  const known = inventory.nodes?.flatMap(({ addresses }) => addresses);
  return {
    nodes: both(known, announced),
    controlPlane: both(controlPlaneAddresses(inventory), controlPlaneCidrs(main)),
  };
}

function both(
  addresses: readonly string[] | undefined,
  cidrs: readonly string[],
): readonly Cidr[] | undefined {
  if (addresses === undefined && cidrs.length === 0) return undefined;
  return [...(addresses ?? []).map(parseAddress), ...cidrs.map(parseCidr)];
}

/** IPPools that share addresses with a CIDR: it cannot mean nodes then. */
export const podsWithin = (cidr: string, { ipPools = [] }: Inventory): readonly string[] =>
  ipPools.filter((pool) => overlapsCidr(parseCidr(cidr), parseCidr(pool)));

const isControlPlane = ({ labels }: NodeInfo): boolean =>
  CONTROL_PLANE_LABELS.some((label) => labels[label] !== undefined);

/**
 * Labelled nodes with all their addresses, since a packet to a pod of another node bears the tunnel's, and where the API server itself
 * says that it is: in a managed cluster no Node stands for it. Undefined while neither is known.
 */
function controlPlaneAddresses({ nodes, apiServerEndpoints }: Inventory): readonly string[] | undefined {
  if (nodes === undefined && apiServerEndpoints === undefined) return undefined;
  const labelled = (nodes ?? []).filter(isControlPlane);
  return [...labelled.flatMap(({ addresses }) => addresses), ...(apiServerEndpoints ?? [])];
}

/** Peers that `nodes.controlPlane` names; unknown ones are reported where nodes are compiled. */
function controlPlaneCidrs(main: ClusterFirewall | undefined): readonly string[] {
  const names = new Set((main?.spec.nodes?.controlPlane ?? []).map(({ peer }) => peer));
  return (main?.spec.peers ?? []).filter(({ name }) => names.has(name)).flatMap(({ cidrs }) => cidrs ?? []);
}

/** False where the cluster is known and has no such address: then a rule would mean nobody, and a negation everybody. */
export const isResolved = (addresses: readonly unknown[] | undefined): boolean => addresses?.length !== 0;
