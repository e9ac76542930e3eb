/** The table of what is allowed, in each format. */
import type { PartyText } from '../../questions/party-text.ts';
import type { Reached } from '../../questions/reach.ts';
import { printable } from '../printable.ts';
import { wrapped } from './wrap.ts';

export interface ReachRow extends Pick<Reached, 'placement' | 'families' | 'allowed' | 'unknown'> {
  readonly from: PartyText;
  readonly to: PartyText;
}

const portsOf = ({ allowed, unknown, families, placement }: Omit<ReachRow, 'from' | 'to'>): string => {
  const ports = [...allowed, ...unknown.map((port) => `${port} Unknown`)].join(', ');
  const family = families.length === 2 ? '' : ` (IPv${String(families[0])})`;
  return `${ports}${family}${placement === 'anywhere' ? '' : ` (${placement})`}`;
};

/** One end that connections come from. */
export interface ReachSource {
  readonly from: PartyText;
  /** Works them out each time: the rows of all sources together may be more than memory holds. */
  readonly rows: () => readonly ReachRow[];
}

/** Makes the output in parts. */
type Format = (sources: readonly ReachSource[]) => Iterable<string>;

/** By source, and rows with the same ports together. */
function* text(sources: readonly ReachSource[]): Iterable<string> {
  let isFirst = true;
  for (const [from, own] of Map.groupBy(sources, (source) => source.from.name)) {
    const rows = own.flatMap((source) => source.rows());
    if (rows.length === 0) continue;
    const lines = [...Map.groupBy(rows, portsOf)].map(([ports, to]) =>
      wrapped('  →', `${to.map((row) => row.to.name).join(', ')}: ${ports}`, 4),
    );
    yield `${isFirst ? '' : '\n'}${wrapped('', from, 0)}${lines.join('')}`;
    isFirst = false;
  }
  if (isFirst) yield 'nothing is allowed\n';
}

/** Parts of what `JSON.stringify` makes of all rows. */
function* json(sources: readonly ReachSource[]): Iterable<string> {
  let isFirst = true;
  for (const source of sources) {
    for (const row of source.rows()) {
      const lines = JSON.stringify(row, undefined, 2).replaceAll('\n', '\n    ');
      yield `${isFirst ? '{\n  "rows": [' : ','}\n    ${lines}`;
      isFirst = false;
    }
  }
  yield isFirst ? '{\n  "rows": []\n}\n' : '\n  ]\n}\n';
}

const COLUMNS = ['from', 'to', 'placement', 'families', 'allowed', 'unknown', 'from members', 'to members'];

function* csv(sources: readonly ReachSource[]): Iterable<string> {
  yield `${COLUMNS.join(',')}\n`;
  const cells = new WeakMap<PartyText, { readonly name: string; readonly members: string }>();
  const cellsOf = (party: PartyText): { readonly name: string; readonly members: string } => {
    const own = cells.get(party) ?? { name: csvCell(party.name), members: csvCell(party.members.join(' ')) };
    cells.set(party, own);
    return own;
  };
  for (const source of sources) {
    for (const { from, to, placement, families, allowed, unknown } of source.rows()) {
      const [a, b] = [cellsOf(from), cellsOf(to)];
      const between = [
        placement,
        families.map((family) => `IPv${String(family)}`).join(' '),
        allowed.join(' '),
        unknown.join(' '),
      ];
      yield `${[a.name, b.name, ...between.map(csvCell), a.members, b.members].join(',')}\n`;
    }
  }
}

/** RFC 4180. A leading sign would be a formula to a spreadsheet. */
function csvCell(text: string): string {
  const safe = /^[=+\-@]/.test(text) ? `'${printable(text)}` : printable(text);
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Nodes come before all edges, so rows are worked out twice. */
function* mermaid(sources: readonly ReachSource[]): Iterable<string> {
  const ids = new Map<string, string>();
  yield 'flowchart LR\n';
  for (const source of sources) {
    for (const { name } of source.rows().flatMap(({ from, to }) => [from, to])) {
      if (ids.has(name)) continue;
      ids.set(name, `p${String(ids.size)}`);
      yield `  ${ids.get(name) ?? ''}["${escaped(name)}"]\n`;
    }
  }
  for (const source of sources) {
    for (const row of source.rows())
      yield `  ${ids.get(row.from.name) ?? ''} -->|"${escaped(portsOf(row))}"| ${ids.get(row.to.name) ?? ''}\n`;
  }
}

/** Mermaid has entities as HTML, with # in place of &. */
const escaped = (text: string): string =>
  printable(text).replace(/[#"<>&`]/g, (sign) => `#${String(sign.codePointAt(0))};`);

export const REACH_FORMATS = { text, json, csv, mermaid } as const satisfies Readonly<Record<string, Format>>;
