/** Text for a terminal of 80 columns. */
import { printable } from '../printable.ts';

const WIDTH = 80;

/** Lines with a label in front of the first. A word that is longer than a line stays whole. */
export function wrapped(label: string, text: string, indent: number, width = WIDTH): string {
  const lines: string[] = [];
  let line = label.padEnd(indent);
  let isEmpty = true;
  for (const word of printable(text).split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      line = ' '.repeat(indent);
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line.trimEnd(), ''].join('\n');
}
