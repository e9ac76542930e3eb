/**
 * A table of words of NetworkPolicy, AdminNetworkPolicy, Calico, Cilium, Antrea, firewalld, ufw and iptables
 * that people write into a ClusterFirewall.
 */
import type { Place } from '../places.ts';
import { ANYWHERE } from './anywhere.ts';
import { ENDS } from './ends.ts';
import type { Entry } from './entry.ts';
import { AT_NODES } from './nodes.ts';
import { PODS } from './pods.ts';
import { spelling } from './spelling.ts';

/** The first entry of a word that fits counts. */
const BY_WORD: ReadonlyMap<string, readonly Entry[]> = Map.groupBy(
  [...ENDS, ...AT_NODES, ...PODS, ...ANYWHERE].flatMap((entry) =>
    entry.words.split(' ').map((word) => ({ ...entry, words: word })),
  ),
  ({ words }) => words,
);

/** Says what stands for a word of another firewall; undefined for a word that is none of theirs. */
export function adviceFor(
  word: string,
  place: Place | undefined,
  known: readonly string[],
): string | undefined {
  const fits = ({ places, besides }: Entry): boolean =>
    (places === 'anywhere' || (place !== undefined && places.includes(place))) &&
    (besides === undefined || known.includes(besides));
  return BY_WORD.get(spelling(word))?.find(fits)?.say;
}
