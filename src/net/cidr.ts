/**
 * CIDRs as Go's net.ParseCIDR reads them, because Calico uses it. An address with a leading zero is an error
 * there, and not octal. This parser is stricter than Go in two cases that would later be read as something
 * else: it refuses host bits and IPv4-mapped IPv6.
 */

type Family = 4 | 6;

/** A block of addresses. `value` is the network address as an integer, with host bits zero. */
export interface Cidr {
  readonly family: Family;
  readonly value: bigint;
  readonly prefix: number;
}

/** The text is not an address or CIDR. The message says what is wrong and what to write. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

const BITS = { 4: 32, 6: 128 } as const;

/**
 * Reads a CIDR with a mask and without host bits. IPv6 may be in upper case and unabbreviated.
 * @throws AddressError with the remedy in its message
 */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf('/');
  if (slash === -1) {
    const bare = parseAddress(text);
    throw new AddressError(`${text} has no mask: write ${formatCidr(bare)} for one address`);
  }
  const { family, value } = parseIp(text.slice(0, slash));
  const prefix = parsePrefix(text.slice(slash + 1), family, text);
  const network = networkOf(family, value, prefix);
  refuseMapped(text, network);
  if (network.value !== value) {
    throw new AddressError(`${text} has host bits: did you mean ${formatCidr(network)}?`);
  }
  return network;
}

/**
 * Reads one address without a mask, as a CIDR of full prefix.
 * @throws AddressError with the remedy in its message
 */
export function parseAddress(text: string): Cidr {
  if (text.includes('/')) throw new AddressError(`${text} has a mask: write the address alone`);
  const { family, value } = parseIp(text);
  const address = { family, value, prefix: BITS[family] };
  refuseMapped(text, address);
  return address;
}

function parsePrefix(digits: string, family: Family, text: string): number {
  if (!/^(0|[1-9][0-9]*)$/.test(digits)) {
    throw new AddressError(
      `${text} has no valid mask: write /0 to /${String(BITS[family])} after the address`,
    );
  }
  const prefix = Number(digits);
  if (prefix > BITS[family]) {
    throw new AddressError(
      `${text} has a mask that is too long: IPv${String(family)} ends at /${String(BITS[family])}`,
    );
  }
  return prefix;
}

interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

function parseIp(text: string): Ip {
  if (text.includes('%'))
    throw new AddressError(
      `${text} has a zone, which a firewall cannot match: without "%" and the rest, it means every interface`,
    );
  if (text.startsWith('!'))
    throw new AddressError(
      `${text} is negated: write the whole range, and what to leave out of it in except`,
    );
  if (/^[0-9.]+-[0-9.]+$/.test(text))
    throw new AddressError(
      `${text} is a range: write it as CIDRs, for example 192.0.2.0/29 and 192.0.2.8/30`,
    );
  return text.includes(':')
    ? { family: 6, value: parseIpv6(text) }
    : { family: 4, value: BigInt(parseIpv4(text, text)) };
}

function parseIpv4(text: string, whole: string): number {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^[0-9]+$/.test(octet))) {
    throw new AddressError(
      `${quoted(whole)} is not an IP address: write four numbers as in 192.0.2.1, or IPv6 as in 2001:db8::1`,
    );
  }
  let value = 0;
  for (const octet of octets) {
    if (octet.length > 1 && octet.startsWith('0')) {
      const plain = octets.map(Number).join('.');
      throw new AddressError(
        `${whole} has leading zeros, which some programs read as octal: did you mean ${plain}?`,
      );
    }
    if (octet.length > 3 || Number(octet) > 255) {
      throw new AddressError(`${whole} is not an IPv4 address: ${octet} is more than 255`);
    }
    value = value * 256 + Number(octet);
  }
  return value;
}

/** RFC 4291, section 2.2: at most one "::", which stands for at least one group. */
function parseIpv6(text: string): bigint {
  const halves = text.split('::');
  const head = groupsOf(halves[0] ?? '', halves.length === 1, text);
  const tail = halves.length === 1 ? [] : groupsOf(halves[1] ?? '', true, text);
  const missing = 8 - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 1 ? missing !== 0 : missing < 1)) {
    throw new AddressError(
      `${text} is not an IPv6 address: write eight groups, or "::" once for a run of zeros`,
    );
  }
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** The 16-bit groups of one side of "::". The last may be a dotted IPv4 address when it ends the whole. */
function groupsOf(side: string, endsAddress: boolean, whole: string): number[] {
  if (side === '') return [];
  const parts = side.split(':');
  return parts.flatMap((part, index) => {
    if (endsAddress && index === parts.length - 1 && part.includes('.')) {
      const value = parseIpv4(part, whole);
      return [Math.floor(value / 65536), value % 65536];
    }
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) return [Number.parseInt(part, 16)];
    throw new AddressError(
      `${whole} is not an IPv6 address: ${quoted(part)} is not a group of one to four hex digits`,
    );
  });
}

