/** Compares sources × addresses × ports of a node with tables written by hand. */
import { isIPv6 } from 'node:net';
import type { ProbeResult, Transport } from '../../cluster.ts';
import { forEachLimit } from '../../../src/cluster/parallel.ts';
import { settle, TIMEOUT } from '../../harness/settle.ts';
import { SECOND_NIC, VIRTUAL } from './cast.ts';
import type { NodeStage } from './stage.ts';

export type AddressKind = 'internal' | 'tunnel' | 'vip' | 'nic2' | 'link-local';
type Expected = 'allowed' | 'refused';

/** The ports that one source may reach at one address of a node. */
interface Cell {
  readonly node: string;
  readonly source: string;
  readonly kind: AddressKind;
  readonly address: string;
  readonly column: string;
  readonly port: number;
  readonly protocol: Transport;
  readonly expected: Expected;
}

interface Seen extends Cell {
  readonly result: ProbeResult;
}

const AT_ONCE = 250;

/**
 * A table. Its first line contains ports. Then a line for each source has `+` for ports that must pass, `-`
 * for ports that must not, and `.` for ports that are not tried. `SOURCE/6` applies to IPv6 alone,
 * `SOURCE@vip,nic2` to these addresses alone. The last line that fits counts. Link-local addresses are tried
 * only where a line names them.
 */
export type Table = string;

interface Line {
  readonly source: string;
  readonly family?: 4 | 6;
  readonly kinds?: readonly string[];
  readonly marks: readonly string[];
}

function parse(table: Table): { readonly columns: readonly string[]; readonly lines: readonly Line[] } {
  const [first = '', ...rest] = table
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const columns = first.split(/\s+/);
  const lines = rest.map((line) => {
    const [subject = '', ...marks] = line.split(/\s+/);
    if (marks.length !== columns.length)
      throw new Error(`${subject}: ${marks.length} marks, ${columns.length} ports`);
    const [named = '', kinds] = subject.split('@');
    const family = /\/[46]$/.exec(named)?.[0];
    return {
      source: family === undefined ? named : named.slice(0, -2),
      ...(family === undefined ? {} : { family: family === '/4' ? (4 as const) : (6 as const) }),
      ...(kinds === undefined ? {} : { kinds: kinds.split(',') }),
      marks,
    };
  });
  return { columns, lines };
}

/** Tables, keyed by node. */
export type Tables = Readonly<Record<string, Table>>;

/**
 * Waits until packets match the tables, and then checks all of them once more. Resolves to the verdicts of
 * that check, as text.
 * @throws with every cell that does not match
 */
export async function expectTables(stage: NodeStage, tables: Tables): Promise<string> {
  const cells = (
    await Promise.all(Object.entries(tables).map(([node, table]) => cellsOf(stage, node, table)))
  ).flat();
  const seen = await settle(cells, { look: (some) => look(stage, some), describe });
  const passed = seen.filter(({ result }) => result.verdict === 'allowed').length;
  return `${draw(seen, tables)}\n${seen.length} tried: ${passed} pass, ${seen.length - passed} do not`;
}

async function look(stage: NodeStage, cells: readonly Cell[]): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  await forEachLimit(cells, AT_ONCE, async (cell) => {
    const { source, address: host, port, protocol, expected } = cell;
    const result = await stage
      .endpoint(source)
      .probe({ host, port, protocol }, { timeout: TIMEOUT[expected] });
    seen.push({ ...cell, result });
  });
  return seen;
}

async function cellsOf(stage: NodeStage, node: string, table: Table): Promise<readonly Cell[]> {
  const { columns, lines } = parse(table);
  const addresses = await addressesOf(stage, node);
  const sources = [...new Set(lines.map(({ source }) => source))];
  return sources.flatMap((source) => {
    const families = new Set(stage.endpoint(source).addresses.map(isIPv6));
    return addresses
      .filter(({ address }) => families.has(isIPv6(address)))
      .flatMap(({ kind, address }) =>
        columns.flatMap((column, index) => {
          const expected = EXPECTED.get(markFor(lines, { source, kind, address }, index));
          return expected === undefined
            ? []
            : [{ node, source, kind, address, column, ...parsePort(column), expected }];
        }),
      );
  });
}

