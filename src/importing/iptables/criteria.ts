/** The criteria of a rule, each of which leaves fewer packets. */
import { parseCidr } from '../../net/cidr.ts';
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
  whoHas,
  without,
} from '../addresses.ts';
import { overlap, subtract, intersect, type Spans, union } from '../spans.ts';
import { hasPorts, ofPorts, ofProtocol } from '../traffic.ts';
import { MatchError, networks, rangeOf } from './networks.ts';
import type { Option } from './options.ts';
import type { Sets } from './sets.ts';

export interface Never {
  readonly why: string;
  /** True where a ClusterFirewall does the same by itself. */
  readonly builtIn: boolean;
}

export interface Surroundings {
  readonly family: Family;
  readonly known: Known;
  readonly sets: Sets;
}

export interface State {
  sources: Ends;
  destinations: Spans;
  traffic: Spans;
  protocol: number | undefined;
  never?: Never;
  readonly unknown: string[];
}

export function apply(option: Option, state: State, around: Surroundings): void {
  const criterion = CRITERIA.get(option.name);
  if (criterion !== undefined) criterion(option, state, around);
  // A module that is not understood has said it already.
  else if (state.unknown.length === 0) state.unknown.push(reasonFor(option));
}

type Criterion = (option: Option, state: State, around: Surroundings) => void;

const nothing: Criterion = () => undefined;
const typeOfICMP: Criterion = (_, state) => {
  state.unknown.push('a type of ICMP');
};
const wayBack: Criterion = (_, state) => {
  begins(state, 'the kernel checks the way back of packets by itself (rp_filter)');
};
const valueOf = ({ values }: Option): string => values[0] ?? '';

const CRITERIA: ReadonlyMap<string, Criterion> = new Map<string, Criterion>([
  ['comment', nothing],
  ['set-counters', nothing],
  ['ipv4', nothing],
  ['ipv6', nothing],
  ['protocol', applyProtocol],
  [
    'source',
    (option, state, { family, known }) => {
      narrowSources(state, option, whoHas(networks(valueOf(option), family), family, known), family);
    },
  ],
  [
    'src-range',
    (option, state, { family, known }) => {
      narrowSources(state, option, whoHas(rangeOf(valueOf(option)), family, known), family);
    },
  ],
  [
    'destination',
    (option, state, { family }) => {
      narrowDestinations(state, option, networks(valueOf(option), family));
    },
  ],
  [
    'dst-range',
    (option, state) => {
      narrowDestinations(state, option, rangeOf(valueOf(option)));
    },
  ],
  ['match-set', applySet],
  ['in-interface', applyInterface],
  ['dport', narrowPorts],
  ['dports', narrowPorts],
  ['ctstate', applyState],
  [
    'syn',
    ({ negated }, state) => {
      if (negated) begins(state, NOT_SYN);
    },
  ],
  ['tcp-flags', applyFlags],
  [
    'fragment',
    ({ negated }, state) => {
      if (!negated) begins(state, 'fragments begin no connection');
    },
  ],
  [
    'dst-type',
    (option, state) => {
      applyType(valueOf(option), option, state);
    },
  ],
  [
    'pkt-type',
    (option, state) => {
      const value = valueOf(option);
      applyType(value === 'unicast' ? 'LOCAL' : value, option, state);
    },
  ],
  ['icmp-type', typeOfICMP],
  ['icmpv6-type', typeOfICMP],
  [
    'rt-type',
    (_, state) => {
      begins(state, 'the kernel drops this routing header by itself');
    },
  ],
  ['invert', wayBack],
  ['loose', wayBack],
  ['validmark', wayBack],
]);

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
function applySet(option: Option, state: State, { family, known, sets }: Surroundings): void {
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
