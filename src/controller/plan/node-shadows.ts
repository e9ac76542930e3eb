/**
 * Copies of policies of nodes: what a policy said stays in force under another name until all that changes with it has changed
 * (docs/decisions/0013-node-firewall.md). Pure.
 */
import type { GlobalNetworkPolicy } from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import {
  BRIDGES,
  BRIDGES_AT_PODS,
  BRIDGES_LAST_WORD,
  isRuleOfNodes,
  objectMeta,
  objectName,
  ruleId,
  TIER,
} from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { isLastWord } from '../objects/live.ts';
import { firewallOf, ruleIds } from '../objects/ownership.ts';

const COPY = /^[^/]+\/nodes\/bridge-from$/;

export const isNodeCopy = (rules: readonly string[]): boolean => rules.some((rule) => COPY.test(rule));

/** True for the copy of a last word, which goes before the allows that it may bound. */
export const copiesLastWord = (rules: readonly string[]): boolean =>
  rules.some((rule) => rule.endsWith(`/nodes/${BRIDGES_LAST_WORD}`));

/** Copies of all the stored policies of nodes, by the names of what they are copies of. */
export function nodeCopies(stored: readonly KubernetesObject[]): ReadonlyMap<string, DesiredObject> {
  return new Map(
    stored
      .filter(isNodePolicy)
      .filter(({ metadata }) => !isNodeCopy(ruleIds(metadata)))
      .map((policy) => [policy.metadata.name, copyOf(policy)]),
  );
}

/** True for the copy of what nodes refuse at pods, which stays longest. */
export const copiesAtPods = (rules: readonly string[]): boolean =>
  rules.some((rule) => rule.endsWith(`/nodes/${BRIDGES_AT_PODS}`));

/** The name of the copy of the policy called so. Calico takes one dot in a name, the one after the tier. */
export const copyName = (firewall: string, name: string): string =>
  objectName(TIER, ruleId(firewall, 'nodes', BRIDGES.from), name.replace(`${TIER}.`, ''));

function copyOf({ metadata, spec }: GlobalNetworkPolicy): DesiredObject {
  const firewall = firewallOf(metadata) ?? '';
  const rules = [
    BRIDGES.from,
    ...(isLastWord(ruleIds(metadata)) ? [BRIDGES_LAST_WORD] : []),
    ...(spec.types.includes('Egress') ? [BRIDGES_AT_PODS] : []),
  ].map((name) => ruleId(firewall, 'nodes', name));
  return {
    object: {
      apiVersion: CALICO_API_VERSION,
      kind: 'GlobalNetworkPolicy',
      metadata: objectMeta(copyName(firewall, metadata.name), firewall, rules, TIER),
      spec,
    },
    firewall,
    rules,
    phase: 'bridgeFrom',
  };
}

/** Written by this project once; what others have added to it since is in force, and copied. */
export function isNodePolicy(object: KubernetesObject): object is KubernetesObject & GlobalNetworkPolicy {
  const { kind, spec } = object;
  if (kind !== 'GlobalNetworkPolicy' || !isRecord(spec)) return false;
  const { selector, tier, types } = spec;
  const isWhole = typeof selector === 'string' && tier === TIER && Array.isArray(types);
  return isWhole && ruleIds(object.metadata).some(isRuleOfNodes);
}
