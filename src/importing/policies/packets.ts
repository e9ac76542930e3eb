/**
 * Packets of both IP families on one line of integers: the protocols and ports of IPv4, then those of IPv6. Each name
 * of a port is a point of its own for each family, because nobody knows its number. A whole protocol has all its names
 * in it.
 */
import { covers, intersect, type Spans, span, subtract, union } from '../spans.ts';
import { EVERYTHING, ofPorts, ofProtocol } from '../traffic.ts';
import type { Family } from '../addresses.ts';

const START = { 4: 0n, 6: 2n ** 28n } as const;
/** Names begin after all ports. */
const NAMES = 2n ** 26n;
const NAMES_OF_PROTOCOL = 2n ** 16n;

const shifted = (spans: Spans, by: bigint): Spans =>
  spans.map(({ from, to }) => ({ from: from + by, to: to + by }));

const namesOf = (protocol: number): Spans => {
  const start = NAMES + BigInt(protocol) * NAMES_OF_PROTOCOL;
  return span(start, start + NAMES_OF_PROTOCOL - 1n);
};

const EVERY_NAME = span(NAMES, NAMES + 256n * NAMES_OF_PROTOCOL - 1n);
const EVERY_PACKET = union(EVERYTHING, EVERY_NAME);

export const inFamily = (spans: Spans, family: Family): Spans => shifted(spans, START[family]);
export const ofFamily = (family: Family): Spans => inFamily(EVERY_PACKET, family);
export const PACKETS: Spans = union(ofFamily(4), ofFamily(6));

/** Names that policies give, in the order in which they are met. */
export class PortNames {
  readonly #names: string[] = [];

  point(protocol: number, name: string): Spans {
    const known = this.#names.indexOf(name);
    const at = known >= 0 ? known : this.#names.push(name) - 1;
    return span(NAMES + BigInt(protocol) * NAMES_OF_PROTOCOL + BigInt(at));
  }

  /** The names of a protocol that are in the set. */
  within(packets: Spans, protocol: number): readonly string[] {
    return this.#names.filter((name) => covers(packets, this.point(protocol, name)));
  }
}

interface Numbers {
  readonly from: number;
  readonly to: number;
}

/** `sure`: packets that match, `maybe`: all that may match. Both without a family. */
export interface Range {
  readonly sure: Spans;
  readonly maybe: Spans;
}

export const wholeProtocol = (protocol: number): Spans => union(ofProtocol(protocol), namesOf(protocol));

export function portsOf(
  protocol: number,
  { ranges, names }: { readonly ranges: readonly Numbers[]; readonly names: readonly string[] },
  known: PortNames,
): Range {
  const numbers = union(...ranges.map(({ from, to }) => ofPorts(protocol, from, to)));
  const points = names.map((name) => known.point(protocol, name));
  const sure = union(numbers, ...points);
  return {
    sure,
    // A name may be any number, and a number may have any name.
    maybe: names.length > 0 ? wholeProtocol(protocol) : union(sure, namesOf(protocol)),
  };
}

const ICMP = 1;
const ICMP_V6 = 58;

/** The packets of a family, in a form that families share. ICMPv6 counts as ICMP. */
export function withoutFamily(packets: Spans, family: Family): Spans {
  const own = shifted(intersect(packets, ofFamily(family)), -START[family]);
  if (family === 4) return subtract(own, ofProtocol(ICMP_V6));
  const rest = subtract(own, union(ofProtocol(ICMP), ofProtocol(ICMP_V6)));
  return covers(own, ofProtocol(ICMP_V6)) ? union(rest, ofProtocol(ICMP)) : rest;
}

/** ICMPv6 is none of IPv4, and ICMP none of IPv6: what `withoutFamily` leaves of everything. */
const ALL = withoutFamily(PACKETS, 4);
const ICMP_ONLY = ofProtocol(ICMP);

/** Addresses have no names of ports. Everything stays everything. */
export const withoutNames = (packets: Spans): Spans =>
  covers(packets, ALL) ? packets : subtract(packets, EVERY_NAME);

interface Listed {
  readonly ports: readonly (number | string)[];
  /** Packets that the list has no word for. */
  readonly lost: boolean;
}

const TRANSPORTS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

/** `ports` of a rule of a group. */
export function listOf(packets: Spans, names: PortNames): Listed {
  if (covers(packets, ALL)) return { ports: ['All'], lost: false };
  const ports: (number | string)[] = [];
  for (const [name, protocol] of Object.entries(TRANSPORTS)) {
    const suffix = name === 'TCP' ? '' : `/${name}`;
    const start = ofPorts(protocol, 0, 0)[0]?.from ?? 0n;
    const ranges = intersect(packets, ofPorts(protocol, 1, 65_535));
    if (covers(ranges, ofPorts(protocol, 1, 65_535))) {
      ports.push(`All/${name}`);
      continue;
    }
    for (const each of ranges) {
      const [from, to] = [Number(each.from - start), Number(each.to - start)];
      if (from !== to) ports.push(`${String(from)}-${String(to)}${suffix}`);
      else ports.push(name === 'TCP' ? from : `${String(from)}${suffix}`);
    }
    ports.push(...names.within(packets, protocol).map((each) => `${each}${suffix}`));
  }
  const hasICMP = covers(packets, ICMP_ONLY);
  if (hasICMP) ports.push('ICMP');
  const others = subtract(
    intersect(packets, EVERYTHING),
    union(...Object.values(TRANSPORTS).map(ofProtocol), ICMP_ONLY),
  );
  return { ports, lost: others.length > 0 };
}
