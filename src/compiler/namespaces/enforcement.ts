/** Tells which namespaces are under the default deny, which are only observed and which are exempt. */
import type { ClusterFirewall, Group, Mode } from '../../api/schema.ts';
import type { NamespaceSet } from './namespaces.ts';
import {
  complement,
  everyNamespace,
  isEmpty,
  includesNamespace,
  mergeSets,
  namedNamespaces,
  sortedUnique,
  namespacesFromLabels,
  without,
} from './namespaces.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory, NamespaceInfo } from '../../inventory/types.ts';

/** Exempt unless `exempt.systemNamespaces` is None (api.md, conventions). */
const SYSTEM_NAMESPACES = [
  'calico-apiserver',
  'calico-system',
  'kube-node-lease',
  'kube-public',
  'kube-system',
  'tigera-operator',
] as const;

export type NamespaceMode = 'enforced' | 'observed' | 'exempt';

/**
 * The decisions of the ClusterFirewall called default that apply to the ends of every flow. Sets of one list
 * may overlap.
 */
export interface Enforcement {
  readonly deny: { readonly ingress: boolean; readonly egress: boolean };
  readonly exempt: readonly string[];
  readonly enforced: readonly NamespaceSet[];
  readonly observed: readonly NamespaceSet[];
  /** Namespaces that both an enforcing and an observing group name. Enforce wins there. */
  readonly contested: readonly string[];
  modeOf(namespace: NamespaceInfo): NamespaceMode;
}

export function enforcementOf(firewall: ClusterFirewall, inventory: Inventory): Enforcement {
  const exempt = exemptNames(firewall, inventory);
  const groups = (firewall.spec.namespaces ?? []).map((group) => ({
    mode: effectiveMode(firewall, group),
    set: groupNamespaces(group),
  }));
  const observing = groups.filter(({ mode }) => mode === 'Observe').map(({ set }) => set);
  const enforcing = groups.filter(({ mode }) => mode === 'Enforce').map(({ set }) => set);
  const contested = contestedNames(observing, enforcing, inventory);
  const { enforced, observed } = divide(firewall.spec.mode, { observing, enforcing, contested, exempt });
  return {
    deny: directions(firewall),
    exempt,
    enforced,
    observed,
    contested,
    modeOf: (namespace) => {
      if (exempt.includes(namespace.name)) return 'exempt';
      return enforced.some((set) => includesNamespace(set, namespace)) ? 'enforced' : 'observed';
    },
  };
}

interface Division {
  readonly observing: readonly NamespaceSet[];
  readonly enforcing: readonly NamespaceSet[];
  readonly contested: readonly string[];
  readonly exempt: readonly string[];
}

function divide(mode: Mode, { observing, enforcing, contested, exempt }: Division) {
  const everyone = without(everyNamespace, exempt);
  const split = mergeSets(mode === 'Observe' ? enforcing : observing.map((set) => without(set, contested)));
  const inGroups = split.map((set) => without(set, exempt)).filter((set) => !isEmpty(set));
  const rest = [complement(everyone, split)];
  return mode === 'Observe' ? { enforced: inGroups, observed: rest } : { enforced: rest, observed: inGroups };
}

export const groupNamespaces = (group: Group): NamespaceSet =>
  group.namespaces === undefined
    ? namespacesFromLabels(group.namespaceSelector ?? {})
    : namedNamespaces(group.namespaces);

export const effectiveMode = (firewall: ClusterFirewall, group: Group): Mode =>
  group.mode ?? firewall.spec.mode;

/** The namespaces of the inventory. Where it is not known, the namespaces that groups name. */
export function knownNamespaces(
  inventory: Inventory,
  sets: readonly NamespaceSet[],
): readonly NamespaceInfo[] {
  if (inventory.namespaces !== UNKNOWN) return inventory.namespaces;
  return sortedUnique(sets.flatMap((set) => set.names ?? [])).map((name) => ({ name, labels: {} }));
}

function contestedNames(
  observing: readonly NamespaceSet[],
  enforcing: readonly NamespaceSet[],
  inventory: Inventory,
): readonly string[] {
  if (observing.length === 0 || enforcing.length === 0) return [];
  const inAny = (sets: readonly NamespaceSet[], namespace: NamespaceInfo) =>
    sets.some((set) => includesNamespace(set, namespace));
  return sortedUnique(
    knownNamespaces(inventory, [...observing, ...enforcing])
      .filter((namespace) => inAny(observing, namespace) && inAny(enforcing, namespace))
      .map(({ name }) => name),
  );
}

function exemptNames(firewall: ClusterFirewall, inventory: Inventory): readonly string[] {
  const exempt = firewall.spec.defaults?.exempt;
  return sortedUnique([
    ...(exempt?.systemNamespaces === 'None' ? [] : SYSTEM_NAMESPACES),
    ...(exempt?.names ?? []),
    ...(inventory.operatorNamespace === undefined ? [] : [inventory.operatorNamespace]),
  ]);
}

function directions(firewall: ClusterFirewall): Enforcement['deny'] {
  const deny = firewall.spec.defaults?.deny ?? 'Both';
  return { ingress: deny === 'Both' || deny === 'Ingress', egress: deny === 'Both' || deny === 'Egress' };
}
