/** `spec.nodes` where it is enforced or observed. Every part of the node firewall is compiled against it. */
import type { ClusterFirewall, Nodes } from '../../api/schema.ts';
import type { Cidr } from '../../net/cidr.ts';
import { parseCidr, unionCidrs } from '../../net/cidr.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';

export interface NodeFirewall {
  readonly nodes: Nodes;
  /** Nothing is dropped. A rule that would deny passes, and is counted. */
  readonly isObserved: boolean;
  /** The pods' address ranges, canonical. */
  readonly pools: readonly Cidr[];
}

/** Undefined where nodes are not policed. */
export function nodeFirewallOf(main: ClusterFirewall, { ipPools }: Inventory): NodeFirewall | undefined {
  const { nodes } = main.spec;
  if (nodes === undefined || nodes.mode === 'Disabled') return undefined;
  return {
    nodes,
    isObserved: nodes.mode === 'Observe',
    pools: unionCidrs(knownOr(ipPools, []).map(parseCidr)),
  };
}
