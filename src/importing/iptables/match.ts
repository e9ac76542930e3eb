/** The packets that a rule matches. */
import { AddressError, type Cidr, formatCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import { parseProtocol, ProtocolError } from '../../net/protocols.ts';
import {
  addressesOf,
  both,
  type Ends,
  everyoneOf,
  type Family,
  type Known,
  MULTICAST,
  ofCidr,
  ofRange,
  whoHas,
  without,
} from '../addresses.ts';
import type { Box } from '../boxes.ts';
import { overlap, subtract, intersect, type Spans, union } from '../spans.ts';
import { EVERYTHING, hasPorts, ofPorts, ofProtocol } from '../traffic.ts';
import type { Sets } from './sets.ts';
import type { Option, Parsed } from './options.ts';

export interface Match {
  /** In their order. The packets of a case that is not certain may match or not. */
  readonly cases: readonly { readonly box: Box; readonly certain: boolean }[];
  /** Why no packet that begins a connection over the network matches. */
  readonly never?: Never;
  /** Criteria that are not understood. */
  readonly unknown: readonly string[];
}

export interface Never {
  readonly why: string;
  /** True where a ClusterFirewall does the same by itself. */
  readonly builtIn: boolean;
}

/** The message says which criterion is wrong. */
export class MatchError extends Error {
  override readonly name = 'MatchError';
}

interface Surroundings {
  readonly family: Family;
  readonly known: Known;
  readonly sets: Sets;
}

interface State {
  sources: Ends;
  destinations: Spans;
  traffic: Spans;
  protocol: number | undefined;
  never?: Never;
  readonly unknown: string[];
}

/** @throws MatchError for an address, port or protocol that is none */
export function matchOf({ options, modules }: Parsed, around: Surroundings): Match {
  const { family } = around;
  const state: State = {
    sources: { sure: everyoneOf(family), maybe: [] },
    destinations: addressesOf(family),
    traffic: EVERYTHING,
    protocol: undefined,
    unknown: modules.flatMap(
      (name) =>
        WHOLE_MODULES.get(name) ?? (MODULES.has(name) ? [] : [name.includes(' ') ? name : `-m ${name}`]),
    ),
  };
  // The protocol says what a port is, wherever it stands.
  const isProtocol = ({ name }: Option): boolean => name === 'protocol';
  for (const option of [...options.filter(isProtocol), ...options.filter((each) => !isProtocol(each))])
    apply(option, state, around);
  return finish(state);
}

function finish({ sources, destinations, traffic, never, unknown }: State): Match {
  if (never !== undefined) return { cases: [], never, unknown: [] };
  const whole = { destinations, traffic };
  const cases =
    unknown.length > 0
      ? [{ box: { ...whole, sources: union(sources.sure, sources.maybe) }, certain: false }]
      : [
          { box: { ...whole, sources: sources.sure }, certain: true },
          { box: { ...whole, sources: sources.maybe }, certain: false },
        ];
  return {
    cases: cases.filter(({ box }) => box.sources.length > 0 && destinations.length > 0 && traffic.length > 0),
    unknown: [...new Set(unknown)],
  };
}

/** Modules whose options say everything. */
const MODULES = new Set(
  'tcp udp sctp icmp icmp6 ipv6-icmp icmpv6 comment state conntrack multiport iprange set addrtype pkttype rt rpfilter'.split(
    ' ',
  ),
);
const WHOLE_MODULES: ReadonlyMap<string, readonly string[]> = new Map(
  ['limit', 'hashlimit', 'connlimit', 'recent', 'quota', 'statistic'].map((name) => [
    name,
    [`a limit (-m ${name}), which has no counterpart`],
  ]),
);

function apply(option: Option, state: State, around: Surroundings): void {
  const { family, known, sets } = around;
  const value = option.values[0] ?? '';
  switch (option.name) {
    case 'comment':
    case 'set-counters':
    case 'ipv4':
    case 'ipv6':
      return;
    case 'protocol':
      applyProtocol(option, state);
      return;
    case 'source':
      narrowSources(state, option, whoHas(networks(value, family), family, known), family);
      return;
    case 'src-range':
      narrowSources(state, option, whoHas(rangeOf(value), family, known), family);
      return;
    case 'destination':
      narrowDestinations(state, option, networks(value, family));
      return;
    case 'dst-range':
      narrowDestinations(state, option, rangeOf(value));
      return;
    case 'match-set':
      applySet(option, state, sets, around);
      return;
    case 'in-interface':
      applyInterface(option, state, around);
      return;
    case 'dport':
    case 'dports':
      narrowPorts(option, state);
      return;
    case 'ctstate':
      applyState(option, state);
      return;
    case 'syn':
      if (option.negated) begins(state, NOT_SYN);
      return;
    case 'tcp-flags':
      applyFlags(option, state);
      return;
    case 'fragment':
      if (!option.negated) begins(state, 'fragments begin no connection');
      return;
    case 'dst-type':
      applyType(value, option, state);
      return;
    case 'pkt-type':
      applyType(value === 'unicast' ? 'LOCAL' : value, option, state);
      return;
    case 'icmp-type':
    case 'icmpv6-type':
      state.unknown.push('a type of ICMP');
      return;
    case 'rt-type':
      begins(state, 'the kernel drops this routing header by itself');
      return;
    case 'invert':
    case 'loose':
    case 'validmark':
      begins(state, 'the kernel checks the way back of packets by itself (rp_filter)');
      return;
    default:
      // A module that is not understood has said it already.
      if (state.unknown.length === 0) state.unknown.push(reasonFor(option));
  }
}

const NOT_SYN = 'such packets begin no connection';

const REASONS: ReadonlyMap<string, string> = new Map([
  ['sport', 'the port of the source, which is not judged'],
  ['sports', 'the port of the source, which is not judged'],
  ['ports', 'the port of the source or destination, which are not told apart'],
  ['out-interface', 'the interface of a packet that leaves'],
  ['mac-source', 'a MAC address'],
  ['string', 'the content of a packet'],
]);
const reasonFor = ({ name, values }: Option): string =>
  REASONS.get(name) ?? `--${[name, ...values].join(' ')}`;

/** No packet that begins a connection matches. */
function begins(state: State, why: string, builtIn = false): void {
  state.never ??= { why, builtIn };
}

function applyProtocol({ values, negated }: Option, state: State): void {
  const [value = ''] = values;
  if (/^(?:all|0)$/i.test(value)) return;
  const number = protocolOf(value);
  state.traffic = negated ? subtract(state.traffic, ofProtocol(number)) : ofProtocol(number);
  if (!negated) state.protocol = number;
}

function protocolOf(value: string): number {
  const transport = new Map([
    ['tcp', 6],
    ['6', 6],
    ['udp', 17],
    ['17', 17],
    ['sctp', 132],
    ['132', 132],
    // The name in /etc/protocols. IANA gives it to another protocol.
    ['ipip', 94],
  ]).get(value.toLowerCase());
  if (transport !== undefined) return transport;
  try {
    return parseProtocol(value);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new MatchError(error.message);
  }
}

function narrowSources(state: State, { negated }: Option, ends: Ends, family: Family): void {
  state.sources = both(state.sources, negated ? without(ends, family) : ends);
}

function narrowDestinations(state: State, { negated }: Option, addresses: Spans): void {
  state.destinations = negated
    ? subtract(state.destinations, addresses)
    : intersect(state.destinations, addresses);
}

function narrowPorts({ values, negated }: Option, state: State): void {
  const { protocol } = state;
  if (protocol === undefined || !hasPorts(protocol)) {
    state.unknown.push('a port of a protocol that has no ports here');
    return;
  }
  const ports = union(...(values[0] ?? '').split(',').map((text) => portsOf(protocol, text)));
  state.traffic = negated ? subtract(state.traffic, ports) : intersect(state.traffic, ports);
}

function portsOf(protocol: number, text: string): Spans {
  const [, from, colon, to] = /^(\d*)(:?)(\d*)$/.exec(text) ?? [];
  const isNamed = from === undefined || (from === '' && to === '');
  const named = isNamed ? NAMED_PORTS.get(text) : undefined;
  if (named !== undefined) return ofPorts(protocol, named, named);
  const first = Number(from === '' ? 0 : from);
  const last = colon === '' ? first : Number(to === '' ? 65535 : to);
  if (isNamed || last > 65535 || first > last)
    throw new MatchError(`"${text}" is no port that is known: write its number`);
  return ofPorts(protocol, first, last);
}

/** Names of /etc/services that people write. iptables-save prints numbers. */
const NAMED_PORTS: ReadonlyMap<string, number> = new Map([
  ['ssh', 22],
  ['domain', 53],
  ['http', 80],
  ['ntp', 123],
  ['https', 443],
]);

/** `192.0.2.0/24,198.51.100.7`, also with a mask in dotted form. */
function networks(text: string, family: Family): Spans {
  return union(
    ...text.split(',').map((each) => {
      const cidr = readNetwork(each);
      if (cidr.family !== family)
        throw new MatchError(
          `${each} is an address of IPv${String(cidr.family)} in a table of IPv${String(family)}`,
        );
      return ofCidr(cidr);
    }),
  );
}

export function readNetwork(text: string): Cidr {
  const [address = '', mask] = text.split('/');
  try {
    const { family, value } = parseAddress(address);
    const bits = family === 4 ? 32 : 128;
    const prefix = mask === undefined ? bits : prefixOf(mask, text);
    if (prefix > bits) throw new MatchError(`${text} has a mask that is too long`);
    const host = BigInt(bits - prefix);
    return { family, value: (value >> host) << host, prefix };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new MatchError(error.message);
  }
}

function prefixOf(mask: string, text: string): number {
  if (/^\d{1,3}$/.test(mask)) return Number(mask);
  const bits = mask
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('');
  if (/^1*0*$/.test(bits) && bits.length === 32) return bits.replaceAll('0', '').length;
  throw new MatchError(
    `${text} has a mask that is no prefix: write it as ${formatCidr(parseCidr('192.0.2.0/24'))} is written`,
  );
}

export function rangeOf(text: string): Spans {
  const [from = '', to = from] = text.split('-');
  const ends = [readNetwork(from), readNetwork(to)] as const;
  if (ends[0].family !== ends[1].family || ends[0].value > ends[1].value)
    throw new MatchError(`${text} is no range of addresses`);
  return ofRange(ends);
}

function applySet(option: Option, state: State, sets: Sets, { family, known }: Surroundings): void {
  const [name = '', direction = ''] = option.values;
  const members = sets.get(name);
  if (members === undefined) {
    state.unknown.push(`the set ${name}, which is in no file: give the output of ipset save as well`);
  } else if (typeof members === 'string') {
    state.unknown.push(`the set ${name}: ${members}`);
  } else if (direction === 'src') {
    const own = intersect(members, addressesOf(family));
    narrowSources(
      state,
      option,
      own.length === 0 ? { sure: [], maybe: [] } : whoHas(own, family, known),
      family,
    );
  } else if (direction === 'dst') {
    narrowDestinations(state, option, members);
  } else {
    state.unknown.push(`the set ${name} in the direction ${direction}`);
  }
}

function applyInterface({ values, negated }: Option, state: State, { known, family }: Surroundings): void {
  const [name = ''] = values;
  if (name === 'lo') {
    if (!negated) begins(state, 'lo is exempt', true);
    return;
  }
  const behind = known.interfaces.get(name);
  if (behind === undefined) {
    state.unknown.push(
      `the interface ${name}: say who is behind it with --interface ${name}=CIDR, or =Pods, =Nodes or =Everyone`,
    );
    return;
  }
  const own = intersect(behind, everyoneOf(family));
  state.sources = both(state.sources, {
    sure: negated ? subtract(everyoneOf(family), own) : own,
    maybe: [],
  });
}

function applyState({ values, negated }: Option, state: State): void {
  const states = (values[0] ?? '').toUpperCase().split(',');
  if (states.includes('NEW') !== negated) return;
  if (states.some((each) => ['DNAT', 'SNAT'].includes(each))) {
    state.unknown.push('whether addresses were translated');
    return;
  }
  if (negated) {
    begins(state, 'packets of no new connection');
    return;
  }
  begins(
    state,
    STATES.find(([name]) => states.includes(name))?.[1] ?? 'no new connection has this state',
    true,
  );
}

const STATES = [
  ['ESTABLISHED', 'established connections pass by themselves'],
  ['INVALID', 'Felix drops such packets by itself'],
  ['RELATED', 'established connections pass by themselves'],
] as const;

/** A packet that begins a connection has SYN alone. */
function applyFlags({ values, negated }: Option, state: State): void {
  const [mask = '', set = ''] = values.map((each) => each.toUpperCase());
  const asked = mask === 'ALL' || mask.split(',').includes('SYN');
  const wanted =
    set === 'ALL' ? ['SYN', 'ACK'] : set.split(',').filter((flag) => flag !== 'NONE' && flag !== '');
  const matches = asked ? wanted.join() === 'SYN' : wanted.length === 0;
  if (matches === negated) begins(state, NOT_SYN);
}

const BROADCAST = ofCidr(parseCidr('255.255.255.255/32'));

/** Packets in INPUT are for the machine, or go to many. */
function applyType(value: string, { negated }: Option, state: State): void {
  const toMany = union(MULTICAST, BROADCAST);
  const type = value.toUpperCase();
  const own = type === 'LOCAL' ? subtract(state.destinations, toMany) : undefined;
  const found =
    own ?? (['MULTICAST', 'BROADCAST'].includes(type) ? intersect(state.destinations, toMany) : undefined);
  if (found === undefined) {
    state.unknown.push(`the kind of destination ${value}`);
    return;
  }
  state.destinations = negated ? subtract(state.destinations, found) : found;
  if (!overlap(state.destinations, addressesOf(4)) && !overlap(state.destinations, addressesOf(6)))
    begins(state, 'no packet for the machine goes to such an address');
}
