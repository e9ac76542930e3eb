/** Reads the policies of the group policy.networking.k8s.io. Calico enforces them in tiers of their own. */
import {
  fromLabelSelector,
  SelectorError,
  type LabelSelectorLike,
  type Selector,
} from '../calico/selector.ts';
import { directions, someRule } from './actions.ts';
import { isRecord } from '../json.ts';
import { fieldsOf, type KubernetesObject } from './object.ts';
import type { AdminPolicyInfo, AdminPolicyKind } from './types.ts';

export const ADMIN_POLICY_GROUP = 'policy.networking.k8s.io';

/** The plural of each kind. */
export const ADMIN_POLICY_KINDS = {
  AdminNetworkPolicy: 'adminnetworkpolicies',
  BaselineAdminNetworkPolicy: 'baselineadminnetworkpolicies',
  ClusterNetworkPolicy: 'clusternetworkpolicies',
} as const satisfies Readonly<Record<AdminPolicyKind, string>>;

/** Let nothing past the default deny: a Pass goes on to the tier that has it. */
const CLOSING: ReadonlySet<unknown> = new Set(['Deny', 'Pass']);

export function readAdminPolicy(
  kind: AdminPolicyKind,
  { metadata, spec }: KubernetesObject,
): AdminPolicyInfo {
  const { subject, ingress, egress, tier } = fieldsOf(spec);
  const allows = (rules: unknown): boolean => someRule(rules, ({ action }) => !CLOSING.has(action));
  const namespaceSelector = selectorOf(subject);
  return {
    kind,
    name: metadata.name,
    isBaseline: kind === 'BaselineAdminNetworkPolicy' || tier === 'Baseline',
    allows: isRecord(spec) ? directions(allows(ingress), allows(egress)) : directions(true, true),
    ...(namespaceSelector !== undefined && { namespaceSelector }),
  };
}

/** Undefined for a subject that cannot be read. */
function selectorOf(subject: unknown): Selector | undefined {
  const { namespaces, pods } = fieldsOf(subject);
  const selector = namespaces ?? fieldsOf(pods)['namespaceSelector'];
  if (!isLabelSelector(selector)) return undefined;
  try {
    return fromLabelSelector(selector);
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}

const OPERATORS: ReadonlySet<unknown> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

function isLabelSelector(value: unknown): value is LabelSelectorLike {
  if (!isRecord(value)) return false;
  const { matchLabels = {}, matchExpressions = [] } = value;
  return (
    isRecord(matchLabels) &&
    Object.values(matchLabels).every((text) => typeof text === 'string') &&
    Array.isArray(matchExpressions) &&
    matchExpressions.every(
      (term: unknown) =>
        isRecord(term) &&
        typeof term['key'] === 'string' &&
        OPERATORS.has(term['operator']) &&
        (term['values'] === undefined || isTexts(term['values'])),
    )
  );
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((text) => typeof text === 'string');
