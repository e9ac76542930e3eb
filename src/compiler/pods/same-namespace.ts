/**
 * Flows that stay inside one namespace. A GlobalNetworkPolicy cannot express "the same namespace", so they
 * become NetworkPolicies. These are the only objects whose number grows with the number of namespaces, so a
 * whole group shares one in each.
 */
import type { Group } from '../../api/schema.ts';
import { all, or, printSelector } from '../../calico/selector.ts';
import type { Selector } from '../../calico/selector.ts';
import { MAX_SELECTOR } from '../../calico/limits.ts';
import type { PolicyType, Rule } from '../../calico/types.ts';
import type { EndMatch } from '../flows/flow-ends.ts';
import { podsOf } from '../flows/pods-of.ts';
import { chargeCopies, sumOf } from '../meter.ts';
import { DEFAULT_TIER, ORDER, ruleId, type RuleId } from '../names.ts';
import { localRuleSelector, sortedUnique } from '../namespaces/namespaces.ts';
import { namespacedPolicies } from '../flows/policies.ts';
import type { RulePlace } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import type { PortMatch, RuleParts } from '../flows/rules.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts, sizeOfCross } from '../flows/rules.ts';
import type { GroupMember, GroupScope } from './group-scope.ts';
import { isSingleNamespace } from './group-scope.ts';
import type { DesiredObject } from '../types.ts';

export interface LocalFlow {
  readonly place: RulePlace;
  readonly order: number;
  readonly from: Selector;
  readonly to: Selector;
  readonly ports: readonly PortMatch[];
  /** The only namespace that it is in; absent: every one of the group. */
  readonly only?: string;
  /** False for isolation: SameNamespace, which a Strict group over the same namespace overrides. */
  readonly isForEveryMember: boolean;
}

export const connectionFlows = (group: Group, place: RulePlace): readonly LocalFlow[] =>
  (group.connections ?? []).map((rule, index) => ({
    place: {
      firewall: place.firewall,
      id: ruleId(place.id, 'connections', rule.name),
      path: `${place.path}.connections[${String(index)}]`,
    },
    order: ORDER.connections,
    from: podsOf(rule.fromPods, rule.fromServiceAccounts),
    to: podsOf(rule.toPods, rule.toServiceAccounts),
    ports: matchPorts(rule.ports),
    isForEveryMember: true,
  }));

export const isolationFlow = (group: Group, place: RulePlace): readonly LocalFlow[] =>
  group.isolation === 'SameNamespace'
    ? [
        {
          place: {
            firewall: place.firewall,
            id: ruleId(place.id, 'isolation', 'SameNamespace'),
            path: `${place.path}.isolation`,
          },
          order: ORDER.local,
          from: all(),
          to: all(),
          ports: matchPorts(['All']),
          isForEveryMember: false,
        },
      ]
    : [];

