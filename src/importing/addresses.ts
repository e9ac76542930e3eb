/**
 * Sources and destinations on one line of integers: IPv4, IPv6, and four points that stand for all pods and all
 * nodes of a family. The points exist because addresses of a ClusterFirewall mean neither pods nor nodes.
 */
import { type Cidr, formatCidr, parseCidr } from '../net/cidr.ts';
import { covers, intersect, overlap, type Spans, span, subtract, union } from './spans.ts';

export type Family = 4 | 6;

const AFTER_V4 = 2n ** 32n;
const AFTER_V6 = AFTER_V4 + 2n ** 128n;
const START = { 4: 0n, 6: AFTER_V4 } as const;
const BITS = { 4: 32, 6: 128 } as const;

const OF_FAMILY: Readonly<Record<Family, Spans>> = {
  4: span(0n, AFTER_V4 - 1n),
  6: span(AFTER_V4, AFTER_V6 - 1n),
};
const POINTS = {
  pods: { 4: span(AFTER_V6), 6: span(AFTER_V6 + 1n) },
  nodes: { 4: span(AFTER_V6 + 2n), 6: span(AFTER_V6 + 3n) },
} as const;

export const FAMILIES: readonly Family[] = [4, 6];
/** Addresses of no pod and no node. */
export const addressesOf = (family: Family): Spans => OF_FAMILY[family];
export const podsOf = (family: Family): Spans => POINTS.pods[family];
export const nodesOf = (family: Family): Spans => POINTS.nodes[family];
export const everyoneOf = (family: Family): Spans =>
  union(addressesOf(family), podsOf(family), nodesOf(family));
export const WORLD: Spans = union(addressesOf(4), addressesOf(6));
export const PODS: Spans = union(podsOf(4), podsOf(6));
export const NODES: Spans = union(nodesOf(4), nodesOf(6));
export const EVERYONE: Spans = union(WORLD, PODS, NODES);

export function ofCidr({ family, value, prefix }: Cidr): Spans {
  const from = START[family] + value;
  return span(from, from + 2n ** BigInt(BITS[family] - prefix) - 1n);
}

/** @param ends two addresses, as CIDRs of full prefix */
export const ofRange = (ends: readonly [Cidr, Cidr]): Spans =>
  span(START[ends[0].family] + ends[0].value, START[ends[1].family] + ends[1].value);

const nets = (...texts: readonly string[]): Spans => union(...texts.map((text) => ofCidr(parseCidr(text))));

export const LOOPBACK = nets('127.0.0.0/8', '::1/128');
export const MULTICAST = nets('224.0.0.0/4', 'ff00::/8');
/** No packet carries these over the network. */
const MAPPED = ofCidr({ family: 6, value: 0xffff00000000n, prefix: 96 });
const NEVER_PODS_OR_NODES = union(
  LOOPBACK,
  MULTICAST,
  MAPPED,
  nets('0.0.0.0/8', '169.254.0.0/16', '240.0.0.0/4', 'fe80::/10', '::/128'),
);
/** Sources that nodes drop by themselves, so that no rule needs to leave them out. */
export const NO_SOURCES = union(LOOPBACK, MAPPED);

/** Facts about the cluster that whoever imports gives. */
export interface Known {
  /** Absent: unknown. Then any address may be a pod's. */
  readonly pods?: readonly Cidr[];
  readonly nodes?: readonly Cidr[];
  readonly services?: readonly Cidr[];
  /** The sources behind an interface. */
  readonly interfaces: ReadonlyMap<string, Spans>;
  /** The zone of firewalld that decides about everybody else. */
  readonly defaultZone?: string;
  /** True where the cluster has no IPv6. */
  readonly ipv4Only: boolean;
}

/** `maybe`: pods or nodes that may have such an address. */
export interface Ends {
  readonly sure: Spans;
  readonly maybe: Spans;
}

/** Who has one of these addresses. */
export function whoHas(addresses: Spans, family: Family, known: Known): Ends {
  let sure = addresses;
  let maybe: Spans = [];
  for (const kind of ['pods', 'nodes'] as const) {
    const point = POINTS[kind][family];
    const ranges = known[kind]?.filter((each) => each.family === family).map(ofCidr);
    if (ranges === undefined) {
      if (covers(union(addresses, NEVER_PODS_OR_NODES), addressesOf(family))) sure = union(sure, point);
      else if (!covers(NEVER_PODS_OR_NODES, addresses)) maybe = union(maybe, point);
    } else if (ranges.length > 0 && ranges.every((range) => covers(addresses, range))) {
      sure = union(sure, point);
    } else if (ranges.some((range) => overlap(addresses, range))) {
      maybe = union(maybe, point);
    }
  }
  return { sure, maybe };
}

export const without = ({ sure, maybe }: Ends, family: Family): Ends => ({
  sure: subtract(everyoneOf(family), union(sure, maybe)),
  maybe,
});

export const both = (a: Ends, b: Ends): Ends => {
  const sure = intersect(a.sure, b.sure);
  return { sure, maybe: subtract(intersect(union(a.sure, a.maybe), union(b.sure, b.maybe)), sure) };
};

/** The addresses among them as CIDRs, in order. */
export function cidrsOf(spans: Spans, family: Family): readonly string[] {
  const cidrs: string[] = [];
  for (let { from, to } of intersect(spans, addressesOf(family))) {
    from -= START[family];
    to -= START[family];
    while (from <= to) {
      let bits = 0;
      while (bits < BITS[family] && fits(from, to, bits + 1)) bits += 1;
      cidrs.push(formatCidr({ family, value: from, prefix: BITS[family] - bits }));
      from += 2n ** BigInt(bits);
    }
  }
  return cidrs;
}

/** True where a block of so many bits begins at `from` and ends by `to`. */
const fits = (from: bigint, to: bigint, bits: number): boolean =>
  from % 2n ** BigInt(bits) === 0n && from + 2n ** BigInt(bits) - 1n <= to;
