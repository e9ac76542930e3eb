/**
 * Reads in which directions the rules of policies allow traffic. A part that cannot be read counts as one that
 * allows, because nobody can say that it does not.
 */
import { isRecord } from '../json.ts';
import { fieldsOf, textOf, type KubernetesObject } from './object.ts';
import type { Directions, NamespacePolicyInfo, PolicyActions } from './types.ts';

/** Shared values, because a cluster may have thousands of policies. */
const DIRECTIONS = {
  none: { ingress: false, egress: false },
  ingress: { ingress: true, egress: false },
  egress: { ingress: false, egress: true },
  both: { ingress: true, egress: true },
} as const satisfies Readonly<Record<string, Directions>>;

export function directions(ingress: boolean, egress: boolean): Directions {
  if (ingress) return egress ? DIRECTIONS.both : DIRECTIONS.ingress;
  return egress ? DIRECTIONS.egress : DIRECTIONS.none;
}

/** The only actions that let nothing through. Calico's API takes them in this spelling. */
const CLOSING: ReadonlySet<unknown> = new Set(['Deny', 'Log']);

/** The tier and the actions of a Calico policy. An absent tier is `default`. */
export function readActions(spec: unknown): PolicyActions {
  const { tier, ingress, egress, types } = fieldsOf(spec);
  if (!isRecord(spec)) return { tier: 'default', allows: DIRECTIONS.both, passes: DIRECTIONS.both };
  const [applies, out] = [appliesTo(types, 'Ingress'), appliesTo(types, 'Egress')];
  const mayPass = (action: unknown): boolean => action === 'Pass' || isUnknown(action);
  const mayAllow = (action: unknown): boolean => action === 'Allow' || isUnknown(action);
  const has = (rules: unknown, test: (action: unknown) => boolean): boolean =>
    someRule(rules, ({ action }) => test(action));
  return {
    tier: shortened(textOf(tier)) || 'default',
    allows: directions(applies && has(ingress, mayAllow), out && has(egress, mayAllow)),
    passes: directions(applies && has(ingress, mayPass), out && has(egress, mayPass)),
  };
}

/** No Tier has a longer name (DNS subdomain). Native CRDs take any text, and a copy does not keep the rest of it. */
const MAX_NAME = 253;
const shortened = (name: string): string =>
  name.length <= MAX_NAME ? name : Buffer.from(name.slice(0, MAX_NAME)).toString();

const isUnknown = (action: unknown): boolean =>
  action !== 'Allow' && action !== 'Pass' && !CLOSING.has(action);

/**
 * Rules of a direction that `types` lacks have no effect. Without `types`, Calico takes the directions that
 * have rules.
 */
const appliesTo = (types: unknown, direction: 'Ingress' | 'Egress'): boolean =>
  !Array.isArray(types) ||
  types.length === 0 ||
  types.includes(direction) ||
  types.some((type) => type !== 'Ingress' && type !== 'Egress');

/** True when a rule passes the test, and for what is no list of rules. */
export function someRule(
  rules: unknown,
  test: (rule: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  if (rules === undefined || rules === null) return false;
  if (!Array.isArray(rules)) return true;
  return rules.some((rule) => !isRecord(rule) || test(rule));
}

/** Reads a NetworkPolicy of Calico. */
export const readNetworkPolicy = ({ metadata, spec }: KubernetesObject): NamespacePolicyInfo => ({
  namespace: metadata.namespace ?? '',
  ...readActions(spec),
});

/**
 * Reads a NetworkPolicy of Kubernetes, whose rules only allow. Without policyTypes it is about ingress, and about
 * egress if it has such rules (NetworkPolicySpec).
 */
export function readKubernetesNetworkPolicy({ metadata, spec }: KubernetesObject): NamespacePolicyInfo {
  const { ingress, egress, policyTypes } = fieldsOf(spec);
  const any = (rules: unknown): boolean => someRule(rules, () => true);
  return {
    namespace: metadata.namespace ?? '',
    tier: 'default',
    allows: isRecord(spec)
      ? directions(
          appliesTo(policyTypes, 'Ingress') && any(ingress),
          appliesTo(policyTypes, 'Egress') && any(egress),
        )
      : DIRECTIONS.both,
    passes: DIRECTIONS.none,
  };
}
