/** Prints the results, for a terminal and for docs/benchmarks.md. */

export interface Row {
  /** A letter of the list of parts. */
  readonly part: string;
  readonly what: string;
  readonly figure: string;
  readonly goal?: string;
  /** Absent if there is no goal. */
  readonly met?: boolean;
}

/** A row with a goal. `figure` is printed, and `value` is compared with `most`. */
export const withGoal = (
  row: Pick<Row, 'part' | 'what' | 'figure'>,
  goal: string,
  value: number,
  most: number,
): Row => ({ ...row, goal, met: value <= most });

const HEAD = ['', 'what', 'result', 'goal'] as const;

const cells = ({ part, what, figure, goal, met }: Row): readonly string[] => [
  part,
  what,
  figure,
  goal === undefined ? '' : `${goal}: ${met === true ? 'met' : 'NOT met'}`,
];

/** Columns padded with blanks. */
export function plainTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function markdownTable(rows: readonly Row[]): string {
  const line = (each: readonly string[]): string =>
    `| ${each.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(HEAD), line(HEAD.map(() => '---')), ...rows.map((row) => line(cells(row)))].join('\n');
}
