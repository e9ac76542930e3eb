import type { Row } from './table.ts';

export interface Context {
  /** Reports progress to a person. */
  readonly note: (text: string) => void;
}

/** Measures and returns rows. A part starts everything that it needs and removes it afterwards. */
export type Part = (context: Context) => Promise<readonly Row[]>;
