/** `spec.nodes` where it is in force: what every part of the node firewall is compiled against. */
import type { ClusterFirewall, Nodes } from '../../api/schema.ts';
import type { Cidr } from '../../net/cidr.ts';
import { parseCidr, unionCidrs } from '../../net/cidr.ts';
import type { Inventory } from '../../inventory/types.ts';

export interface NodeFirewall {
  readonly nodes: Nodes;
  /** Nothing is dropped: what would deny, passes, and is counted. */
  readonly isObserved: boolean;
  /** Where pods have their addresses, canonical. */
  readonly pools: readonly Cidr[];
}

/** Undefined where nodes are left alone. */
export function nodeFirewallOf(main: ClusterFirewall, { ipPools = [] }: Inventory): NodeFirewall | undefined {
  const { nodes } = main.spec;
  if (nodes === undefined || nodes.mode === 'Disabled') return undefined;
  return { nodes, isObserved: nodes.mode === 'Observe', pools: unionCidrs(ipPools.map(parseCidr)) };
}
