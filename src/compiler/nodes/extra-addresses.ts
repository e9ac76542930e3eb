/** `nodes.extraAddresses`: more addresses at which nodes are policed. */
import type { Cidr } from '../../net/cidr.ts';
import { overlapsCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { NodeContext } from './context.ts';
import { listed } from './listed.ts';

export interface ExtraAddresses {
  readonly nets: readonly Cidr[];
  /** False where an entry was left out. Addresses that are policed already then stay so. */
  readonly isWhole: boolean;
}

/**
 * Entries that share addresses with pods or Services are problems, and left out. They would refuse the traffic
 * of pods on every node.
 */
export function extraAddressesOf(context: NodeContext): ExtraAddresses {
  const { nodeFirewall, inventory, collector, place } = context;
  const taken = takenRanges(inventory);
  const entries = nodeFirewall.nodes.extraAddresses ?? [];
  const nets = entries.flatMap((text, index) => {
    const net = parseCidr(text);
    const met = taken.filter((range) => overlapsCidr(net, range.net)).map(({ name }) => name);
    if (met.length === 0) return [net];
    collector.problem(
      place,
      'NotAddressesOfNodes',
      `${text} shares addresses with ${listed(met)}, so nodes would refuse what pods send there: name only addresses of nodes`,
      `.extraAddresses[${String(index)}]`,
    );
    return [];
  });
  return { nets, isWhole: nets.length === entries.length };
}

interface Taken {
  readonly net: Cidr;
  readonly name: string;
}

function takenRanges({ ipPools, nodes, serviceCIDRs = [], clusterIPs = [] }: Inventory): readonly Taken[] {
  const named = (kind: string, parse: (text: string) => Cidr) => (text: string) => ({
    net: parse(text),
    name: `${kind} ${text}`,
  });
  return [
    ...knownOr(ipPools, []).map(named('the IPPool', parseCidr)),
    ...knownOr(nodes, []).flatMap(({ name, podCIDRs = [] }) =>
      podCIDRs.map(named(`the podCIDR of node ${name}`, parseCidr)),
    ),
    ...serviceCIDRs.map(named('the Services', parseCidr)),
    ...clusterIPs.map(named('the Service', parseAddress)),
  ];
}
