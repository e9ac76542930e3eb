/** Nodes that nothing in a world tells apart. */
import { formatAddress, formatCidr, type Cidr } from '../net/cidr.ts';
import type { Prepared } from './prepared.ts';
import type { Node } from './world.ts';

/**
 * Equal texts: nothing tells the two nodes apart. Tunnels bear nodes' own addresses, so rules may tell nodes
 * apart by these.
 */
export function nodeKeyOf(prepared: Prepared, name: string): string {
  const found = prepared.node(name);
  if (found === undefined) return name;
  const { node, endpoints } = found;
  const own = endpoints.map((endpoint) => {
    const expected = endpoint.expectedIPs.map((cidr) => formatAddress(cidr));
    return [
      endpoint.interfaceName ?? positions(node, expected),
      prepared.labels.hostView(endpoint).index,
      ...endpoint.profiles,
    ].join(',');
  });
  const addresses = node.addresses.map((address) => prepared.signature(address));
  const names = (node.interfaces ?? []).map((each) => `${each.name} ${positions(node, each.addresses)}`);
  // Packets to pods in another subnet go through a tunnel, and come in at another interface.
  const isCut = prepared.world.pools.some(({ vxlan }) => vxlan === 'CrossSubnet');
  const subnets = isCut ? node.subnets : [];
  return JSON.stringify([own, addresses, names, subnets, settingsKeyOf(prepared, name)]);
}

const positions = ({ addresses }: Node, some: readonly string[]): string =>
  some.map((address) => addresses.indexOf(address.replace(/\/.*$/, ''))).join('+');

/** Equal texts: Felix has the same settings on the two nodes, and nothing is Unknown on one of them alone. */
export function settingsKeyOf(prepared: Prepared, name: string): string {
  const { settings, unknown } = prepared.node(name) ?? {};
  // Settings bear the name of the FelixConfiguration of one node, which says nothing.
  return JSON.stringify([{ ...settings, name: '' }, unknown?.by], (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'prefix' in value ? formatCidr(value as Cidr) : value,
  );
}
