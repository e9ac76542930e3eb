/** Addresses of nodes that Calico found at their interfaces. */
import { parseAddress, parseCidr, containsCidr } from '../../net/cidr.ts';
import { UNKNOWN, knownOr } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';

/**
 * The inventory, whose nodes have the addresses of their interfaces as well. Programs such as kube-vip put the
 * address of a Service on an interface. It stays an address of the Service, because policies for nodes would
 * shut it. Addresses of pods are no node's either.
 */
export function withInterfaces(inventory: Inventory): Inventory {
  const { nodes, ipPools, externalIPs = [], clusterIPs = [], serviceCIDRs = [] } = inventory;
  if (nodes === UNKNOWN || nodes.every((node) => node.interfaceAddresses === undefined)) return inventory;
  const ofServices = new Set([...externalIPs, ...clusterIPs]);
  const ranges = [...knownOr(ipPools, []), ...serviceCIDRs].map(parseCidr);
  const isNodes = (address: string): boolean =>
    !ofServices.has(address) && !ranges.some((range) => containsCidr(range, parseAddress(address)));
  return {
    ...inventory,
    nodes: nodes.map(({ interfaceAddresses, ...node }) => {
      if (interfaceAddresses === undefined) return node;
      const addresses = [...node.addresses, ...interfaceAddresses.filter(isNodes)];
      return { ...node, addresses: [...new Set(addresses)].sort() };
    }),
  };
}
