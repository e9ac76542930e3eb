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

/** By source, and rows with the same ports together. */
function text(rows: readonly ReachRow[]): string {
  if (rows.length === 0) return 'nothing is allowed\n';
  const bySource = Map.groupBy(rows, ({ from }) => from.name);
  return [...bySource]
    .map(([from, own]) => {
      const byPorts = Map.groupBy(own, portsOf);
      const lines = [...byPorts].map(([ports, to]) =>
        wrapped('  →', `${to.map((row) => row.to.name).join(', ')}: ${ports}`, 4),
      );
      return `${wrapped('', from, 0)}${lines.join('')}`;
    })
    .join('\n');
}

const json = (rows: readonly ReachRow[]): string =>
  `${JSON.stringify({ rows: rows.map((row) => ({ ...row, placement: row.placement })) }, undefined, 2)}\n`;

const COLUMNS = ['from', 'to', 'placement', 'families', 'allowed', 'unknown', 'from members', 'to members'];

function csv(rows: readonly ReachRow[]): string {
  const lines = rows.map(({ from, to, placement, families, allowed, unknown }) => [
    from.name,
    to.name,
    placement,
    families.map((family) => `IPv${String(family)}`).join(' '),
    allowed.join(' '),
    unknown.join(' '),
    from.members.join(' '),
    to.members.join(' '),
  ]);
  return [COLUMNS, ...lines].map((line) => `${line.map(csvCell).join(',')}\n`).join('');
}

/** RFC 4180. A leading sign would be a formula to a spreadsheet. */
function csvCell(text: string): string {
  const safe = /^[=+\-@]/.test(text) ? `'${printable(text)}` : printable(text);
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function mermaid(rows: readonly ReachRow[]): string {
  const ids = new Map<string, string>();
  const idOf = ({ name }: PartyText): string => {
    const known = ids.get(name) ?? `p${String(ids.size)}`;
    ids.set(name, known);
    return known;
  };
  const edges = rows.map((row) => `  ${idOf(row.from)} -->|"${escaped(portsOf(row))}"| ${idOf(row.to)}\n`);
  const nodes = [...ids].map(([name, id]) => `  ${id}["${escaped(name)}"]\n`);
  return ['flowchart LR\n', ...nodes, ...edges].join('');
}

/** Mermaid has entities as HTML, with # in place of &. */
const escaped = (text: string): string =>
  printable(text).replace(/[#"<>&`]/g, (sign) => `#${String(sign.codePointAt(0))};`);

export const REACH_FORMATS = { text, json, csv, mermaid } as const satisfies Readonly<
  Record<string, (rows: readonly ReachRow[]) => string>
>;
