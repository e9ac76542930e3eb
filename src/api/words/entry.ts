/** An entry in the table of words that people bring along from other firewalls. */
import type { Place } from '../places.ts';

export interface Entry {
  /** Words without capitals, "-" and "_", with a space between two. */
  readonly words: string;
  readonly places: readonly Place[] | 'anywhere';
  /** Only where the object also has this field. */
  readonly besides?: string;
  /** The words of a ClusterFirewall for the same, or why there are none. Never to leave out what restricts. */
  readonly say: string;
}

export const RULES: readonly Place[] = ['rule', 'connection'];
