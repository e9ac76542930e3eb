/** Whole stored policies in force, as bridges and shadows are made of them. */
import type { GlobalNetworkPolicy, NetworkPolicy } from '../../calico/types.ts';
import { parseSelector } from '../../calico/selector-parser.ts';
import { SelectorError } from '../../calico/selector.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { isRecord } from '../../json.ts';
import { ruleIds } from '../objects/ownership.ts';
import { roleOf, type Role } from '../objects/role.ts';

export type EnforcedPolicy = GlobalNetworkPolicy | NetworkPolicy;

export interface PolicyWithRole {
  readonly policy: EnforcedPolicy;
  readonly role: Role;
}

/**
 * The policies in force among `stored`, which are whole objects as the API server returns them. One with a
 * selector that cannot be parsed is left out: Felix does not enforce it, and its text must not get into an object
 * of ours. Calico's API server refuses such texts, native CRDs do not.
 */
export const storedPolicies = (stored: readonly KubernetesObject[]): readonly PolicyWithRole[] =>
  stored.filter(isPolicy).filter(areSelectors).map(withRole);

export const withRole = (policy: EnforcedPolicy): PolicyWithRole => ({
  policy,
  role: roleOf({ ...policy, rules: ruleIds(policy.metadata) }),
});

/** The fields of policies and of the ends of their rules that are selectors. */
const SELECTORS: ReadonlySet<string> = new Set([
  'selector',
  'namespaceSelector',
  'notSelector',
  'serviceAccountSelector',
]);

/** True if every selector in it, however deep, is one. */
function areSelectors(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(areSelectors);
  if (!isRecord(value)) return true;
  return Object.entries(value).every(([key, field]) =>
    SELECTORS.has(key) ? typeof field === 'string' && isSelector(field) : areSelectors(field),
  );
}

function isSelector(text: string): boolean {
  try {
    parseSelector(text);
    return true;
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}

/** We have written it once. Others may have added to it since, and that is in force as well. */
function isPolicy(object: KubernetesObject): object is KubernetesObject & EnforcedPolicy {
  const { kind, spec } = object;
  if (kind !== 'GlobalNetworkPolicy' && kind !== 'NetworkPolicy') return false;
  if (!isRecord(spec)) return false;
  const { selector, tier, types } = spec;
  return typeof selector === 'string' && typeof tier === 'string' && Array.isArray(types);
}
