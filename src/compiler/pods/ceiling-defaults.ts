/** The traffic that ceilings leave alone unless they say Judged: DNS at both ends, and the calls of and to the API server. */
import { all } from '../../calico/selector.ts';
import { matchEnd } from '../flows/flow-ends.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import { ruleId, TIER_POLICY_ORDER } from '../names.ts';
import { intersect } from '../namespaces/namespaces.ts';
import type { RulePlace } from '../problems.ts';
import type { DesiredObject } from '../types.ts';
import { apiServerPasses } from './api-server-to-pods.ts';
import { leavesDefaults } from './ceilings.ts';
import { dnsRules } from './dns.ts';
import { tierPolicies, type DefaultsContext } from './guardrail-policies.ts';

/**
 * They leave the tier before those ceilings. The id is that of the tier's last pass, because both have to be there
 * before any guardrail comes, and to stay until the last one is gone.
 */
export function passDefaults(context: DefaultsContext): readonly DesiredObject[] {
  const { firewall, enforcement } = context;
  if (!(firewall.spec.guardrails ?? []).some(leavesDefaults)) return [];
  const id = ruleId(firewall.metadata.name, 'defaults', 'pass');
  const place: RulePlace = { firewall: firewall.metadata.name, id, path: 'spec.defaults' };
  const dns = dnsRules(place, context, 'Pass');
  const apiServer =
    firewall.spec.defaults?.podsToAPIServer === 'Allow'
      ? crossRules({
          id,
          action: 'Pass',
          sources: anyEnd,
          destinations: matchEnd({ kind: 'kubeAPIServer' }),
          ports: matchPorts(['All']),
        })
      : [];
  const order = TIER_POLICY_ORDER.passDefaults;
  return [
    ...(enforcement.deny.egress ? [] : [dns.set]),
    ...tierPolicies(context, {
      id,
      variant: 'clients',
      order,
      direction: 'egress',
      rules: canonicalRules([...dns.clients, ...apiServer]),
      select: (namespaces) => namespaces,
      pods: all(),
    }),
    ...tierPolicies(context, {
      id,
      variant: 'dns',
      order,
      direction: 'ingress',
      rules: canonicalRules(dns.servers),
      select: (namespaces) => intersect(dns.server.namespaces, namespaces),
      pods: dns.server.pods,
    }),
    ...apiServerPasses(place, context).flatMap(({ variant, namespaces: called, pods, rules }) =>
      tierPolicies(context, {
        id,
        variant,
        order,
        direction: 'ingress',
        rules,
        select: (namespaces) => intersect(called, namespaces),
        pods,
      }),
    ),
  ];
}
