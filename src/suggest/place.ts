/** Puts suggested rules into firewalls: into the group of their namespaces, or into a new one. */
import { DEFAULT_FIREWALL, type ClusterFirewall, type Group, type Spec } from '../api/schema.ts';
import type { Atom } from './atoms.ts';
import { entryOf, nameFor, type Entry } from './entries.ts';

export interface Placed {
  readonly atom: Atom;
  readonly firewall: string;
  /** The list that gets the rule, as `spec.namespaces[0].ingress`. */
  readonly field: string;
  readonly entry: Entry;
}

export interface Changed {
  readonly firewalls: readonly ClusterFirewall[];
  readonly placed: readonly Placed[];
}

/** Atoms for which there is no place are left out. */
export function place(firewalls: readonly ClusterFirewall[], atoms: readonly Atom[]): Changed {
  const taken = new Set(firewalls.flatMap(({ spec }) => namesIn(spec)));
  return atoms.reduce<Changed>(
    (before, atom) => {
      const name = nameFor(atom, taken);
      taken.add(name);
      return atom.list === 'zones' ? inZones(before, atom, name) : inGroup(before, atom, name);
    },
    { firewalls, placed: [] },
  );
}

/** Names of groups, rules and zones. */
const namesIn = ({ namespaces = [], nodes }: Spec): readonly string[] => [
  ...namespaces.flatMap(({ name, ingress = [], connections = [], egress = [], metrics = [] }) => [
    name,
    ...[...ingress, ...connections, ...egress, ...metrics].map((rule) => rule.name),
  ]),
  ...(nodes?.zones ?? []).map((zone) => zone.name),
];

function inGroup(before: Changed, atom: Atom, name: string): Changed {
  const { list, namespaces } = atom;
  if (list === 'zones') return before;
  const entry = entryOf(atom, name);
  for (const firewall of before.firewalls) {
    const groups = firewall.spec.namespaces ?? [];
    const index = groups.findIndex((group) => isFor(group, namespaces));
    const group = groups[index];
    if (group === undefined) continue;
    const changed = { ...group, [list]: [...(group[list] ?? []), entry] };
    const field = `spec.namespaces[${String(index)}].${list}`;
    return withSpec(before, firewall, { namespaces: groups.with(index, changed) }, { atom, field, entry });
  }
  const main = mainOf(before.firewalls);
  if (main === undefined) return before;
  const groups = main.spec.namespaces ?? [];
  const groupName = freeName(namespaces, new Set(groups.map((each) => each.name)));
  const group = { name: groupName, namespaces: [...namespaces], [list]: [entry] } as unknown as Group;
  const field = `spec.namespaces[${String(groups.length)}].${list}`;
  return withSpec(before, main, { namespaces: [...groups, group] }, { atom, field, entry });
}

/** A rule in a group of other namespaces as well would open more than was seen. */
const isFor = (group: Group, namespaces: readonly string[]): boolean =>
  group.namespaces?.length === namespaces.length &&
  namespaces.every((each) => group.namespaces?.includes(each) === true);

function freeName(namespaces: readonly string[], taken: ReadonlySet<string>): string {
  const base = namespaces.join('-').slice(0, 55).replace(/-+$/, '');
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${String(number)}`;
    if (!taken.has(name)) return name;
  }
}

function inZones(before: Changed, atom: Atom, name: string): Changed {
  const main = before.firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  const nodes = main?.spec.nodes;
  if (main === undefined || nodes === undefined) return before;
  const entry = entryOf(atom, name);
  const zones = [...(nodes.zones ?? []), entry] as unknown as NonNullable<typeof nodes.zones>;
  return withSpec(before, main, { nodes: { ...nodes, zones } }, { atom, field: 'spec.nodes.zones', entry });
}

const mainOf = (firewalls: readonly ClusterFirewall[]): ClusterFirewall | undefined =>
  firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL) ?? firewalls[0];

const withSpec = (
  { firewalls, placed }: Changed,
  firewall: ClusterFirewall,
  spec: Partial<Spec>,
  rule: Omit<Placed, 'firewall'>,
): Changed => ({
  firewalls: firewalls.map((each) =>
    each === firewall ? { ...each, spec: { ...each.spec, ...spec } } : each,
  ),
  placed: [...placed, { ...rule, firewall: firewall.metadata.name }],
});
