/** A policy of others in a form that opens at least as much, and that can be judged without knowing pods. */
import type { PolicyRule, RuleEnd, StoredPolicy } from '../calico/read/policy.ts';
import { DEFAULT_TIER } from '../compiler/names.ts';

/**
 * Its Deny rules go, because they open nothing. In tier default, Pass opens what the end of the tier closes, so it
 * counts as Allow; in another tier it only leads to what comes after. Conditions on the pod itself, names of ports
 * and Services go, because nobody knows them.
 */
export function atMost(policy: StoredPolicy): StoredPolicy {
  const opening = (rules: readonly PolicyRule[], own: 'source' | 'destination'): readonly PolicyRule[] =>
    rules.flatMap((rule): readonly PolicyRule[] => {
      const opens =
        rule.action === 'Allow' ||
        rule.unclear !== undefined ||
        (rule.action === 'Pass' && policy.tier === DEFAULT_TIER);
      if (!opens) return [];
      const ends = { source: widened(rule.source), destination: widened(rule.destination) };
      return [{ ...rule, ...ends, [own]: portsOf(rule[own]), action: 'Allow' }];
    });
  return {
    ...policy,
    ingress: opening(policy.ingress, 'destination'),
    egress: opening(policy.egress, 'source'),
  };
}

function widened(end: RuleEnd): RuleEnd {
  const { nets, notNets, selector, notSelector } = end;
  return {
    ...portsOf(end),
    nets,
    notNets,
    ...(selector !== undefined && { selector }),
    ...(notSelector !== undefined && { notSelector }),
  };
}

/** The numbers of ports, without anything about addresses. */
const portsOf = ({ ports, notPorts }: RuleEnd): RuleEnd => ({
  nets: [],
  notNets: [],
  ...(ports !== undefined && ports.names.length === 0 && { ports }),
  ...(notPorts !== undefined && notPorts.names.length === 0 && { notPorts }),
});

/**
 * True for a policy of the operator whose rules can be judged without knowing pods: names of ports only allow, and
 * nothing but an Allow for labels depends on the pod itself. An object that shares the pod's address could only add
 * to such an Allow.
 */
export const isJudgeable = (policy: StoredPolicy): boolean =>
  policy.ingress.every((rule) => isPlain(rule, rule.destination)) &&
  policy.egress.every((rule) => isPlain(rule, rule.source));

function isPlain({ action, source, destination }: PolicyRule, own: RuleEnd): boolean {
  const names = (which: 'ports' | 'notPorts'): number =>
    (source[which]?.names.length ?? 0) + (destination[which]?.names.length ?? 0);
  if (names('notPorts') > 0 || (action !== 'Allow' && names('ports') > 0)) return false;
  const isUnknown =
    own.nets.length + own.notNets.length > 0 || own.notSelector !== undefined || own.service !== undefined;
  return !isUnknown && (own.selector === undefined || action === 'Allow');
}