const EXPECTED: ReadonlyMap<string, Expected> = new Map([
  ['+', 'allowed'],
  ['-', 'refused'],
]);

function parsePort(column: string): { readonly port: number; readonly protocol: Transport } {
  const [port, protocol] = column.split('/');
  return { port: Number(port), protocol: protocol === 'UDP' ? 'UDP' : 'TCP' };
}

function markFor(
  lines: readonly Line[],
  { source, kind, address }: Pick<Cell, 'source' | 'kind' | 'address'>,
  column: number,
): string {
  const family = isIPv6(address) ? 6 : 4;
  const line = lines.findLast(
    (each) =>
      each.source === source &&
      (each.family ?? family) === family &&
      (each.kinds?.includes(kind) ?? kind !== 'link-local'),
  );
  return line?.marks[column] ?? '.';
}

interface KnownAddress {
  readonly kind: AddressKind;
  readonly address: string;
}

async function addressesOf(stage: NodeStage, node: string): Promise<readonly KnownAddress[]> {
  const { internal, tunnel, linkLocal } = await stage.addresses(node);
  const of = (kind: AddressKind, addresses: readonly string[]): readonly KnownAddress[] =>
    addresses.map((address) => ({ kind, address }));
  return [
    ...of('internal', internal),
    ...of('tunnel', tunnel),
    ...of('link-local', linkLocal),
    ...of('vip', VIRTUAL[node] ?? []),
    ...of('nic2', SECOND_NIC[node] ?? []),
  ];
}

const describe = (seen: readonly Seen[]): string =>
  [
    ...Map.groupBy(
      seen,
      ({ node, source, kind, address, expected, result }) =>
        `  ${source} → ${node} ${kind} ${address}: expected ${expected}, seen ${result.verdict}:`,
    ),
  ]
    .map(([what, cells]) => `${what} ${cells.map(({ column }) => column).join(' ')}`)
    .sort()
    .join('\n');

/** The verdicts as text, with one line for all addresses of a source with the same verdicts. */
function draw(seen: readonly Seen[], tables: Tables): string {
  return Object.entries(tables)
    .map(([node, table]) => {
      const { columns } = parse(table);
      const lines = sourceLines(
        seen.filter((cell) => cell.node === node),
        columns,
      );
      const width = Math.max(...lines.map(([subject]) => subject.length));
      const row = (subject: string, cells: readonly string[]): string =>
        [subject.padEnd(width), ...cells.map((cell, i) => cell.padStart(columns[i]?.length ?? 0))].join(' ');
      return [row(`→ ${node}`, columns), ...lines.map(([subject, marks]) => row(subject, marks))].join('\n');
    })
    .join('\n\n');
}

function sourceLines(
  seen: readonly Seen[],
  columns: readonly string[],
): readonly (readonly [string, readonly string[]])[] {
  const bySource = Map.groupBy(seen, ({ source }) => source);
  return [...bySource].flatMap(([source, cells]) => {
    const byAddress = Map.groupBy(cells, ({ kind, address }) => `${kind}/${isIPv6(address) ? 6 : 4}`);
    const rows = [...byAddress].map(([where, ofAddress]) => {
      const marks = columns.map((column) => mark(ofAddress.find((cell) => cell.column === column)));
      return { where, marks };
    });
    return [...Map.groupBy(rows, ({ marks }) => marks.join())].map(([, same]) => {
      const all = same.length === rows.length ? 'every address' : same.map(({ where }) => where).join(' ');
      return [`${source}, ${all}`, same[0]?.marks ?? []] as const;
    });
  });
}

function mark(seen: Seen | undefined): string {
  if (seen === undefined) return '.';
  return seen.result.verdict === 'allowed' ? '+' : '-';
}
