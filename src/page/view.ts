/** The part of the table that the filter leaves. */
import type { PageContent, PageData, PageFlow, PageParty } from './data.ts';

export interface Wanted {
  /** Parts of the names of ends or of their members. */
  readonly from: string;
  readonly to: string;
  /** As `5432`, `53/UDP` or `ICMP`. Empty: every port. */
  readonly port: string;
  /** True: ends without an open flow are left out. */
  readonly openOnly: boolean;
}

export interface View {
  /** Indexes of sources and destinations. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** Number of pairs with an open flow. */
  readonly open: number;
  /** The flows of a pair that are wanted and not denied. */
  readonly openFlows: (row: number, column: number) => PageContent;
}

export function viewOf(data: PageData, { from, to, port, openOnly }: Wanted): View {
  const isWanted = data.flows.map((flow) => flow.verdict !== 'Denied' && hasPort(flow, port));
  const open = data.contents.map((content) => content.filter(([flow]) => isWanted[flow] === true));
  const openFlows = (row: number, column: number): PageContent => open[data.table[row]?.[column] ?? -1] ?? [];
  let rows = indexesOf(data.sources, from);
  let columns = indexesOf(data.destinations, to);
  if (openOnly || port.trim() !== '') {
    const all = columns;
    rows = rows.filter((row) => all.some((column) => openFlows(row, column).length > 0));
    columns = all.filter((column) => rows.some((row) => openFlows(row, column).length > 0));
  }
  const count = rows.reduce(
    (sum, row) => sum + columns.filter((column) => openFlows(row, column).length > 0).length,
    0,
  );
  return { rows, columns, open: count, openFlows };
}

function indexesOf(parties: readonly PageParty[], text: string): readonly number[] {
  const part = text.trim().toLowerCase();
  const has = (name: string): boolean => name.toLowerCase().includes(part);
  return [...parties.keys()].filter((index) => {
    const party = parties[index];
    return party !== undefined && (has(party.name) || party.members.some(has));
  });
}

/** True where some packet to the port is one of the flow's. */
export function hasPort({ ports }: Pick<PageFlow, 'ports'>, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  const [, digits, protocol = ''] = /^(\d+)(?:\/(\w*))?$/.exec(wanted) ?? [];
  if (wanted === '' || ports.includes('everything')) return true;
  return ports.some((each) => {
    const own = each.toLowerCase();
    if (digits === undefined) return own.includes(wanted);
    const [, first, last = first, name = ''] = /^(?:(\d+)(?:-(\d+))?\/)?(\w+)/.exec(own) ?? [];
    if (!name.startsWith(protocol)) return false;
    if (first === undefined) return WITH_PORTS.includes(name);
    return Number(first) <= Number(digits) && Number(digits) <= Number(last);
  });
}

const WITH_PORTS = ['tcp', 'udp', 'sctp'];
