/** Addresses outside the cluster, as classes of those that nothing in a world tells apart. */
import { containsCidr, formatAddress, parseCidr, type Cidr } from '../net/cidr.ts';
import type { Prepared } from './prepared.ts';
import { cutSpace, type Range } from './ranges.ts';

export interface OutsideClass {
  readonly family: 4 | 6;
  /** One of them. */
  readonly example: string;
  readonly ranges: readonly Range[];
  /** False for addresses that no packet from or to another network has, and for those of pods to come. */
  readonly isRoutable: boolean;
}

/** This network, loopback, multicast, class E and link-local addresses of IPv6. */
export const ROUTED_NOWHERE = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  'fe80::/10',
  'ff00::/8',
].map(parseCidr);

/** Addresses that are the cluster's own are in none. */
export const outsideClassesOf = (prepared: Prepared, family: 4 | 6): readonly OutsideClass[] =>
  outsideClassesIn([prepared], family);

/** Those that none of several worlds tells apart. */
export function outsideClassesIn(worlds: readonly Prepared[], family: 4 | 6): readonly OutsideClass[] {
  const cidrs = worlds.flatMap((world) => [...world.cidrs()]);
  const ranges = cutSpace(family, [...cidrs, ...ROUTED_NOWHERE]);
  const groups = Map.groupBy(
    ranges.filter(({ from }) => worlds.every((world) => isOutside(world, addressOf(family, from)))),
    ({ from }) => {
      const address = addressOf(family, from);
      const signatures = worlds.map((world) => world.signature(formatAddress(address)));
      return [String(isRoutable(worlds, address)), ...signatures].join(' / ');
    },
  );
  return [...groups.values()].flatMap((of) => {
    const [first] = of;
    if (first === undefined) return [];
    const address = addressOf(family, first.from);
    return [{ family, example: formatAddress(address), ranges: of, isRoutable: isRoutable(worlds, address) }];
  });
}

const addressOf = (family: 4 | 6, value: bigint): Cidr => ({
  family,
  value,
  prefix: family === 4 ? 32 : 128,
});

function isOutside(prepared: Prepared, cidr: Cidr): boolean {
  const address = formatAddress(cidr);
  if (address === '::1' || address.startsWith('127.')) return false;
  return prepared.placeOf(address) === undefined && !prepared.services.hasAddress(address);
}

const isRoutable = (worlds: readonly Prepared[], address: Cidr): boolean =>
  worlds.every((world) => world.party(formatAddress(address)).pool === undefined) &&
  !ROUTED_NOWHERE.some((net) => containsCidr(net, address));

/** The fewest CIDRs that are the ranges. */
export function cidrsOf({ family, ranges }: Pick<OutsideClass, 'family' | 'ranges'>): readonly Cidr[] {
  const bits = family === 4 ? 32 : 128;
  const found: Cidr[] = [];
  for (const { from, to } of joined(ranges)) {
    for (let value = from; value <= to;) {
      let size = 0;
      while (
        size < bits &&
        (value >> BigInt(size)) % 2n === 0n &&
        value + (1n << BigInt(size + 1)) - 1n <= to
      )
        size++;
      found.push({ family, value, prefix: bits - size });
      value += 1n << BigInt(size);
    }
  }
  return found;
}

function joined(ranges: readonly Range[]): readonly Range[] {
  const found: Range[] = [];
  for (const range of [...ranges].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = found.at(-1);
    if (last !== undefined && last.to + 1n === range.from)
      found[found.length - 1] = { ...last, to: range.to };
    else found.push(range);
  }
  return found;
}
