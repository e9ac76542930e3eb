/** Mutants as a person reads them, and their verdicts. Pure. */
import { mutate } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** The lines that a mutant changes, joined. They identify the mutant, because line numbers move. */
export interface Change {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/** A mutant that no test can notice, because the program behaves the same. */
export interface Equivalent extends Change {
  readonly reason: string;
}

export type Verdict = 'killed' | 'timed out' | 'survived' | 'not covered' | 'equivalent' | 'error';

export interface Result {
  readonly change: Change;
  readonly line: number;
  readonly verdict: Verdict;
}

const LONGEST = 200;

export function changeOf(file: string, source: string, mutant: Mutant): Change {
  const start = source.lastIndexOf('\n', mutant.start - 1) + 1;
  const end = (source + '\n').indexOf('\n', mutant.end);
  const rest = source.length - end;
  const mutated = mutate(source, mutant);
  return {
    file,
    before: oneLine(source.slice(start, end)),
    after: oneLine(mutated.slice(start, mutated.length - rest)),
  };
}

export const lineOf = (source: string, position: number): number =>
  source.slice(0, position).split('\n').length;

/** Long text loses its middle. */
function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  if (line.length <= LONGEST) return line;
  return `${line.slice(0, LONGEST / 2)} … ${line.slice(-LONGEST / 2)}`;
}

export const isSame = (a: Change, b: Change): boolean =>
  a.file === b.file && a.before === b.before && a.after === b.after;

/** Entries that match no mutant of these files. */
export const staleIn = (
  listed: readonly Equivalent[],
  changes: readonly Change[],
  files: readonly string[],
): readonly Equivalent[] =>
  listed.filter((entry) => files.includes(entry.file) && !changes.some((change) => isSame(entry, change)));

const COLUMNS: readonly Verdict[] = ['killed', 'timed out', 'survived', 'not covered', 'equivalent', 'error'];

/**
 * A table of files, each mutant that no test failed for, and the sums as the last line. A survivor is one
 * without a test, too.
 */
export function report(results: readonly Result[], stale: readonly Equivalent[]): string {
  const count = (some: readonly Result[], ...verdicts: readonly Verdict[]): number =>
    some.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const row = (name: string, some: readonly Result[]): readonly string[] => [
    name,
    String(some.length),
    ...COLUMNS.map((verdict) => String(count(some, verdict))),
  ];
  const files = Map.groupBy(results, ({ change }) => change.file);
  const rows = [
    ['file', 'mutants', ...COLUMNS],
    ...[...files].map(([file, some]) => row(file, some)),
    row('total', results),
  ];
  return [
    ...aligned(rows),
    '',
    ...[...files].flatMap(([file, some]) => [...notCovered(file, some), ...some.filter(isListed).map(shown)]),
    ...stale.map(
      (entry) => `${entry.file}: no mutant is like this entry of equivalent.json any more\n${diff(entry)}\n`,
    ),
    [
      `${count(results, 'killed')} killed`,
      `${count(results, 'timed out')} timed out`,
      `${count(results, 'survived', 'not covered')} survived`,
      `${count(results, 'equivalent')} equivalent`,
    ].join(', '),
  ].join('\n');
}

/** Uncovered mutants are not listed one by one. */
function notCovered(file: string, results: readonly Result[]): readonly string[] {
  const lines = results.filter(({ verdict }) => verdict === 'not covered').map(({ line }) => line);
  return lines.length === 0 ? [] : [`${file}: no test covers the mutants of these lines: ${ranges(lines)}\n`];
}

/** `3, 7-9` for 3, 7, 8, 8, 9. */
function ranges(lines: readonly number[]): string {
  const found: { first: number; last: number }[] = [];
  for (const line of lines) {
    const range = found.at(-1);
    if (range !== undefined && line <= range.last + 1) range.last = Math.max(range.last, line);
    else found.push({ first: line, last: line });
  }
  return found.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(', ');
}

/** A mutant that timed out is listed too: a person sees whether it never ends. */
const isListed = ({ verdict }: Result): boolean =>
  verdict === 'survived' || verdict === 'timed out' || verdict === 'error';

export const shown = ({ change, line, verdict }: Result): string =>
  `${change.file}:${line} ${verdict}\n${diff(change)}\n`;

const diff = ({ before, after }: Change): string => `  - ${before}\n  + ${after}`.trimEnd();

/** Pads the columns. Numbers are on the right. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}
