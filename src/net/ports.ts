/**
 * Ports in the form of a manifest: `80`, `30000-32767`, `http`, each with an optional protocol; `All`;
 * `All/TCP`, which is 1-65535/TCP; `ICMP`.
 */

export type TransportProtocol = 'TCP' | 'UDP' | 'SCTP';

/** `all` is every port of every protocol. `icmp` is ICMP and ICMPv6. Ranges include both ends. */
export type Port =
  | { readonly kind: 'all' }
  | { readonly kind: 'icmp' }
  | {
      readonly kind: 'range';
      readonly protocol: TransportProtocol;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'named'; readonly protocol: TransportProtocol; readonly name: string };

/** The text is not a port. The message says what is wrong and what to write. */
export class PortError extends Error {
  override readonly name = 'PortError';
}

const MAX_PORT = 65535;
export const TRANSPORTS: readonly TransportProtocol[] = ['TCP', 'UDP', 'SCTP'];

/** RFC 6335, section 5.1. Kubernetes has the same limit for a container port's name. */
const MAX_NAME = 15;

/** 1 to 65535, not anchored. */
export const NUMBER_PATTERN =
  '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

/**
 * Names whose first letter is the character number `index`. Without look-ahead, a pattern can require a
 * letter only at a given position.
 */
function namesWithFirstLetterAt(index: number): string {
  const before = ['', '[0-9]'][index] ?? `[0-9][0-9-]{${String(index - 1)}}`;
  const after = MAX_NAME - 1 - index;
  const rest = ['', '[a-z0-9]?'][after] ?? `([a-z0-9-]{0,${String(after - 1)}}[a-z0-9])?`;
  return `${before}[a-z]${rest}`;
}

const NAME_PATTERN = Array.from({ length: MAX_NAME }, (_, index) => namesWithFirstLetterAt(index)).join('|');

/**
 * Regular expression (RE2 and ECMAScript, anchored) for ports written as text. It accepts everything that
 * `parsePort` accepts. It also accepts texts that no expression of reasonable size can refuse: reversed
 * ranges, `--` inside a name, the names all, any and icmp.
 */
export const PORT_PATTERN = `^(All|ICMP|(All|${NUMBER_PATTERN}(-${NUMBER_PATTERN})?|${NAME_PATTERN})(/(TCP|UDP|SCTP|tcp|udp|sctp))?)$`;

/**
 * Reads a port. A number, or a text without a protocol, is TCP.
 * @throws PortError with the remedy in its message
 */
export function parsePort(value: number | string): Port {
  const text = String(value);
  if (text === 'All') return { kind: 'all' };
  if (text === 'ICMP') return { kind: 'icmp' };
  refuseOtherForms(text);
  const slash = text.indexOf('/');
  const what = slash === -1 ? text : text.slice(0, slash);
  refuseMisspelt(text, what);
  if (what === 'All')
    return { kind: 'range', protocol: parseProtocol(text.slice(slash + 1), text), from: 1, to: MAX_PORT };
  const protocol = slash === -1 ? 'TCP' : parseProtocol(text.slice(slash + 1), text);
  const range = /^(-?[0-9.]+)(?:-([0-9]+))?$/.exec(what);
  if (range === null) return { kind: 'named', protocol, name: parseName(what, text) };
  const from = parseNumber(range[1] ?? '', text);
  const to = range[2] === undefined ? from : parseNumber(range[2], text);
  if (from > to) {
    throw new PortError(`${text} is a reversed range: write ${String(to)}-${String(from)}`);
  }
  return { kind: 'range', protocol, from, to };
}

/** Forms of iptables, firewalld, Calico and nftables, each with its remedy. */
const OTHER_FORMS: readonly (readonly [form: RegExp, remedy: (...groups: readonly string[]) => string])[] = [
  [/^(?:\*|any)(?:\/.*)?$/i, () => 'list the ports that are meant; every port of every protocol is All'],
  [
    /^0[-:]65535(\/.*)?$/,
    (protocol = '/TCP') => `ports begin at 1: write All${protocol}; every port of every protocol is All`,
  ],
  [/^0[-:]([0-9]+.*)$/, (rest) => `ports begin at 1: write 1-${rest}`],
  [/^([0-9]+):([0-9]+)(\/.*)?$/, (from, to, protocol = '') => `write ${from}-${to}${protocol}`],
  [/^([0-9]+)[-:]$/, (from) => `write ${from}-65535`],
  [/^>=?\s*([0-9]+)$/, (from) => `write the range, as ${from}-65535`],
  [/^!/, () => 'ports are not negated here: list the ranges that are meant, as 1-21 and 23-65535'],
  [/,/, () => 'write one entry for each port'],
  [/^(tcp|udp|sctp)[/:](.+)$/i, (protocol, port) => `write ${port}/${protocol.toUpperCase()}`],
  [/^(TCP|UDP|SCTP)$/, (protocol) => `write All/${protocol} for every port of ${protocol}`],
];

