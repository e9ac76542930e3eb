/** Where each known namespace stands, for people who read a manifest before it is applied. */
import type { ClusterFirewall, Group } from '../../api/schema.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { enforcementOf, groupNamespaces } from './enforcement.ts';
import { includesNamespace, sortedUnique } from './namespaces.ts';

/** Names of namespaces, sorted. */
export interface Overview {
  /** The directions that the default deny closes. */
  readonly deny: 'Both' | 'Ingress' | 'Egress' | 'None';
  readonly enforced: readonly string[];
  readonly observed: readonly string[];
  readonly exempt: readonly string[];
  /** Enforced ones in which no rule of a group opens anything. */
  readonly withoutRule: readonly string[];
}

/** Undefined without a ClusterFirewall called default, or where namespaces are not known. */
export function overviewOf(
  firewalls: readonly ClusterFirewall[],
  inventory: Inventory,
): Overview | undefined {
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  if (main === undefined || inventory.namespaces === UNKNOWN) return undefined;
  const enforcement = enforcementOf(main, inventory);
  const modes = inventory.namespaces.map((namespace) => ({ namespace, mode: enforcement.modeOf(namespace) }));
  const inMode = (wanted: string) =>
    modes.flatMap(({ namespace, mode }) => (mode === wanted ? [namespace] : []));
  const open = firewalls
    .flatMap(({ spec }) => (spec.namespaces ?? []).filter(opensAnything))
    .map(groupNamespaces);
  const names = (namespaces: readonly { readonly name: string }[]) =>
    sortedUnique(namespaces.map(({ name }) => name));
  return {
    deny: main.spec.defaults?.deny ?? 'Both',
    enforced: names(inMode('enforced')),
    observed: names(inMode('observed')),
    exempt: names(inMode('exempt')),
    withoutRule: names(
      inMode('enforced').filter((namespace) => !open.some((set) => includesNamespace(set, namespace))),
    ),
  };
}

/** True for a group that opens something in its namespaces. */
export const opensAnything = ({ isolation, ingress, metrics, connections, egress }: Group): boolean =>
  isolation === 'SameNamespace' ||
  [ingress, metrics, connections, egress].some((rules = []) => rules.length > 0);
