/**
 * Makes one rule of several that differ in one part. Merged rules allow exactly what they allowed apart, so a
 * merge never opens anything.
 */
import type { Atom, Peer, PodSet } from './atoms.ts';

/** The fewest rules that these steps find. */
export function merged(atoms: readonly Atom[]): readonly Atom[] {
  const apart = together(atoms.map(withPeersMerged), ['ports', 'nodePorts', 'hostPorts']);
  const bySubject = together(apart, ['peers']).map(withPeersMerged);
  const byLabel = oneLabel(oneLabel(bySubject, 'pods'), 'toPods');
  return together(together(byLabel, ['namespaces']), ['ports', 'nodePorts', 'hostPorts']);
}

type Part = 'ports' | 'nodePorts' | 'hostPorts' | 'peers' | 'namespaces';

/** Atoms that are alike in everything but these lists. */
function together(atoms: readonly Atom[], parts: readonly Part[]): readonly Atom[] {
  const groups = Map.groupBy(atoms, (atom) => keyWithout(atom, parts));
  return [...groups.values()].map((of) => of.reduce((a, b) => joined(a, b, parts)));
}

const keyWithout = (atom: Atom, parts: readonly (Part | 'pods' | 'toPods')[]): string =>
  JSON.stringify(
    Object.entries(atom)
      .filter(([key]) => key !== 'needs' && !(parts as readonly string[]).includes(key))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

function joined(a: Atom, b: Atom, parts: readonly Part[]): Atom {
  const lists = Object.fromEntries(
    parts.flatMap((part) => {
      const all: readonly (string | number | Peer)[] = [...(a[part] ?? []), ...(b[part] ?? [])];
      return all.length === 0 ? [] : [[part, distinct(all)]];
    }),
  );
  return { ...a, ...lists, needs: [...a.needs, ...b.needs] };
}

const distinct = <T>(values: readonly T[]): readonly T[] =>
  [...new Map(values.map((value) => [JSON.stringify(value), value])).entries()]
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([, value]) => value);

/** Rules about pods that differ in the value of one label. */
function oneLabel(atoms: readonly Atom[], side: 'pods' | 'toPods'): readonly Atom[] {
  const keyOf = (atom: Atom): string => {
    const keys = Object.keys(atom[side] ?? {});
    return JSON.stringify([keyWithout(atom, [side]), keys.length === 1 ? keys : JSON.stringify(atom[side])]);
  };
  const groups = Map.groupBy(atoms, keyOf);
  return [...groups.values()].map((of) =>
    of.reduce((a, b) => ({
      ...a,
      [side]: union(a[side] ?? {}, b[side] ?? {}),
      needs: [...a.needs, ...b.needs],
    })),
  );
}

const union = (a: PodSet, b: PodSet): PodSet =>
  Object.fromEntries(Object.keys(a).map((key) => [key, distinct([...(a[key] ?? []), ...(b[key] ?? [])])]));

/** Pods with one label in several namespaces, or with several values of it in one, are one peer. */
function withPeersMerged(atom: Atom): Atom {
  const pods = atom.peers.flatMap((peer) => (peer.kind === 'pods' ? [peer] : []));
  const others = atom.peers.filter(({ kind }) => kind !== 'pods');
  const byPods = [...Map.groupBy(pods, (peer) => JSON.stringify(peer.pods)).values()].map((of) =>
    of.reduce((a, b) => ({ ...a, namespaces: distinct([...a.namespaces, ...b.namespaces]) })),
  );
  const byPlace = Map.groupBy(byPods, ({ namespaces, pods: set }) => {
    const keys = Object.keys(set);
    return JSON.stringify([namespaces, keys.length === 1 ? keys : set]);
  });
  const merged = [...byPlace.values()].map((of) =>
    of.reduce((a, b) => ({ ...a, pods: union(a.pods, b.pods) })),
  );
  return { ...atom, peers: [...merged, ...others] };
}
