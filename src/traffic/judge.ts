/** The verdict on a flow that was seen, with the policies of a world. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import type { Verdict } from '../simulator/decision.ts';
import { familyOf, type Header } from '../simulator/packet.ts';
import type { Prepared, PreparedNode } from '../simulator/prepared.ts';
import type { Hop, Outcome } from '../simulator/trail.ts';
import { walk, type Origin } from '../simulator/walk.ts';
import type { End, Located } from './ends.ts';

export interface Packet {
  readonly protocol: number;
  readonly port: number;
  readonly icmpType?: number;
  readonly sent?: { readonly address: string; readonly port: number };
}

export interface Judgement {
  readonly verdict: Verdict;
  /** Why it is Unknown, where no place on the way says so. */
  readonly because?: string;
  /** The first denial, or the first flow where there is none. */
  readonly outcome?: Outcome;
  readonly header?: Header;
  /** The ends of that flow. */
  readonly from?: Located;
  readonly to?: Located;
  /** Policies have a say. A denial without them was one before, and stays one. */
  readonly isByPolicy: boolean;
}

/** Every pair of candidates has to agree. */
export function judge(prepared: Prepared, from: End, to: End, packet: Packet): Judgement {
  const followed = from.candidates.flatMap((a) =>
    to.candidates.flatMap((b) =>
      ([4, 6] as const).flatMap((family) => follow(prepared, a, b, { packet, family })),
    ),
  );
  const [first] = followed;
  if (first === undefined)
    return { verdict: 'Unknown', because: 'the ends have no addresses of one IP family', isByPolicy: false };
  const verdicts = new Set(followed.map(({ outcome }) => outcome.verdict));
  const chosen = followed.find(({ outcome }) => outcome.verdict === 'Denied') ?? first;
  const isByPolicy = POLICY.includes(chosen.outcome.decisive.decision.by.kind);
  if (verdicts.size === 1) return { ...chosen, verdict: chosen.outcome.verdict, isByPolicy };
  const vague = from.candidates.length > 1 ? from : to;
  return {
    ...chosen,
    verdict: 'Unknown',
    because: `the source names no address, and the verdict depends on which one "${vague.name}" is`,
    isByPolicy,
  };
}

const POLICY = ['rule', 'endOfTier', 'profile', 'noProfile'];

interface Followed {
  readonly outcome: Outcome;
  readonly header: Header;
  readonly from: Located;
  readonly to: Located;
}

function follow(
  prepared: Prepared,
  from: Located,
  to: Located,
  { packet, family }: { readonly packet: Packet; readonly family: 4 | 6 },
): readonly Followed[] {
  const [source, destination] = [addressIn(from, family), addressIn(to, family)];
  const entry = from.kind === 'outside' ? entryFor(prepared, to, packet) : undefined;
  if (source === undefined || destination === undefined) return [];
  if (from.kind === 'outside' && entry === undefined) return [];
  const sent = asSent(prepared, from, packet) ?? { address: destination, port: packet.port };
  if (familyOf(sent.address) !== family) return [];
  const origin = originOf(from, entry);
  if (origin === undefined) return [];
  const header = headerOf(packet, family, sent.port);
  const hop: Hop = { source, destination: sent.address, port: sent.port };
  return [{ outcome: walk(prepared, origin, header, hop, { explain: true }), header, from, to }];
}

/**
 * The destination before NAT, where nodes judge by it. A cluster IP is left out: no node judges it, and the flow
 * tells which pod was behind it.
 */
function asSent(prepared: Prepared, from: Located, { sent }: Packet): Packet['sent'] {
  if (sent === undefined) return undefined;
  const isNode = prepared.placeOf(sent.address)?.kind === 'node';
  return isNode || from.kind === 'outside' ? sent : undefined;
}

function originOf(from: Located, entry: PreparedNode | undefined): Origin | undefined {
  switch (from.kind) {
    case 'pod':
      return { kind: 'pod', pod: from.pod };
    case 'node':
      return { kind: 'node', node: from.node };
    case 'outside':
      return entry && { kind: 'outside', at: entry };
  }
}

/** The node at which a packet from outside came in. */
function entryFor(prepared: Prepared, to: Located, { sent }: Packet): PreparedNode | undefined {
  const place = sent === undefined ? undefined : prepared.placeOf(sent.address);
  if (place?.kind === 'node') return place.node;
  if (to.kind === 'pod') return prepared.node(to.pod.node);
  return to.kind === 'node' ? to.node : undefined;
}

function addressIn(at: Located, family: 4 | 6): string | undefined {
  const of = (addresses: readonly string[]): string | undefined =>
    addresses.find((each) => familyOf(each) === family);
  switch (at.kind) {
    case 'pod':
      return of(at.pod.addresses);
    case 'node':
      return of(at.address === undefined ? at.node.node.addresses : [at.address]);
    case 'outside':
      return of([at.address]);
  }
}

const ECHO = { 4: 8, 6: 128 } as const;
const ICMP: readonly number[] = [PROTOCOL.ICMP, PROTOCOL.ICMPv6];

function headerOf({ protocol, icmpType }: Packet, family: 4 | 6, port: number): Header {
  const isIcmp = ICMP.includes(protocol);
  return {
    family,
    protocol: isIcmp ? (family === 4 ? PROTOCOL.ICMP : PROTOCOL.ICMPv6) : protocol,
    sourcePort: isIcmp ? 0 : 40_000,
    port: isIcmp ? 0 : port,
    icmpType: isIcmp ? (icmpType ?? ECHO[family]) : 0,
    icmpCode: 0,
    state: 'new',
  };
}
