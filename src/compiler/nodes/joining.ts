/**
 * Machines that may join: `nodeCIDRs` without `nodeCIDRsExcept`. They reach what joining needs, and are no
 * nodes until they have a Node object.
 */
import type { Nodes, PortValue } from '../../api/schema.ts';
import { printSelector, has } from '../../calico/selector.ts';
import { LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import type { Cidr } from '../../net/cidr.ts';
import {
  containsCidr,
  formatCidr,
  parseAddress,
  parseCidr,
  subtractCidrs,
  unionCidrs,
} from '../../net/cidr.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Distribution } from '../../inventory/distributions.ts';
import type { Inventory } from '../../inventory/types.ts';
import { podsWithin } from '../flows/addresses.ts';
import type { EndMatch } from '../flows/flow-ends.ts';
import { matchNets } from '../flows/flow-ends.ts';
import type { NodeContext } from './context.ts';
import { listed } from './listed.ts';

type Ranges = Pick<Nodes, 'nodeCIDRs' | 'nodeCIDRsExcept'>;

/** Every entry of the baseline for these machines repeats all of them, in both layers. */
const MAX_RANGES = 256;

/** Canonical: the fewest ranges, sorted. Ends at one more than may be. */
export const joiningRanges = ({ nodeCIDRs = [], nodeCIDRsExcept = [] }: Ranges): readonly Cidr[] =>
  unionCidrs(nodeCIDRs.flatMap((cidr) => withoutExceptions(cidr, nodeCIDRsExcept)));

const withoutExceptions = (cidr: string, exceptions: readonly string[]): readonly Cidr[] =>
  subtractCidrs(parseCidr(cidr), exceptions.map(parseCidr), MAX_RANGES + 1);

/**
 * The ranges as sources. Pods are left out by their label, because on some clouds nodes and pods share subnets
 * and there are no IPPools.
 */
export const joiningMatches = (context: NodeContext): readonly EndMatch[] =>
  matchNets(joiningRanges(context.nodeFirewall.nodes)).map(({ family, entity }) => ({
    ...(family !== undefined && { family }),
    entity: { ...entity, notSelector: printSelector(has(LABEL_ORCHESTRATOR)) },
  }));

/** Reports ranges that hold pods, and ranges in too many pieces. Nothing of nodes is compiled then. */
export function refuseJoining({ nodeFirewall: { nodes }, inventory, collector, place }: NodeContext): void {
  const { nodeCIDRs = [], nodeCIDRsExcept = [] } = nodes;
  for (const [index, cidr] of nodeCIDRs.entries()) {
    const pools = poolsWithin(withoutExceptions(cidr, nodeCIDRsExcept), inventory);
    if (pools.length === 0) continue;
    collector.problem(
      place,
      'NodeCIDRsContainPods',
      `${cidr} shares addresses with the IPPool ${pools.join(', ')}, so pods would count as machines that join: name only addresses of machines, or leave the pool out in nodeCIDRsExcept`,
      `.nodeCIDRs[${String(index)}]`,
    );
  }
  if (joiningRanges(nodes).length > MAX_RANGES) {
    collector.problem(
      place,
      'TooLarge',
      `nodeCIDRs are more than ${String(MAX_RANGES)} ranges after nodeCIDRsExcept is taken out: name the smaller ranges in which machines join, so that there is less to leave out`,
      '.nodeCIDRsExcept',
    );
  }
}

const poolsWithin = (ranges: readonly Cidr[], inventory: Inventory): readonly string[] => [
  ...new Set(ranges.flatMap((range) => podsWithin(formatCidr(range), inventory))),
];

/**
 * Ports that a machine asks before it is a Node, in addition to the API server's. etcd's are none: who may ask
 * it is named (nodes.etcd).
 */
const JOINING_PORTS: Readonly<Partial<Record<Distribution, readonly PortValue[]>>> = {
  // The supervisor: https://docs.rke2.io/install/requirements. That of k3s is at the API server's port.
  'k3s/RKE2': ['9345'],
  // The cluster agent, and the API server: https://microk8s.io/docs/services-and-ports
  microk8s: ['16443', '25000'],
  // The API for joining, and konnectivity: https://docs.k0sproject.io/stable/networking/
  k0s: ['8132', '9443'],
  // apid and trustd: https://docs.siderolabs.com/talos/v1.11/learn-more/talos-network-connectivity
  Talos: ['50000-50001'],
};

/** The joining ports of the distributions of which a Node bears a sign. */
export function joiningPorts({ nodes }: Pick<Inventory, 'nodes'>): readonly PortValue[] {
  const seen = new Set(knownOr(nodes, []).flatMap(({ distributions = [] }) => distributions));
  return [...seen].sort().flatMap((each) => JOINING_PORTS[each] ?? []);
}

/** A list for people. */
export const EVERY_JOINING_PORT: readonly PortValue[] = Object.values(JOINING_PORTS).flat();

/**
 * With failsafes: Managed, a node outside of nodeCIDRs reaches the API server by the rules alone. If the
 * operator has its address wrong, nothing else lets it in.
 */
export function warnOfNodesOutside({
  nodeFirewall: { nodes },
  inventory,
  services,
  collector,
  place,
}: NodeContext): void {
  if (nodes.failsafes !== 'Managed' || nodes.nodeCIDRs === undefined) return;
  // A managed control plane is at no node, so no way to it leads through these failsafes.
  if (services('kube-apiserver').length === 0) return;
  const ranges = joiningRanges(nodes);
  const outside = knownOr(inventory.nodes, [])
    .filter(({ addresses }) => !addresses.map(parseAddress).some((each) => isIn(ranges, each)))
    .map(({ name }) => name)
    .sort();
  if (outside.length === 0) return;
  collector.warn(
    place,
    'NodeOutsideNodeCIDRs',
    `no address of ${listed(outside)} is in nodeCIDRs, so no failsafe of the API server is open to these nodes, only the rules are: add their addresses to nodeCIDRs if the failsafe should be`,
    '.nodeCIDRs',
  );
}

const isIn = (ranges: readonly Cidr[], address: Cidr): boolean =>
  ranges.some((range) => containsCidr(range, address));