function refuseOtherForms(text: string): void {
  for (const [form, remedy] of OTHER_FORMS) {
    const found = form.exec(text);
    if (found !== null) throw new PortError(`"${text}" is not a port: ${remedy(...found.slice(1))}`);
  }
}

function refuseMisspelt(text: string, what: string): void {
  for (const word of ['All', 'ICMP']) {
    if (what.toLowerCase() !== word.toLowerCase()) continue;
    if (what !== word) throw new PortError(`"${text}" is not a port: did you mean ${word}?`);
    if (word === 'ICMP') throw new PortError(`${text} has a protocol: write ICMP alone`);
  }
}

function parseProtocol(protocol: string, text: string): TransportProtocol {
  const known = TRANSPORTS.find((each) => each === protocol || each.toLowerCase() === protocol);
  if (known === undefined) {
    throw new PortError(
      `"${text}" has an unknown protocol "${protocol}": write /TCP, /UDP or /SCTP, or nothing for TCP`,
    );
  }
  return known;
}

function parseNumber(digits: string, text: string): number {
  const number = Number(digits);
  if (!Number.isInteger(number) || number < 1 || number > MAX_PORT) {
    throw new PortError(`${text} is not a port: ports are whole numbers from 1 to ${String(MAX_PORT)}`);
  }
  if (digits.startsWith('0')) throw new PortError(`${text} has leading zeros: write ${String(number)}`);
  return number;
}

function parseName(name: string, text: string): string {
  if (name.length > MAX_NAME) {
    throw new PortError(`"${text}" is not a port: a name has at most ${String(MAX_NAME)} characters`);
  }
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || !/[a-z]/.test(name)) {
    throw new PortError(
      `"${text}" is not a port: write 80, 30000-32767, a name of lower-case letters, digits and single "-", or All, or ICMP`,
    );
  }
  return name;
}

/** Canonical text, always with the protocol. `parsePort` reads it back. */
export function formatPort(port: Port): string {
  switch (port.kind) {
    case 'all':
      return 'All';
    case 'icmp':
      return 'ICMP';
    case 'named':
      return `${port.name}/${port.protocol}`;
    case 'range':
      return `${port.from === port.to ? String(port.from) : `${String(port.from)}-${String(port.to)}`}/${port.protocol}`;
  }
}

/** Ports of one protocol in Calico's form: a number, `from:to`, or a name. */
export interface TransportPorts {
  readonly protocol: TransportProtocol;
  readonly ports: readonly (number | string)[];
}

export interface PortGroups {
  readonly all: boolean;
  readonly icmp: boolean;
  readonly transports: readonly TransportPorts[];
}

/**
 * Ports by protocol (TCP, UDP, SCTP). Overlapping and adjacent ranges are merged, numbers come before names,
 * both are sorted. `all` includes everything, so nothing else is returned with it.
 */
export function groupPorts(ports: readonly Port[]): PortGroups {
  if (ports.some((port) => port.kind === 'all')) return { all: true, icmp: false, transports: [] };
  return {
    all: false,
    icmp: ports.some((port) => port.kind === 'icmp'),
    transports: TRANSPORTS.map((protocol) => ({ protocol, ports: portsOf(protocol, ports) })).filter(
      (group) => group.ports.length > 0,
    ),
  };
}

/** Every port of every protocol that is in none of the ranges, as text that parsePort reads. */
export function otherPorts(values: readonly (number | string)[]): readonly string[] {
  const given = groupPorts(values.map(parsePort)).transports;
  return TRANSPORTS.flatMap((protocol) => {
    const taken = given.find((group) => group.protocol === protocol)?.ports ?? [];
    let from = 1;
    const gaps: string[] = [];
    for (const port of [...taken, MAX_PORT + 1]) {
      const [first = 0, last = first] = String(port).split(':').map(Number);
      if (from < first) gaps.push(`${String(from)}-${String(first - 1)}/${protocol}`);
      from = last + 1;
    }
    return gaps;
  });
}

function portsOf(protocol: TransportProtocol, ports: readonly Port[]): (number | string)[] {
  const ranges: { from: number; to: number }[] = [];
  const names = new Set<string>();
  for (const port of ports) {
    if (port.kind === 'range' && port.protocol === protocol) ranges.push({ from: port.from, to: port.to });
    if (port.kind === 'named' && port.protocol === protocol) names.add(port.name);
  }
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && from <= last.to + 1) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return [
    ...merged.map(({ from, to }) => (from === to ? from : `${String(from)}:${String(to)}`)),
    ...[...names].sort(),
  ];
}
