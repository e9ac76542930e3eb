/** Policy objects: global or namespaced, enforced or staged, and split at Calico's limits. */
import { BOUNDS } from '../bounds.ts';
import { MAX_RULES } from '../../calico/limits.ts';
import type { GlobalPolicySpec, PolicySpec, PolicyType, Rule } from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import { chargeObjects, jsonSize, POLICY_BYTES, sumOf } from '../meter.ts';
import { objectMeta, objectName, type RuleId } from '../names.ts';
import type { DesiredObject } from '../types.ts';
import { sizeOfRules } from './rules.ts';

export interface PolicyParts {
  readonly firewall: string;
  /** A rule id, or the prefix that several rules share. Together with `variant` it names the object. */
  readonly id: RuleId;
  readonly variant?: string;
  /** Ids of the rules in it. */
  readonly rules: readonly RuleId[];
  readonly isStaged: boolean;
  readonly tier: string;
  readonly order: number;
  readonly types: readonly PolicyType[];
  /** The policy applies before DNAT, at host endpoints only. */
  readonly preDNAT?: true;
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}

/**
 * The endpoints that a global policy selects. Without a namespaceSelector it selects pods and hosts alike.
 */
export interface SubjectSelectors {
  readonly selector: string;
  readonly namespaceSelector?: string;
}

/** GlobalNetworkPolicies (or staged ones), one for each pair of selectors and each 1,024 rules. */
export function globalPolicies(
  parts: PolicyParts,
  endpoints: readonly SubjectSelectors[],
): readonly DesiredObject[] {
  const pieces = splitRules(parts);
  chargeObjects(
    endpoints.length * pieces.length,
    pieces.length * sumOf(endpoints.map(sizeOfSubject)) + endpoints.length * rulesSize(parts),
  );
  return numbered(
    endpoints.flatMap((selectors) => pieces.map((rules) => ({ selectors, rules }))),
    (suffix, { selectors, rules }) => {
      const metadata = metadataOf(parts, suffix);
      const layer = parts.preDNAT === true ? ({ preDNAT: true, applyOnForward: true } as const) : {};
      const spec: GlobalPolicySpec = { ...base(parts), ...layer, ...selectors, ...rules };
      return parts.isStaged
        ? {
            apiVersion: CALICO_API_VERSION,
            kind: 'StagedGlobalNetworkPolicy',
            metadata,
            spec: { ...spec, stagedAction: 'Set' },
          }
        : { apiVersion: CALICO_API_VERSION, kind: 'GlobalNetworkPolicy', metadata, spec };
    },
    parts,
  );
}

/** NetworkPolicies (or staged ones) in one namespace. */
export function namespacedPolicies(
  parts: PolicyParts,
  namespace: string,
  selector: string,
): readonly DesiredObject[] {
  const pieces = splitRules(parts);
  chargeObjects(pieces.length, pieces.length * sizeOfSubject({ selector }) + rulesSize(parts));
  return numbered(
    pieces,
    (suffix, rules) => {
      const metadata = metadataOf(parts, suffix, namespace);
      const spec: PolicySpec = { ...base(parts), selector, ...rules };
      return parts.isStaged
        ? {
            apiVersion: CALICO_API_VERSION,
            kind: 'StagedNetworkPolicy',
            metadata,
            spec: { ...spec, stagedAction: 'Set' },
          }
        : { apiVersion: CALICO_API_VERSION, kind: 'NetworkPolicy', metadata, spec };
    },
    parts,
  );
}

const base = (parts: PolicyParts) => ({
  tier: parts.tier,
  order: parts.order,
  types: parts.types,
});

function metadataOf(parts: PolicyParts, suffix: string, namespace?: string) {
  const variant = [parts.variant ?? '', suffix].filter((part) => part !== '').join('-');
  return objectMeta(
    objectName(parts.tier, parts.id, variant),
    parts.firewall,
    parts.rules,
    parts.tier,
    namespace,
  );
}

type RulePart = Pick<PolicySpec, 'ingress' | 'egress'>;

/**
 * Rules of one policy are alternatives, so they can be spread over several policies in any way. A policy that
 * ends in `Pass` is never long enough to be split.
 */
function splitRules(parts: PolicyParts): readonly RulePart[] {
  const ingress = chunkRules(parts.ingress ?? []);
  const egress = chunkRules(parts.egress ?? []);
  return Array.from({ length: Math.max(1, ingress.length, egress.length) }, (_, index) => ({
    ...(ingress[index] === undefined ? {} : { ingress: ingress[index] }),
    ...(egress[index] === undefined ? {} : { egress: egress[index] }),
  }));
}

const sizeOfSubject = ({ selector, namespaceSelector = '' }: SubjectSelectors): number =>
  POLICY_BYTES + selector.length + namespaceSelector.length;

const rulesSize = ({ ingress = [], egress = [] }: PolicyParts): number =>
  sizeOfRules(ingress) + sizeOfRules(egress);

/**
 * Consecutive runs, of at most MAX_RULES rules and half of a policy's bytes, because a policy has two lists.
 */
function chunkRules(rules: readonly Rule[]): readonly (readonly Rule[])[] {
  if (rules.length <= MAX_RULES && sizeOfRules(rules) <= BOUNDS.policy.bytes / 2)
    return rules.length === 0 ? [] : [rules];
  const chunks: Rule[][] = [];
  let room = 0;
  for (const rule of rules) {
    const size = jsonSize(rule);
    if (size > room || (chunks.at(-1)?.length ?? MAX_RULES) >= MAX_RULES) {
      chunks.push([]);
      room = BOUNDS.policy.bytes / 2;
    }
    chunks.at(-1)?.push(rule);
    room -= size;
  }
  return chunks;
}

function numbered<T>(
  items: readonly T[],
  make: (suffix: string, item: T) => DesiredObject['object'],
  parts: PolicyParts,
): readonly DesiredObject[] {
  return items.map((item, index) => ({
    object: make(index === 0 ? '' : String(index + 1), item),
    firewall: parts.firewall,
    rules: parts.rules,
  }));
}
