/** Counts flows by their ends and port, as they come. Sources are too long to keep every flow. */
import { hasPorts } from '../calico/read/protocols.ts';
import type { Flow } from '../flowlogs/flow.ts';
import { isResolved, type End, type EndFinder, type Unresolved } from './ends.ts';
import type { Packet } from './judge.ts';

export interface Counted extends Packet {
  readonly from: End;
  readonly to: End;
  readonly connections: number;
  /** Those that nobody answered. */
  readonly unanswered: number;
  readonly lastSeen?: number;
  /** Addresses outside, at most MOST_ADDRESSES, with the connections of each; more are left out. */
  readonly addresses: ReadonlyMap<string, AddressCount>;
  readonly hasMoreAddresses: boolean;
  /** Calico's own verdict with staged policies, at each end that has reported. Denied where one report says so. */
  readonly pending: Readonly<Partial<Record<'source' | 'destination', 'Allowed' | 'Denied'>>>;
}

export interface AddressCount {
  readonly connections: number;
  readonly unanswered: number;
}

/** A flow whose end nobody knows. */
export interface Lost extends Unresolved {
  readonly connections: number;
}

/** felix/collector: flow logs have ports of TCP and UDP only. */
const NO_PORT = 'the source leaves the port out, as flow logs do for SCTP';
const MOST_ADDRESSES = 64;
const MOST_LOST = 1000;

interface Entry {
  readonly from: End;
  readonly to: End;
  readonly packet: Packet;
  /** Both ends may report the same connections. */
  readonly connections: { other: number; source: number; destination: number };
  unanswered: number;
  lastSeen: number | undefined;
  readonly addresses: Map<string, AddressCount>;
  hasMoreAddresses: boolean;
  readonly pending: Partial<Record<'source' | 'destination', 'Allowed' | 'Denied'>>;
}

export class Tally {
  readonly #finder: EndFinder;
  readonly #entries = new Map<string, Entry>();
  readonly #lost = new Map<string, { why: string; name: string; connections: number }>();
  #foreign = 0;

  constructor(finder: EndFinder) {
    this.#finder = finder;
  }

  readonly add = (flow: Flow): void => {
    const [from, to] = [this.#finder.find(flow.from), this.#finder.find(flow.to)];
    const isOutside = (end: End): boolean => end.candidates.every(({ kind }) => kind === 'outside');
    if (!isResolved(from)) this.#lose(from, flow.connections);
    else if (!isResolved(to)) this.#lose(to, flow.connections);
    else if (isOutside(from) && isOutside(to)) this.#foreign += flow.connections;
    else if (hasPorts(flow.protocol) && flow.port === 0)
      this.#lose({ name: to.name, why: NO_PORT }, flow.connections);
    else count(this.#entryOf(flow, from, to), flow);
  };

  counted(): readonly Counted[] {
    return [...this.#entries.values()].map(({ packet, connections, lastSeen, ...entry }) => ({
      ...packet,
      ...entry,
      connections: connections.other + Math.max(connections.source, connections.destination),
      ...(lastSeen !== undefined && { lastSeen }),
    }));
  }

  /** Ends that nobody knows. The one with the most connections comes first. */
  lost(): readonly Lost[] {
    return [...this.#lost.values()].sort((a, b) => b.connections - a.connections);
  }

  /** Connections between two addresses outside, which pass through a node. */
  get foreign(): number {
    return this.#foreign;
  }

  #entryOf(flow: Flow, from: End, to: End): Entry {
    const { protocol, port, icmpType, sent } = flow;
    const key = `${from.key} ${to.key} ${String(protocol)} ${String(port)} ${String(icmpType)} ${sent?.address ?? ''} ${String(sent?.port)}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const packet = {
      protocol,
      port,
      ...(icmpType !== undefined && { icmpType }),
      ...(sent !== undefined && { sent }),
    };
    const entry: Entry = {
      from,
      to,
      packet,
      connections: { other: 0, source: 0, destination: 0 },
      unanswered: 0,
      lastSeen: undefined,
      addresses: new Map(),
      hasMoreAddresses: false,
      pending: {},
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #lose({ name, why }: Unresolved, connections: number): void {
    const isRoom = this.#lost.size < MOST_LOST || this.#lost.has(name);
    const lost = isRoom ? { name, why } : { name: 'others', why: 'there are too many to name each' };
    const before = this.#lost.get(lost.name)?.connections ?? 0;
    this.#lost.set(lost.name, { ...lost, connections: before + connections });
  }
}

function count(entry: Entry, { connections, answered, lastSeen, pending, from, to }: Flow): void {
  entry.connections[pending?.at ?? 'other'] += connections;
  if (answered === false) entry.unanswered += connections;
  if (lastSeen !== undefined) entry.lastSeen = Math.max(entry.lastSeen ?? 0, lastSeen);
  if (pending !== undefined && entry.pending[pending.at] !== 'Denied')
    entry.pending[pending.at] = pending.verdict;
  for (const [end, seen] of [
    [entry.from, from],
    [entry.to, to],
  ] as const) {
    if (end.address === undefined || seen.kind !== 'address') continue;
    const known = entry.addresses.get(seen.address);
    if (known === undefined && entry.addresses.size >= MOST_ADDRESSES) {
      entry.hasMoreAddresses = true;
      continue;
    }
    entry.addresses.set(seen.address, {
      connections: (known?.connections ?? 0) + connections,
      unanswered: (known?.unanswered ?? 0) + (answered === false ? connections : 0),
    });
  }
}
