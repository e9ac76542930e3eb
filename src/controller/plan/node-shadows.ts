/**
 * Shadows of policies of nodes. A shadow keeps in force what a stored policy said, under another name, until
 * everything that changes with the policy has changed (docs/decisions/0013-node-firewall.md). Pure.
 */
import type { GlobalNetworkPolicy, GlobalPolicySpec } from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { objectMeta, objectName, ruleId, TIER } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { firewallOf } from '../objects/ownership.ts';
import { familyOf, TEMPORARY, type Role } from '../objects/role.ts';
import { storedPolicies } from './stored-policy.ts';

/** Shadows of all the stored policies of nodes, by the names of what they shadow. */
export function nodeShadows(stored: readonly KubernetesObject[]): ReadonlyMap<string, DesiredObject> {
  return new Map(
    storedPolicies(stored).flatMap(({ policy, role }): [string, DesiredObject][] =>
      policy.kind === 'GlobalNetworkPolicy' && policy.spec.tier === TIER && familyOf(role) === 'nodes'
        ? [[policy.metadata.name, shadowOf(policy, role)]]
        : [],
    ),
  );
}

/** The name of the shadow of the policy called so. Calico takes one dot in a name, the one after the tier. */
export const shadowName = (firewall: string, name: string): string =>
  objectName(TIER, ruleId(firewall, 'nodes', TEMPORARY.old), name.replace(`${TIER}.`, ''));

/** A second id for what goes before the other shadows or stays after them. */
const DETAILS: Partial<Record<Role, string>> = {
  finalDeny: TEMPORARY.final,
  finalObserve: TEMPORARY.final,
  podBlock: TEMPORARY.atPods,
};

function shadowOf({ metadata, spec }: GlobalNetworkPolicy, role: Role): DesiredObject {
  const firewall = firewallOf(metadata) ?? '';
  const rules = [TEMPORARY.old, DETAILS[role] ?? []].flat().map((name) => ruleId(firewall, 'nodes', name));
  return {
    object: {
      apiVersion: CALICO_API_VERSION,
      kind: 'GlobalNetworkPolicy',
      metadata: objectMeta(shadowName(firewall, metadata.name), firewall, rules, TIER),
      spec: role === 'finalDeny' ? onlyDenies(spec) : spec,
    },
    firewall,
    rules,
  };
}

/**
 * A final policy ends in a Pass. In its shadow, the Pass would leave the tier before the new final policy can
 * deny.
 */
const onlyDenies = (spec: GlobalPolicySpec): GlobalPolicySpec => ({
  ...spec,
  ingress: (spec.ingress ?? []).filter(({ action }) => action === 'Deny'),
});
