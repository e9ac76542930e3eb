/** An import: the rules, and what became of each line. */
import type { Spec } from '../api/schema.ts';

/** A line of a file that was given. */
export interface SourceLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/**
 * `taken`: part of the result. `builtIn`: a ClusterFirewall does it by itself. `idle`: it decides about no packet.
 * `left`: it could not be taken over.
 */
export type Fate = 'taken' | 'builtIn' | 'idle' | 'left';

export interface Note {
  readonly fate: Fate;
  readonly line: SourceLine;
  readonly why: string;
}

/** Traffic that the ClusterFirewall judges differently on purpose. */
export interface Difference {
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

export interface Imported {
  readonly spec: Spec;
  /** The lines behind each zone, rule and peer, by name. */
  readonly behind: ReadonlyMap<string, readonly SourceLine[]>;
  readonly notes: readonly Note[];
  readonly differences: readonly Difference[];
}

/** The files cannot be imported. The message is for people, and says what to do. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

export const placeOf = ({ file, line }: SourceLine): string => `${file}:${String(line)}`;
