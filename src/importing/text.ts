/** Files as they are given. */
import { ImportError, type SourceLine } from './result.ts';

/** It begins the sequences that colour a terminal. */
const ESCAPE = String.fromCodePoint(0x1b);

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** @throws ImportError for colours, which a terminal adds */
export function linesOf({ name, text }: SourceFile): readonly SourceLine[] {
  const lines = text.split(/\r?\n/).map((each, index) => ({ file: name, line: index + 1, text: each }));
  const coloured = lines.find((each) => each.text.includes(`${ESCAPE}[`));
  if (coloured !== undefined)
    throw new ImportError(
      `${name}:${String(coloured.line)} has the colours of a terminal: write the output into a file without them`,
    );
  return lines;
}

/** Words of a line, with "…" around some, and a backslash before quotes. */
export function words(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1'),
  );
}
