/** The address plan of a cluster. All addresses exist only inside the run's namespaces. */

/**
 * The default gateway of nodes, control plane and outside hosts. All of 10.99.0.0/24 and fd00:99::/64 is one
 * link.
 */
export const ROUTER_ADDRESS = { v4: '10.99.0.254', v6: 'fd00:99::254' };
export const CONTROL_PLANE = { v4: '10.99.0.1', v6: 'fd00:99::1' };
export const POD_NETWORK = { v4: '10.244.0.0/16', v6: 'fd00:244::/48' };
export const SERVICE_NETWORK = { v4: '10.96.0.0/16', v6: 'fd00:96::/112' };
/**
 * The addresses that Calico gives the node's side of each pod's link. The pod's gateways are on it (Felix
 * documentation, "Configuring interfaces").
 */
export const POD_GATEWAY = { v4: '169.254.1.1', v6: 'fe80::ecee:eeff:feee:eeee', mac: 'ee:ee:ee:ee:ee:ee' };

export interface DualAddress {
  readonly v4: string;
  readonly v6: string;
}

/** Nodes count from 1. */
export function nodeAddress(node: number): DualAddress {
  return { v4: `10.99.0.${10 + node}`, v6: `fd00:99::${10 + node}` };
}

export function nodePodNetwork(node: number): DualAddress {
  return { v4: `10.244.${node}.0/24`, v6: `fd00:244:0:${node}::/64` };
}

/** Pods count from 1 on each node; at most 252. */
export function podAddress(node: number, pod: number): DualAddress {
  if (pod > 252) throw new Error(`node ${node} has no address left for another pod`);
  return {
    v4: `10.244.${node}.${pod + 1}`,
    v6: `fd00:244:0:${node}::${pod + 1}`,
  };
}

/**
 * Address of the node's end of the overlay. It is an address of its pods' network, as Calico takes it from a
 * pool.
 */
export function tunnelAddress(node: number): DualAddress {
  return { v4: `10.244.${node}.1`, v6: `fd00:244:0:${node}::1` };
}

/** For the pod of `marker.ts`, which has no interface. */
export const markerPodAddress = (node: number): string => `10.244.${node}.254`;

/** Both addresses, IPv4 first. */
export const both = ({ v4, v6 }: DualAddress): readonly string[] => [v4, v6];

/**
 * Addresses of the two ends of a wire; wires count from 1. They have a network of their own (RFC 6598), two
 * addresses a wire (RFC 3021).
 */
export function wireAddresses(wire: number): { readonly near: string; readonly far: string } {
  if (wire > 32_767) throw new Error('there is no address left for another wire');
  const address = (index: number): string => `100.64.${index >> 8}.${index & 0xff}`;
  return { near: address(2 * wire), far: address(2 * wire + 1) };
}
