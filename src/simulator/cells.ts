/**
 * The parts of a packet other than its addresses: protocol, ports, ICMP type. Packets that no rule and no
 * Service of a world tells apart are one cell, so a question about all packets has finitely many cases.
 */
import { hasPorts, PROTOCOL } from '../calico/read/protocols.ts';
import type { PortRange, PolicyRule, RuleEnd } from '../calico/read/policy.ts';
import { NEIGHBOUR_DISCOVERY, type Header } from './packet.ts';
import type { CompiledPolicy } from './chains.ts';

export interface Cell {
  /** Undefined stands for every protocol that nothing mentions. */
  readonly protocol: number | undefined;
  readonly ports: PortRange;
  readonly sourcePorts: PortRange;
  /** Undefined stands for every type or code that nothing mentions. */
  readonly icmp?: { readonly type: number | undefined; readonly code: number | undefined };
  /** A packet of the cell, which stands for all of them. */
  readonly header: Header;
}

const LAST_PORT = 65_535;
const NO_PORTS: PortRange = { from: 0, to: 0 };

/** The part of a world that tells packets apart. */
export interface Telling {
  readonly policies: readonly Pick<CompiledPolicy, 'policy'>[];
  readonly singlePorts: (protocol: number) => Iterable<number>;
}

/** Cells of one family, for one world or several. Together they are every packet. */
export function cellsOf(worlds: readonly Telling[], family: 4 | 6): readonly Cell[] {
  const rules = worlds.flatMap(({ policies }) =>
    policies.flatMap(({ policy }) => [...policy.ingress, ...policy.egress]),
  );
  const icmp = family === 4 ? PROTOCOL.ICMP : PROTOCOL.ICMPv6;
  const mentioned = new Set<number>([PROTOCOL.TCP, PROTOCOL.UDP, PROTOCOL.SCTP, IPIP, icmp]);
  for (const { protocol, notProtocol } of rules) {
    for (const each of [protocol, notProtocol]) if (each !== undefined) mentioned.add(each);
  }
  const base = { family, sourcePort: 0, port: 0, icmpType: 0, icmpCode: 0, state: 'new' } as const;
  const numbers = [...mentioned].sort((a, b) => a - b);
  const other = firstMissing(numbers);
  return [
    ...numbers.flatMap((protocol) => {
      if (hasPorts(protocol)) return portCells(worlds, rules, { ...base, protocol });
      if (protocol === icmp) return icmpCells(rules, { ...base, protocol });
      return [{ protocol, ports: NO_PORTS, sourcePorts: NO_PORTS, header: { ...base, protocol } }];
    }),
    { protocol: undefined, ports: NO_PORTS, sourcePorts: NO_PORTS, header: { ...base, protocol: other } },
  ];
}

const IPIP = 4;

/** The cell that a packet is in. @throws RangeError where the cells are not those of its family */
export function cellOf(cells: readonly Cell[], header: Header): Cell {
  const ofProtocol = cells.filter(({ protocol }) => protocol === header.protocol);
  const candidates =
    ofProtocol.length > 0 ? ofProtocol : cells.filter(({ protocol }) => protocol === undefined);
  const found = candidates.find(({ ports, sourcePorts, icmp }) => {
    if (icmp === undefined) return contains(ports, header.port) && contains(sourcePorts, header.sourcePort);
    return isIcmp(candidates, icmp, header);
  });
  if (found === undefined) throw new RangeError('a packet that is in no cell');
  return found;
}

const contains = ({ from, to }: PortRange, port: number): boolean => from <= port && port <= to;

function isIcmp(cells: readonly Cell[], icmp: NonNullable<Cell['icmp']>, header: Header): boolean {
  const knows = (type: number): boolean => cells.some((each) => each.icmp?.type === type);
  const type = knows(header.icmpType) ? header.icmpType : undefined;
  if (icmp.type !== type) return false;
  const hasCode = cells.some((each) => each.icmp?.type === type && each.icmp?.code === header.icmpCode);
  return icmp.code === (hasCode ? header.icmpCode : undefined);
}

function portCells(worlds: readonly Telling[], rules: readonly PolicyRule[], base: Header): readonly Cell[] {
  const ofProtocol = rules.filter(({ protocol }) => protocol === base.protocol);
  const cuts = new Set<number>([0]);
  const sourceCuts = new Set<number>([0]);
  const usesName = { source: false, destination: false };
  for (const rule of ofProtocol) {
    usesName.destination = addCuts(cuts, rule.destination) || usesName.destination;
    usesName.source = addCuts(sourceCuts, rule.source) || usesName.source;
  }
  for (const port of worlds.flatMap((world) => [...world.singlePorts(base.protocol)])) {
    cut(cuts, { from: port, to: port });
    if (usesName.source) cut(sourceCuts, { from: port, to: port });
  }
  return rangesBetween(cuts).flatMap((ports) =>
    rangesBetween(sourceCuts).map((sourcePorts) => ({
      protocol: base.protocol,
      ports,
      sourcePorts,
      header: { ...base, port: ports.from, sourcePort: sourcePorts.from },
    })),
  );
}

/** @returns true where the end has named ports */
function addCuts(cuts: Set<number>, { ports, notPorts }: RuleEnd): boolean {
  for (const range of [...(ports?.ranges ?? []), ...(notPorts?.ranges ?? [])]) cut(cuts, range);
  return (ports?.names.length ?? 0) > 0 || (notPorts?.names.length ?? 0) > 0;
}

function cut(cuts: Set<number>, { from, to }: PortRange): void {
  cuts.add(from);
  if (to < LAST_PORT) cuts.add(to + 1);
}

function rangesBetween(cuts: ReadonlySet<number>): readonly PortRange[] {
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.map((from, index) => ({ from, to: (sorted[index + 1] ?? LAST_PORT + 1) - 1 }));
}

function icmpCells(rules: readonly PolicyRule[], base: Header): readonly Cell[] {
  const matches = rules
    .filter(({ protocol }) => protocol === base.protocol)
    .flatMap(({ icmp, notIcmp }) => [icmp ?? {}, notIcmp ?? {}]);
  const own6 = base.protocol === PROTOCOL.ICMPv6 ? NEIGHBOUR_DISCOVERY : [];
  const types = new Set([...matches.flatMap(({ type }) => type ?? []), ...own6]);
  return [...types, undefined].flatMap((type) => {
    const own = matches.filter((each) => each.type === type);
    const codes = new Set(type === undefined ? [] : own.flatMap(({ code }) => code ?? []));
    return [...codes, undefined].map((code) => ({
      protocol: base.protocol,
      ports: NO_PORTS,
      sourcePorts: NO_PORTS,
      icmp: { type, code },
      header: {
        ...base,
        icmpType: type ?? firstMissing([...types].sort((a, b) => a - b)),
        icmpCode: code ?? firstMissing([...codes].sort((a, b) => a - b)),
      },
    }));
  });
}

/** The smallest number that is not in a sorted list. */
function firstMissing(sorted: readonly number[]): number {
  let candidate = 0;
  for (const each of sorted) if (each === candidate) candidate++;
  return candidate;
}
