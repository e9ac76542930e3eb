/** Whole stored policies in force, as bridges and shadows are made of them. */
import type { GlobalNetworkPolicy, NetworkPolicy } from '../../calico/types.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { isRecord } from '../../json.ts';
import { ruleIds } from '../objects/ownership.ts';
import { roleOf, type Role } from '../objects/role.ts';

export type EnforcedPolicy = GlobalNetworkPolicy | NetworkPolicy;

export interface PolicyWithRole {
  readonly policy: EnforcedPolicy;
  readonly role: Role;
}

/** The policies in force among `stored`, which are whole objects as the API server returns them. */
export const storedPolicies = (stored: readonly KubernetesObject[]): readonly PolicyWithRole[] =>
  stored.filter(isPolicy).map(withRole);

export const withRole = (policy: EnforcedPolicy): PolicyWithRole => ({
  policy,
  role: roleOf({ ...policy, rules: ruleIds(policy.metadata) }),
});

/** We have written it once. Others may have added to it since, and that is in force as well. */
function isPolicy(object: KubernetesObject): object is KubernetesObject & EnforcedPolicy {
  const { kind, spec } = object;
  if (kind !== 'GlobalNetworkPolicy' && kind !== 'NetworkPolicy') return false;
  if (!isRecord(spec)) return false;
  const { selector, tier, types } = spec;
  return typeof selector === 'string' && typeof tier === 'string' && Array.isArray(types);
}
