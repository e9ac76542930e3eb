/**
 * Addresses in what allows never mean pods or nodes of this cluster, whatever the range. Addresses in what
 * denies mean every address of the range.
 */
import { containsCidr, formatCidr, overlapsCidr, parseCidr, type Cidr } from '../../net/cidr.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { readOnce } from '../read-once.ts';
import type { NodeAddresses } from './addresses.ts';

/** The addresses of the cluster itself, as far as they are known. */
export interface InsideAddresses {
  /** CIDRs of IPPools. */
  readonly pools: readonly Cidr[];
  /** Single addresses of nodes. */
  readonly nodes: readonly Cidr[];
  /** Sets aside the CIDRs that are wholly in a pool, and those that have addresses of nodes alone. */
  sortOut(nets: readonly Cidr[]): SortedOut;
}

export interface SortedOut {
  /** The same list where nothing is left out: it is turned into text only once. */
  readonly outside: readonly Cidr[];
  readonly pods: readonly Cidr[];
  readonly nodes: readonly Cidr[];
}

export function insideAddressesOf(addresses: NodeAddresses, inventory: Inventory): InsideAddresses {
  const pools = knownOr(inventory.ipPools, []).map(parseCidr);
  const nodes = knownOr(addresses.nodes, []).filter(({ family, prefix }) => prefix === BITS[family]);
  const ofNodes = new Set(nodes.map(formatCidr));
  const kindOf = (net: Cidr): keyof SortedOut => {
    if (pools.some((pool) => containsCidr(pool, net))) return 'pods';
    return isWithin(ofNodes, net) ? 'nodes' : 'outside';
  };
  // A peer is sorted out once, however many rules name it.
  const sortOut = readOnce((nets: readonly Cidr[]): SortedOut => {
    const { outside = [], pods = [], nodes: some = [] } = Object.groupBy(nets, kindOf);
    return { outside: outside.length === nets.length ? nets : outside, pods, nodes: some };
  });
  return { pools, nodes, sortOut };
}

const BITS = { 4: 32, 6: 128 } as const;

function isWithin(addresses: ReadonlySet<string>, { family, value, prefix }: Cidr): boolean {
  const size = 1n << BigInt(BITS[family] - prefix);
  if (size > BigInt(addresses.size)) return false;
  for (let offset = 0n; offset < size; offset++) {
    if (!addresses.has(formatCidr({ family, value: value + offset, prefix: BITS[family] }))) return false;
  }
  return true;
}

/**
 * For the warning: the CIDRs that allow nothing, and the words that do.
 * @param apiServer its endpoints, and the entity that means them and no other node
 */
export function tellInside(
  { pods, nodes }: SortedOut,
  apiServer?: { readonly addresses: readonly Cidr[]; readonly entity: 'KubeAPIServer' | 'ControlPlane' },
): string {
  const isMeant = apiServer?.addresses.some((each) => nodes.some((net) => containsCidr(net, each))) === true;
  const words = isMeant
    ? `name the API server as entity: ${apiServer.entity}, and other nodes by label`
    : 'name nodes by label, or entity: Nodes';
  const each = [
    ...(pods.length === 0 ? [] : [`${listed(pods)} is in an IPPool: name pods by label, or entity: Pods`]),
    ...(nodes.length === 0 ? [] : [`${listed(nodes)} has addresses of nodes alone: ${words}`]),
  ];
  return `opens nothing there, because addresses never mean pods or nodes; ${each.join('; ')}`;
}

/** For the warning: whom a deny cuts off, in words that follow "refuses"; empty where that is nobody. */
export function tellCutOff(nets: readonly Cidr[], { pools, nodes }: InsideAddresses): string {
  const meets = (cidr: Cidr) => nets.some((net) => overlapsCidr(net, cidr));
  const inPools = pools.filter(meets);
  const ofNodes = nodes.filter(meets);
  return [
    ...(inPools.length === 0 ? [] : [`pods in ${listed(inPools)}, the DNS server among them if it is there`]),
    ...(ofNodes.length === 0 ? [] : [`nodes at ${listed(ofNodes)}, and what runs in their host network`]),
  ].join(', and ');
}

const LISTED = 5;

function listed(cidrs: readonly Cidr[]): string {
  const more = cidrs.length - LISTED;
  return `${cidrs.slice(0, LISTED).map(formatCidr).join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`;
}
