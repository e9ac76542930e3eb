/** Protocols and ports on one line of integers, and as `allow` of a zone. */
import type { Zone } from '../api/schema.ts';
import { covers, intersect, keyOf, type Spans, span, subtract, union } from './spans.ts';

const PORTS = 65536n;
const TRANSPORTS = { TCP: 6, UDP: 17, SCTP: 132 } as const;
type Transport = keyof typeof TRANSPORTS;
const TRANSPORT_NAMES = Object.keys(TRANSPORTS) as readonly Transport[];

export const EVERYTHING: Spans = span(0n, 256n * PORTS - 1n);

export const ofProtocol = (protocol: number): Spans => {
  const from = BigInt(protocol) * PORTS;
  return span(from, from + PORTS - 1n);
};

export const ofPorts = (protocol: number, from: number, to: number): Spans => {
  const start = BigInt(protocol) * PORTS;
  return span(start + BigInt(from), start + BigInt(to));
};

export const hasPorts = (protocol: number): boolean => Object.values<number>(TRANSPORTS).includes(protocol);

/** The baseline opens it to everyone. */
export const ICMP = union(ofProtocol(1), ofProtocol(58));
/** Zones do not decide about these: ICMP, the port 0, and 0, which is no protocol of a packet for a program. */
const NOT_DECIDED = union(
  ICMP,
  ofProtocol(0),
  ...Object.values(TRANSPORTS).map((each) => ofPorts(each, 0, 0)),
);

export const decided = (traffic: Spans): Spans => subtract(traffic, NOT_DECIDED);
export const isEverything = (traffic: Spans): boolean => covers(union(traffic, NOT_DECIDED), EVERYTHING);

type Allow = Zone['allow'];
type Lists = Pick<Allow, 'services' | 'ports' | 'protocols'>;

/** Services whose ports are the same in every cluster. */
const SERVICES = {
  ssh: ofPorts(6, 22, 22),
  http: ofPorts(6, 80, 80),
  https: ofPorts(6, 443, 443),
  'node-exporter': ofPorts(6, 9100, 9100),
  ntp: ofPorts(17, 123, 123),
  dns: union(ofPorts(6, 53, 53), ofPorts(17, 53, 53)),
} as const;

const MAX_PORTS = 64;
const MAX_PROTOCOLS = 32;

/** The fewest entries that the bounds of the API take. */
export function allowsOf(traffic: Spans): readonly Allow[] {
  if (isEverything(traffic)) return [{ all: true }];
  const rest = decided(subtract(EVERYTHING, traffic));
  if (protocolsOf(rest).length < protocolsOf(traffic).length) {
    const [but, ...more] = listsOf(rest);
    if (but !== undefined && more.length === 0) return [{ allBut: but }];
  }
  return listsOf(traffic);
}

function listsOf(traffic: Spans): readonly Lists[] {
  const services: string[] = [];
  let left = decided(traffic);
  for (const [name, ports] of Object.entries(SERVICES)) {
    if (!isAlone(ports, left)) continue;
    services.push(name);
    left = subtract(left, ports);
  }
  const [ports, protocols] = [portsOf(left), protocolsOf(left)];
  const count = Math.max(1, Math.ceil(ports.length / MAX_PORTS), Math.ceil(protocols.length / MAX_PROTOCOLS));
  return Array.from({ length: count }, (_, index) => {
    const some = <T>(list: readonly T[], most: number): T[] => list.slice(index * most, (index + 1) * most);
    const [own, other] = [some(ports, MAX_PORTS), some(protocols, MAX_PROTOCOLS)];
    return {
      ...(index === 0 && services.length > 0 && { services }),
      ...(own.length > 0 && { ports: own }),
      ...(other.length > 0 && { protocols: other }),
    };
  }).filter((lists) => Object.keys(lists).length > 0);
}

/** True where these ports are allowed, and no neighbour is, so that a name says it best. */
const isAlone = (ports: Spans, traffic: Spans): boolean =>
  keyOf(traffic.filter(({ from, to }) => ports.some((each) => each.from <= to && from <= each.to))) ===
  keyOf(ports);

function portsOf(traffic: Spans): readonly (number | string)[] {
  return TRANSPORT_NAMES.flatMap((name) => {
    const start = BigInt(TRANSPORTS[name]) * PORTS;
    const suffix = name === 'TCP' ? '' : `/${name}`;
    return intersect(traffic, ofPorts(TRANSPORTS[name], 1, 65535)).map((each) => {
      const [from, to] = [Number(each.from - start), Number(each.to - start)];
      if (from === 1 && to === 65535) return `All/${name}`;
      if (from !== to) return `${String(from)}-${String(to)}${suffix}`;
      return name === 'TCP' ? from : `${String(from)}${suffix}`;
    });
  });
}

/** Protocols without ports that are allowed as a whole. */
function protocolsOf(traffic: Spans): readonly (number | string)[] {
  const others = decided(traffic);
  return Array.from({ length: 255 }, (_, index) => index + 1)
    .filter((number) => !hasPorts(number) && covers(others, ofProtocol(number)))
    .map((number) => NAMES.get(number) ?? number);
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [2, 'igmp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [89, 'ospf'],
  [112, 'vrrp'],
]);
