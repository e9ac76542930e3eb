import type { Row } from './table.ts';

export interface Context {
  /** Progress, for whoever waits. */
  readonly note: (text: string) => void;
}

/** Measures, and gives what it found as rows. It starts what it needs and leaves nothing behind. */
export type Part = (context: Context) => Promise<readonly Row[]>;
