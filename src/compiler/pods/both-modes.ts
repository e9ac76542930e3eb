/** Policies of the ClusterFirewall called default, for namespaces of both modes. */
import type { Selector } from '../../calico/selector.ts';
import type { PolicyParts } from '../flows/policies.ts';
import { globalPolicies } from '../flows/policies.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import { isEmpty, policySelectors, refuseInexpressible } from '../namespaces/namespaces.ts';
import type { DesiredObject } from '../types.ts';

/** The same policies twice: enforced where the namespace is enforced, and staged where it is observed. */
export function enforcedAndStaged(
  enforcement: Enforcement,
  parts: Omit<PolicyParts, 'isStaged'>,
  select: (namespaces: NamespaceSet) => NamespaceSet,
  pods: Selector,
): readonly DesiredObject[] {
  const selected = (sets: readonly NamespaceSet[]) =>
    sets.map(select).filter((namespaces) => !isEmpty(namespaces));
  const [enforced, observed] = [selected(enforcement.enforced), selected(enforcement.observed)];
  [...enforced, ...observed].forEach(refuseInexpressible);
  return ([false, true] as const).flatMap((isStaged) =>
    globalPolicies(
      { ...parts, isStaged },
      (isStaged ? observed : enforced).flatMap((namespaces) => policySelectors(namespaces, pods)),
    ),
  );
}
