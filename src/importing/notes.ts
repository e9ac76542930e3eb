/** Keeps what became of each line. A line that is asked several times has the fate that people must know. */
import type { Fate, Note, SourceLine } from './result.ts';

const RANK: Readonly<Record<Fate, number>> = { idle: 0, builtIn: 1, taken: 2, left: 3 };

export class Notes {
  readonly #notes = new Map<SourceLine, Note>();

  add(fate: Fate, line: SourceLine, why: string): void {
    const known = this.#notes.get(line);
    if (known === undefined || RANK[fate] > RANK[known.fate]) this.#notes.set(line, { fate, line, why });
  }

  has(line: SourceLine): boolean {
    return this.#notes.has(line);
  }

  list(): readonly Note[] {
    return [...this.#notes.values()].sort((a, b) =>
      a.line.file < b.line.file ? -1 : a.line.file > b.line.file ? 1 : a.line.line - b.line.line,
    );
  }
}
