/** Text that fits a terminal of 80 columns. */
const WIDTH = 80;
const GAP = '   ';
/** A longer first cell stands on a line of its own, so that it is never cut. */
const FIRST = 34;
/** Where a last cell begins that has no room next to the others. */
const LOW = 4;

/**
 * Rows as columns. The last cell continues on lines of its own where it is too long, and so does a long first
 * cell. Each row has as many cells as the first one.
 */
export function columns(rows: readonly (readonly string[])[]): string {
  const count = rows[0]?.length ?? 0;
  const widths = Array.from({ length: count - 1 }, (_, column) =>
    Math.max(...rows.map((row) => fit(row[column] ?? '', column).length)),
  );
  const indent = widths.reduce((sum, width) => sum + width + GAP.length, 0);
  return rows.map((row) => printedRow(row, widths, indent)).join('');
}

const fit = (cell: string, column: number): string => (column === 0 && cell.length > FIRST ? '' : cell);

function printedRow(row: readonly string[], widths: readonly number[], indent: number): string {
  const [first = ''] = row;
  const head = first.length > FIRST ? `${first}\n` : '';
  const front = widths.map((width, column) => fit(row[column] ?? '', column).padEnd(width) + GAP).join('');
  const last = row[widths.length] ?? '';
  if (last.split(' ').some((word) => word.length > WIDTH - indent))
    return `${head}${front.trimEnd()}\n${below(wrapped(last, WIDTH - LOW), LOW)}`;
  const lines = wrapped(last, WIDTH - indent);
  return `${head}${(front + (lines[0] ?? '')).trimEnd()}\n${below(lines.slice(1), indent)}`;
}

const below = (lines: readonly string[], indent: number): string =>
  lines.map((line) => `${' '.repeat(indent)}${line}\n`).join('');

/** A paragraph, whose later lines are indented. */
export function paragraph(text: string, indent = '  '): string {
  return wrapped(text, WIDTH, WIDTH - indent.length)
    .map((line, index) => `${index === 0 ? '' : indent}${line}\n`)
    .join('');
}

/** Lines of at most so many characters. A word that is longer has a line of its own. */
function wrapped(text: string, width: number, later = width): readonly string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    const room = lines.length === 1 ? width : later;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= room) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