export interface LocalRules {
  readonly flow: LocalFlow;
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

/** The rules of a flow, which a policy in each of its namespaces repeats. */
export function localRules(flow: LocalFlow, { group, members, enforcement }: GroupScope): LocalRules {
  const { ingress, egress } = localParts(flow, enforcement.deny);
  const size = sumOf([...ingress, ...egress].map(sizeOfCross));
  chargeCopies(isSingleNamespace(group) ? 1 : 0, (flow.only === undefined ? members.length : 1) * size);
  const made = (parts: readonly RuleParts[]) => canonicalRules(parts.flatMap(crossRules));
  return { flow, ingress: made(ingress), egress: made(egress) };
}

export function localPolicies(scope: GroupScope, byRule: readonly LocalRules[]): readonly DesiredObject[] {
  const { deny } = scope.enforcement;
  if (!deny.ingress && !deny.egress) return [];
  const isSingle = isSingleNamespace(scope.group);
  // Joined once for all namespaces: there may be thousands.
  const common = byRule.filter(({ flow }) => flow.only === undefined);
  const byNamespace = Map.groupBy(
    byRule.filter(({ flow }) => flow.only !== undefined),
    ({ flow }) => flow.only,
  );
  const strict = joined(common.filter(({ flow }) => flow.isForEveryMember));
  const open = joined(common);
  return scope.members.flatMap((member) => {
    const shared = member.isOpenWithin ? open : strict;
    const own = byNamespace.get(member.namespace.name);
    const here = own === undefined ? shared : joined([...shared.rules, ...own]);
    if (here.rules.length === 0) return [];
    return isSingle
      ? groupByRule(here.rules).flatMap((one) => ruleObject(one, member, scope))
      : together(here, member, scope);
  });
}

function localParts({ place, from, to, ports }: LocalFlow, deny: Enforcement['deny']) {
  const allow = (sources: readonly EndMatch[], destinations: readonly EndMatch[]): readonly RuleParts[] => [
    { id: place.id, action: 'Allow', sources, destinations, ports },
  ];
  // The policy's own end is left out where it is every pod that the policy selects.
  const own = (pods: Selector): readonly EndMatch[] => (pods.kind === 'all' ? anyEnd : localEnd(pods));
  return {
    ingress: deny.ingress ? allow(localEnd(from), own(to)) : [],
    egress: deny.egress ? allow(own(from), localEnd(to)) : [],
  };
}

const localEnd = (pods: Selector): readonly EndMatch[] => [{ entity: { selector: localRuleSelector(pods) } }];

/** A rule with several `from` entries has several flows. */
function groupByRule(rules: readonly LocalRules[]): readonly (readonly LocalRules[])[] {
  const byId = new Map<string, LocalRules[]>();
  for (const each of rules) byId.set(each.flow.place.id, [...(byId.get(each.flow.place.id) ?? []), each]);
  return [...byId.values()];
}

function ruleObject(
  rules: readonly LocalRules[],
  member: GroupMember,
  scope: GroupScope,
): readonly DesiredObject[] {
  const flow = rules[0]?.flow;
  if (flow === undefined) return [];
  const subjects = printSelector(or(...rules.flatMap((each) => [each.flow.from, each.flow.to])));
  const variant = flow.order === ORDER.connections || flow.order === ORDER.local ? '' : 'same-namespace';
  return object(joined(rules), member, scope, { id: flow.place.id, variant, order: flow.order, subjects });
}

interface Joined extends Omit<LocalRules, 'flow'> {
  readonly rules: readonly LocalRules[];
  readonly ids: readonly RuleId[];
}

const joined = (rules: readonly LocalRules[]): Joined => ({
  rules,
  ids: sortedUnique(rules.map((each) => each.flow.place.id)),
  ingress: canonicalRules(rules.flatMap((each) => each.ingress)),
  egress: canonicalRules(rules.flatMap((each) => each.egress)),
});

const together = (rules: Joined, member: GroupMember, scope: GroupScope): readonly DesiredObject[] =>
  object(rules, member, scope, {
    id: scope.place.id,
    variant: 'same-namespace',
    order: ORDER.local,
    subjects: printSelector(all()),
  });

interface LocalName {
  readonly id: RuleId;
  readonly variant: string;
  readonly order: number;
  readonly subjects: string;
}

function object(
  { ids, ingress, egress }: Joined,
  { namespace, isStaged }: GroupMember,
  { place, enforcement }: GroupScope,
  { id, variant, order, subjects }: LocalName,
): readonly DesiredObject[] {
  return namespacedPolicies(
    {
      firewall: place.firewall,
      id,
      variant,
      rules: ids,
      isStaged,
      tier: DEFAULT_TIER,
      order,
      types: policyTypes(enforcement.deny),
      ...(ingress.length === 0 ? {} : { ingress }),
      ...(egress.length === 0 ? {} : { egress }),
    },
    namespace.name,
    // Every pod of the namespace is under the default deny anyway, so selecting more of them isolates nobody.
    subjects.length <= MAX_SELECTOR ? subjects : printSelector(all()),
  );
}

const policyTypes = (deny: Enforcement['deny']): readonly PolicyType[] => [
  ...(deny.ingress ? (['Ingress'] as const) : []),
  ...(deny.egress ? (['Egress'] as const) : []),
];
