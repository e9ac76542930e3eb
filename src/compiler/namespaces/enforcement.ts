/** Tells which namespaces are under the default deny, which are only observed and which are exempt. */
import { type ClusterFirewall, type Group, type Mode, SYSTEM_NAMESPACES } from '../../api/schema.ts';
import type { NamespaceSet } from './namespaces.ts';
import {
  complement,
  everyNamespace,
  isEmpty,
  includesNamespace,
  inOrder,
  mergeSets,
  namedNamespaces,
  sortedUnique,
  namespacesFromLabels,
} from './namespaces.ts';
import { knownOr, UNKNOWN } from '../../inventory/known.ts';
import type { Inventory, NamespaceInfo } from '../../inventory/types.ts';

export type NamespaceMode = 'enforced' | 'observed' | 'exempt';
export type ExemptBy = 'operator' | 'names' | 'systemNamespaces' | 'namespaceSelector';

/**
 * The decisions of the ClusterFirewall called default that apply to the ends of every flow. Sets of one list
 * may overlap.
 */
export interface Enforcement {
  readonly deny: { readonly ingress: boolean; readonly egress: boolean };
  readonly exempt: readonly NamespaceSet[];
  readonly enforced: readonly NamespaceSet[];
  readonly observed: readonly NamespaceSet[];
  /** Namespaces of the groups that say `mode: Enforce`, which wins over Observe. */
  readonly enforcing: readonly NamespaceSet[];
  /** The setting that makes a namespace exempt; undefined where it is not. */
  exemptBy(name: string): ExemptBy | undefined;
  modeOf(namespace: NamespaceInfo): NamespaceMode;
}

export function enforcementOf(firewall: ClusterFirewall, inventory: Inventory): Enforcement {
  const exempt = exemptSets(firewall, inventory);
  const isExempt = (namespace: NamespaceInfo) => exempt.some((set) => includesNamespace(set, namespace));
  const saying = (mode: Mode) =>
    inOrder((firewall.spec.namespaces ?? []).filter((group) => group.mode === mode).map(groupNamespaces));
  const [observing, enforcing] = [saying('Observe'), saying('Enforce')];
  const { enforced, observed } = divide(firewall.spec.mode, { observing, enforcing, exempt });
  return {
    deny: directions(firewall),
    exempt,
    enforced,
    observed,
    enforcing,
    exemptBy: (name) => exemptBy(name, firewall, inventory),
    modeOf: (namespace) => {
      if (isExempt(namespace)) return 'exempt';
      return enforced.some((set) => includesNamespace(set, namespace)) ? 'enforced' : 'observed';
    },
  };
}

interface Division {
  readonly observing: readonly NamespaceSet[];
  readonly enforcing: readonly NamespaceSet[];
  readonly exempt: readonly NamespaceSet[];
}

/**
 * A group that says nothing of its mode has no opinion. Selectors decide, so a namespace is right from its
 * first moment.
 */
function divide(mode: Mode, { observing, enforcing, exempt }: Division) {
  const everyone = complement(everyNamespace, exempt);
  const split = mergeSets(
    mode === 'Observe' ? enforcing : observing.map((set) => complement(set, enforcing)),
  );
  const inGroups = split.map((set) => complement(set, exempt)).filter((set) => !isEmpty(set));
  const rest = [complement(everyone, split)];
  return mode === 'Observe' ? { enforced: inGroups, observed: rest } : { enforced: rest, observed: inGroups };
}

export const groupNamespaces = (group: Group): NamespaceSet =>
  group.namespaces === undefined
    ? group.everyNamespace === true
      ? everyNamespace
      : namespacesFromLabels(group.namespaceSelector ?? {})
    : namedNamespaces(group.namespaces);

/** The namespaces of the inventory. Where it is not known, the namespaces that groups name. */
export function knownNamespaces(
  inventory: Inventory,
  sets: readonly NamespaceSet[],
): readonly NamespaceInfo[] {
  if (inventory.namespaces !== UNKNOWN) return inventory.namespaces;
  return sortedUnique(sets.flatMap((set) => set.names ?? [])).map((name) => ({ name, labels: {} }));
}

function exemptSets(firewall: ClusterFirewall, inventory: Inventory): readonly NamespaceSet[] {
  const selector = firewall.spec.defaults?.exempt?.namespaceSelector;
  const names = namedNamespaces(exemptNames(firewall, inventory));
  return selector === undefined ? [names] : [names, namespacesFromLabels(selector)];
}

function exemptNames(firewall: ClusterFirewall, inventory: Inventory): readonly string[] {
  const exempt = firewall.spec.defaults?.exempt;
  return sortedUnique([
    ...(exempt?.systemNamespaces === 'None' ? [] : SYSTEM_NAMESPACES),
    ...(exempt?.names ?? []),
    ...(inventory.operatorNamespace === undefined ? [] : [inventory.operatorNamespace]),
  ]);
}

function exemptBy(name: string, firewall: ClusterFirewall, inventory: Inventory): ExemptBy | undefined {
  const exempt = firewall.spec.defaults?.exempt;
  if (name === inventory.operatorNamespace) return 'operator';
  if (exempt?.names?.includes(name) === true) return 'names';
  const isSystem = SYSTEM_NAMESPACES.some((each) => each === name);
  if (isSystem && exempt?.systemNamespaces !== 'None') return 'systemNamespaces';
  const namespace = knownOr(inventory.namespaces, []).find((each) => each.name === name);
  return namespace !== undefined && isExemptByLabel(firewall, namespace) ? 'namespaceSelector' : undefined;
}

export function isExemptByLabel({ spec }: ClusterFirewall, namespace: NamespaceInfo): boolean {
  const selector = spec.defaults?.exempt?.namespaceSelector;
  return selector !== undefined && includesNamespace(namespacesFromLabels(selector), namespace);
}

function directions(firewall: ClusterFirewall): Enforcement['deny'] {
  const deny = firewall.spec.defaults?.deny ?? 'Both';
  return { ingress: deny === 'Both' || deny === 'Ingress', egress: deny === 'Both' || deny === 'Egress' };
}
