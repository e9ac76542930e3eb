/** Parts of a spec that are let in apart: the rules for pods, and those for nodes. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Peer, Spec } from '../../api/schema.ts';
import { isRecord } from '../../json.ts';

export type Part = 'pods' | 'nodes';

/** True where both mean the same. Assertions and deletionPolicy mean nothing to the compiler. */
export const meansTheSame = (a: Spec, b: Spec): boolean => isDeepStrictEqual(bare(a), bare(b));

function bare(spec: Spec): Spec {
  return without(spec, 'assertions', 'deletionPolicy');
}

const without = (spec: Spec, ...fields: readonly (keyof Spec)[]): Spec =>
  Object.fromEntries(Object.entries(spec).filter(([key]) => !fields.includes(key as keyof Spec))) as Spec;

/** The spec with one part of another. Its assertions stay. */
export const taking = (spec: Spec, now: Spec, part: Part): Spec =>
  part === 'pods' ? together(now, spec, spec) : together(spec, now, spec);

/**
 * The old spec with everything of the new one that is never held back: whatever only observes, nodes that are
 * no longer policed, and failsafes that are given back.
 */
export function freed(old: Spec, now: Spec): Spec {
  const pods = now.mode === 'Observe' ? now : withObservedGroups(old, now);
  const nodes = now.nodes?.mode === 'Enforce' ? givingBack(old, now) : now;
  return together(pods, nodes, old);
}

function withObservedGroups(old: Spec, now: Spec): Spec {
  const observed = new Set(
    (now.namespaces ?? []).filter(({ mode }) => mode === 'Observe').map(({ name }) => name),
  );
  if (old.namespaces === undefined || observed.size === 0) return old;
  const namespaces = old.namespaces.map((group) =>
    observed.has(group.name) ? { ...group, mode: 'Observe' as const } : group,
  );
  return { ...old, namespaces };
}

function givingBack(old: Spec, now: Spec): Spec {
  if (old.nodes?.failsafes !== 'Managed' || now.nodes?.failsafes === 'Managed') return old;
  return { ...old, nodes: { ...old.nodes, failsafes: 'Report' } };
}

/** Both parts share the peers, so a peer that the two know as different ones gets a second name. */
function together(pods: Spec, nodes: Spec, { assertions }: Spec): Spec {
  const own = {
    ...without(pods, 'nodes', 'assertions'),
    ...(assertions !== undefined && { assertions }),
  };
  if (nodes.nodes === undefined) return own;
  if (pods === nodes) return { ...own, nodes: nodes.nodes };
  const named = peersIn(nodes.nodes);
  const wanted = (nodes.peers ?? []).filter(({ name }) => named.has(name));
  const known = new Map((pods.peers ?? []).map((peer) => [peer.name, peer]));
  const names = new Map<string, string>();
  const added: Peer[] = [];
  for (const peer of wanted) {
    const namesake = known.get(peer.name);
    if (namesake !== undefined && isDeepStrictEqual(namesake, peer)) continue;
    const name = namesake === undefined ? peer.name : freeName(peer.name, known);
    if (name !== peer.name) names.set(peer.name, name);
    known.set(name, peer);
    added.push({ ...peer, name });
  }
  const peers = [...(pods.peers ?? []), ...added];
  return {
    ...own,
    ...(peers.length > 0 && { peers }),
    nodes: names.size === 0 ? nodes.nodes : (renamed(nodes.nodes, names) as NonNullable<Spec['nodes']>),
  };
}

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  for (let number = 1; ; number += 1) {
    const free = `${name.slice(0, 50)}-kept-${String(number)}`;
    if (!taken.has(free)) return free;
  }
}

/** Names of the peers in a value of the API, at whatever depth. */
function peersIn(value: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (each: unknown): void => {
    if (Array.isArray(each)) each.forEach(visit);
    if (!isRecord(each)) return;
    if (typeof each['peer'] === 'string') found.add(each['peer']);
    Object.values(each).forEach(visit);
  };
  visit(value);
  return found;
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, names));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === 'peer' && typeof each === 'string' ? (names.get(each) ?? each) : renamed(each, names),
    ]),
  );
}
