/** The demo's table, written by hand: the connections that a reader would try first. */
import { forEachLimit } from '../../src/cluster/parallel.ts';
import { allowed, refused, type Row } from '../harness/rows.ts';
import type { Actors } from '../harness/sweep.ts';

const ROWS: readonly Row[] = [
  ...allowed(['edge/proxy1'], ['wordpress/wp2'], [80]),
  ...refused(['edge/proxy1'], ['wordpress/wp2'], [81]),
  ...refused(['shop/cart'], ['wordpress/wp1'], [80]),
  ...allowed(['monitoring/prometheus'], ['wordpress/wp1'], [11011]),
  ...refused(['edge/proxy2'], ['wordpress/wp2'], [11011]),
  ...allowed(['wordpress/wp1'], ['wordpress/db'], [3306]),
  ...refused(['wordpress/job'], ['wordpress/db'], [3306]),
  ...allowed(['wordpress/wp1'], ['kube-system/dns2'], ['53/UDP']),
  ...allowed(['wordpress/wp2'], ['outside/web'], [443]),
  ...refused(['wordpress/db'], ['outside/web'], [443]),
  ...refused(['wordpress/wp1'], ['outside/metadata'], [80]),
  ...refused(['shop/front'], ['shop/cart'], [80]),
  ...allowed(['kube-system/metrics'], ['calico-system/typha'], [5473]),
];

export type Verdicts = ReadonlyMap<Row, string>;

/** One packet a row. */
export async function probeRows(actors: Pick<Actors, 'endpoint'>): Promise<Verdicts> {
  const verdicts = new Map<Row, string>();
  await forEachLimit(ROWS, ROWS.length, async (row) => {
    const target = { host: actors.endpoint(row.to).address, port: row.port, protocol: row.protocol };
    const { verdict } = await actors.endpoint(row.from).probe(target, { timeout: 800 });
    verdicts.set(row, verdict);
  });
  return verdicts;
}

/** Columns of text, as wide as necessary. */
function table(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const all = [header, ...lines];
  const widths = header.map((_, column) => Math.max(...all.map((line) => (line[column] ?? '').length)));
  const row = (line: readonly string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${all.map(row).join('\n')}\n`;
}

export function compared(columns: Readonly<Record<string, Verdicts>>): string {
  const names = Object.keys(columns);
  return table(
    ['FROM', 'TO', 'PORT', ...names],
    ROWS.map((row) => [
      row.from,
      row.to,
      `${String(row.port)}/${row.protocol}`,
      ...names.map((name) => columns[name]?.get(row) ?? ''),
    ]),
  );
}

/** Rows that packets contradict. */
export const wrong = (verdicts: Verdicts): readonly Row[] =>
  ROWS.filter((row) => verdicts.get(row) !== row.expect);
