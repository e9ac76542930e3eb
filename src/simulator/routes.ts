/** Where a node sends packets, and the source that they bear then. Sources: felix/rules/nat.go and static.go. */
import { containsCidr, parseCidr } from '../net/cidr.ts';
import { WORKLOAD, type Interface } from './hosts.ts';
import { familyOf, valueOf } from './packet.ts';
import type { Place, Prepared, PreparedNode } from './prepared.ts';
import type { Hop } from './trail.ts';
import type { Pod } from './world.ts';

export interface Route {
  readonly at: Interface;
  /** Where the packet goes to one of the node's own pods. */
  readonly toPod?: Pod;
}

const firstOf = (addresses: readonly string[], family: 4 | 6): string | undefined =>
  addresses.find((address) => familyOf(address) === family);

export const isLocal = ({ addresses }: PreparedNode, address: string): boolean =>
  addresses.has(address) || address === '::1' || address.startsWith('127.');

/** The way of a node's own packet. Text: why it cannot be known. */
export function routeOf(prepared: Prepared, node: PreparedNode, destination: string): Route | string {
  if (isLocal(node, destination)) return { at: node.interfaces.lo };
  const place = prepared.placeOf(destination);
  if (place?.kind === 'pod' && place.pod.node === node.node.name) return { at: WORKLOAD, toPod: place.pod };
  const tunnelled = isTunnelled(prepared, node, destination);
  return typeof tunnelled === 'string' ? tunnelled : { at: outbound(node, tunnelled) };
}

export const outbound = ({ interfaces }: PreparedNode, tunnelled: boolean): Interface =>
  tunnelled ? interfaces.tunnel : interfaces.host[0];

/** The interface at which a packet from another machine comes in. */
export const inbound = ({ interfaces }: PreparedNode, { destination }: Hop): Interface =>
  interfaces.host.find(({ addresses }) => addresses.includes(destination)) ?? interfaces.host[0];

/** True where an address that nothing has may be a pod's, because nobody could list pods. */
export const mayBePod = (prepared: Prepared, address: string): boolean =>
  prepared.world.lacks.includes('Pod') && prepared.party(address).pool !== undefined;

/** The node behind which an address is. */
export function nodeOf(prepared: Prepared, place: Place): PreparedNode | undefined {
  return place.kind === 'pod' ? prepared.node(place.pod.node) : place.node;
}

/** True where the way to another node leads through VXLAN. Text: why it cannot be known. */
export function isTunnelled(prepared: Prepared, node: PreparedNode, destination: string): boolean | string {
  const place = prepared.placeOf(destination);
  const { pool } = prepared.party(destination);
  if (place === undefined || pool === undefined) return false;
  const target = nodeOf(prepared, place);
  if (target === node) return false;
  const hasEndpoints = node.endpoints.length > 0 || (target?.endpoints.length ?? 0) > 0;
  if (hasEndpoints && (pool.ipip !== 'Never' || node.settings.wireguard))
    return 'IPIP and WireGuard are not simulated where nodes have host endpoints';
  if (pool.vxlan === 'CrossSubnet') return !shareSubnet(node, target, familyOf(destination));
  return pool.vxlan === 'Always';
}

function shareSubnet(a: PreparedNode, b: PreparedNode | undefined, family: 4 | 6): boolean {
  const address = firstOf(b?.node.addresses ?? [], family);
  if (address === undefined) return false;
  const full = parseCidr(`${address}/${family === 4 ? '32' : '128'}`);
  return a.node.subnets.map(parseCidr).some((subnet) => containsCidr(subnet, full));
}

export interface Leaving {
  readonly tunnelled: boolean;
  /** True where kube-proxy hides the source. */
  readonly masquerade: boolean;
  /** Where it goes to one of the node's own pods. */
  readonly toPod: Pod | undefined;
}

/** The source of a forwarded packet after POSTROUTING. */
export function sourceAfter(prepared: Prepared, node: PreparedNode, hop: Hop, how: Leaving): string {
  if (!how.masquerade && !isNatOutgoing(prepared, node, hop)) return hop.source;
  if (how.toPod !== undefined) return towardsPod(node, hop.destination) ?? hop.source;
  return addressAt(node, how.tunnelled, familyOf(hop.destination)) ?? hop.source;
}

function isNatOutgoing(
  prepared: Prepared,
  { settings }: PreparedNode,
  { source, destination }: Hop,
): boolean {
  if (prepared.party(source).pool?.natOutgoing !== true) return false;
  if (prepared.party(destination).pool !== undefined) return false;
  return !(settings.excludesHostsFromNat && prepared.placeOf(destination)?.kind === 'node');
}

/** The source of a node's own packet after POSTROUTING. The tunnel bears no other address of the node. */
export function ownSourceAfter(node: PreparedNode, hop: Hop, how: Leaving): string {
  const isHidden = how.masquerade || (how.tunnelled && node.addresses.has(hop.source));
  if (!isHidden) return hop.source;
  if (how.toPod !== undefined) return towardsPod(node, hop.destination) ?? hop.source;
  return addressAt(node, how.tunnelled, familyOf(hop.destination)) ?? hop.source;
}

/** The kernel's choice of a source for a node's own packet. */
export function ownSource(node: PreparedNode, destination: string, { at, toPod }: Route): string {
  if (at.kind === 'lo') return destination;
  if (toPod !== undefined) return towardsPod(node, destination) ?? destination;
  return addressAt(node, at.kind === 'tunnel', familyOf(destination)) ?? destination;
}

const addressAt = ({ node }: PreparedNode, tunnelled: boolean, family: 4 | 6): string | undefined =>
  firstOf(tunnelled ? node.tunnels : node.addresses, family);

/**
 * The interface of a pod has no address on the node. For IPv6 the kernel then takes the address that has most in
 * common with the pod's (RFC 6724, rule 8), which is often that of the tunnel.
 */
function towardsPod({ node: { addresses } }: PreparedNode, destination: string): string | undefined {
  const family = familyOf(destination);
  if (family === 4) return firstOf(addresses, family);
  const pod = valueOf(destination);
  const bitsApart = (address: string): number => (valueOf(address) ^ pod).toString(2).length;
  const own = addresses.filter((address) => familyOf(address) === family);
  return own.sort((a, b) => bitsApart(a) - bitsApart(b))[0];
}

/** The outer packet of VXLAN between two nodes. Undefined where one has no address of the family. */
export function outerHop(from: PreparedNode, to: PreparedNode, family: 4 | 6): Hop | undefined {
  const [source, destination] = [firstOf(from.node.addresses, family), firstOf(to.node.addresses, family)];
  if (source === undefined || destination === undefined) return undefined;
  return { source, destination, port: from.settings.vxlanPort };
}