const quoted = (text: string): string => (text === '' ? 'an empty text' : `"${text}"`);

/** ::ffff:0:0/96. Go's net.IP reads these as IPv4, and a net.IPNet of the whole range prints as 0.0.0.0/0. */
const MAPPED: Cidr = { family: 6, value: 0xffff00000000n, prefix: 96 };

function refuseMapped(text: string, network: Cidr): void {
  if (!containsCidr(MAPPED, network)) return;
  const ipv4 = {
    family: 4,
    value: network.value - MAPPED.value,
    prefix: network.prefix - MAPPED.prefix,
  } as const;
  const remedy = text.includes('/') ? formatCidr(ipv4) : formatAddress(ipv4);
  throw new AddressError(`${text} is an IPv4-mapped IPv6 address, which no packet carries: write ${remedy}`);
}

/** Canonical text, always with a mask. IPv6 follows RFC 5952. */
export const formatCidr = (cidr: Cidr): string => `${formatAddress(cidr)}/${String(cidr.prefix)}`;

/** Canonical text of the network address, without the mask. */
export function formatAddress({ family, value }: Cidr): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => (value >> shift) & 0xffffn);
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  // RFC 5952, section 4.2.2: a single zero group is not shortened.
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

function longestZeroRun(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0n ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}

const hostBits = (family: Family, prefix: number): bigint => BigInt(BITS[family] - prefix);

function networkOf(family: Family, value: bigint, prefix: number): Cidr {
  const bits = hostBits(family, prefix);
  return { family, value: (value >> bits) << bits, prefix };
}

/** True when every address of `inner` is in `outer`. Families never contain each other. */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const bits = hostBits(outer.family, outer.prefix);
  return inner.value >> bits === outer.value >> bits;
}

/** True when they share an address. One of two such CIDRs contains the other. */
export const overlapsCidr = (a: Cidr, b: Cidr): boolean => containsCidr(a, b) || containsCidr(b, a);

/** Order for sorting: IPv4 first, then by address, then the larger block. */
export function compareCidr(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.prefix - b.prefix;
}

/**
 * The rest of `base` without `excepts`: the fewest CIDRs, sorted, or none when nothing is left. Entries
 * outside `base` or of the other family remove nothing. IPv4-mapped addresses are never part of a result from
 * IPv6: see MAPPED.
 * @param most the work ends at so many CIDRs, the lowest
 */
export function subtractCidrs(base: Cidr, excepts: readonly Cidr[], most = Infinity): Cidr[] {
  if (most <= 0) return [];
  const inside = excepts.filter((except) => overlapsCidr(base, except));
  if (inside.some((except) => containsCidr(except, base)) || containsCidr(MAPPED, base)) return [];
  if (inside.length === 0) return [base];
  const [lower, upper] = halvesOf(base);
  const left = subtractCidrs(lower, inside, most);
  return [...left, ...subtractCidrs(upper, inside, most - left.length)];
}

function halvesOf({ family, value, prefix }: Cidr): readonly [Cidr, Cidr] {
  const upper = value | (1n << hostBits(family, prefix + 1));
  return [
    { family, value, prefix: prefix + 1 },
    { family, value: upper, prefix: prefix + 1 },
  ];
}

/** The same addresses, sorted. Duplicates and contained CIDRs are dropped. */
export function distinctCidrs(list: readonly Cidr[]): Cidr[] {
  const distinct: Cidr[] = [];
  for (const cidr of [...list].sort(compareCidr)) {
    const last = distinct.at(-1);
    if (!last || !containsCidr(last, cidr)) distinct.push(cidr);
  }
  return distinct;
}

/** The same addresses in the fewest CIDRs, sorted. Siblings are merged. */
export function unionCidrs(list: readonly Cidr[]): Cidr[] {
  const merged: Cidr[] = [];
  for (const cidr of distinctCidrs(list)) {
    merged.push(cidr);
    mergeSiblings(merged);
  }
  return merged;
}

function mergeSiblings(sorted: Cidr[]): void {
  for (;;) {
    const [lower, upper] = [sorted.at(-2), sorted.at(-1)];
    if (
      !lower ||
      !upper ||
      lower.family !== upper.family ||
      lower.prefix !== upper.prefix ||
      lower.prefix === 0
    )
      return;
    const parent = networkOf(lower.family, lower.value, lower.prefix - 1);
    if (!containsCidr(parent, upper)) return;
    sorted.splice(-2, 2, parent);
  }
}
