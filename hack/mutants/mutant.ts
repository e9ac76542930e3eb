/** One small fault. Pure, and without the parser: it takes long to load. */
export interface Mutant {
  /** The replaced text, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export function mutate(source: string, { start, end, text }: Mutant): string {
  return source.slice(0, start) + text + source.slice(end);
}
