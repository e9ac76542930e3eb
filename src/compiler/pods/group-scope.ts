/** Groups made ready to compile: which namespaces they mean and how each of those is treated. */
import type { ClusterFirewall, Group, RuleDestination, RuleSource } from '../../api/schema.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { ResolveScope } from '../flows/flow-ends.ts';
import { ruleId } from '../names.ts';
import type { NodeFirewall } from '../nodes/node-firewall.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import { intersect, isEmpty, matchesTerm, namedNamespaces, without } from '../namespaces/namespaces.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import { effectiveMode, groupTerm, knownNamespaces } from '../namespaces/enforcement.ts';
import type { Inventory, NamespaceInfo } from '../../inventory/types.ts';

export interface GroupScope {
  readonly group: Group;
  readonly place: RulePlace;
  readonly ends: ResolveScope;
  /** Undefined where nodes are left alone. */
  readonly hosts: NodeFirewall | undefined;
  readonly regime: Enforcement;
  /** The whole firewall observes: both halves of its rules are staged, whatever stands at the far end. */
  readonly stagedOnly: boolean;
  /** The group's namespaces without exempt ones. */
  readonly term: NamespaceSet;
  /** Parts of `term` where its rules are in force, and where they are staged. */
  readonly enforced: readonly NamespaceSet[];
  readonly observed: readonly NamespaceSet[];
  /** Namespaces of the cluster that are in `term`: a NetworkPolicy needs one to be put into. */
  readonly members: readonly GroupMember[];
}

export interface GroupMember {
  readonly namespace: NamespaceInfo;
  readonly staged: boolean;
  /** Whether isolation: SameNamespace holds here: no Strict group has this namespace too. */
  readonly open: boolean;
}

/** A group of one named namespace gets NetworkPolicies there, where its people look for them. */
export const isSingleNamespace = (group: Group): boolean => group.namespaces?.length === 1;

interface Context {
  readonly firewall: ClusterFirewall;
  readonly regime: Enforcement;
  readonly inventory: Inventory;
  readonly ends: ResolveScope;
  readonly hosts: NodeFirewall | undefined;
  readonly findings: ProblemCollector;
}

export function groupScopes(context: Context): readonly GroupScope[] {
  const groups = context.firewall.spec.namespaces ?? [];
  const strict = groups.filter((group) => group.isolation !== 'SameNamespace').map(groupTerm);
  return groups.map((group, index) => {
    const name = context.firewall.metadata.name;
    const place = { firewall: name, id: ruleId(name, group.name), path: `spec.namespaces[${String(index)}]` };
    const scope = groupScope(group, place, strict, context);
    warnOfNamespaces(scope, context);
    return scope;
  });
}

function groupScope(
  group: Group,
  place: RulePlace,
  strict: readonly NamespaceSet[],
  { firewall, regime, inventory, ends, hosts }: Context,
): GroupScope {
  const term = without(groupTerm(group), regime.exempt);
  const stagedOnly = firewall.metadata.name !== DEFAULT_FIREWALL && firewall.spec.mode === 'Observe';
  const members = knownNamespaces(inventory, [term])
    .filter((namespace) => matchesTerm(term, namespace))
    .map((namespace) => ({
      namespace,
      staged: stagedOnly || regime.standing(namespace) === 'observed',
      open: group.isolation === 'SameNamespace' && !strict.some((other) => matchesTerm(other, namespace)),
    }));
  return {
    group,
    place,
    ends,
    hosts,
    regime,
    stagedOnly,
    term,
    members,
    ...parts(group, term, { firewall, regime }),
  };
}

/** Of the firewall called default a group's mode is its namespaces' mode, save where two groups disagree. */
function parts(
  group: Group,
  term: NamespaceSet,
  { firewall, regime }: Pick<Context, 'firewall' | 'regime'>,
): Pick<GroupScope, 'enforced' | 'observed'> {
  const some = (terms: readonly NamespaceSet[]) => terms.filter((each) => !isEmpty(each));
  if (firewall.metadata.name !== DEFAULT_FIREWALL) {
    if (firewall.spec.mode === 'Observe') return { enforced: [], observed: some([term]) };
    return {
      enforced: some(regime.enforced.map((each) => intersect(term, each))),
      observed: some(regime.observed.map((each) => intersect(term, each))),
    };
  }
  if (effectiveMode(firewall, group) === 'Enforce') return { enforced: some([term]), observed: [] };
  return {
    enforced: some(regime.contested.length === 0 ? [] : [intersect(term, namedNamespaces(regime.contested))]),
    observed: some([without(term, regime.contested)]),
  };
}

function warnOfNamespaces(
  { group, place, term, members, regime }: GroupScope,
  { inventory, findings }: Context,
): void {
  const exempt = (group.namespaces ?? []).filter((name) => regime.exempt.includes(name));
  for (const name of exempt) {
    findings.problem(
      place,
      'ExemptNamespace',
      `namespace "${name}" is exempt, so this group does nothing there: take it out of the group, or out of spec.defaults.exempt`,
      `.namespaces[${String(group.namespaces?.indexOf(name))}]`,
    );
  }
  if (inventory.namespaces === undefined) {
    if (group.namespaces === undefined && needsMembers(group)) {
      findings.warn(
        place,
        'NamespacesUnknown',
        'has rules inside one namespace, which take a NetworkPolicy in each: without the cluster’s namespaces they are not shown',
        '.namespaceSelector',
      );
    }
    return;
  }
  const known = new Set(inventory.namespaces.map(({ name }) => name));
  for (const [index, name] of (group.namespaces ?? []).entries()) {
    if (known.has(name) || regime.exempt.includes(name)) continue;
    findings.warn(
      place,
      'NamespaceNotFound',
      `namespace "${name}" does not exist yet; what belongs into it is made once it does`,
      `.namespaces[${String(index)}]`,
    );
  }
  if (group.namespaces === undefined && members.length === 0 && !isEmpty(term)) {
    findings.warn(place, 'NoNamespaceMatches', 'matches no namespace yet', '.namespaceSelector');
  }
}

const needsMembers = (group: Group): boolean =>
  group.isolation === 'SameNamespace' ||
  group.connections !== undefined ||
  [...(group.ingress ?? []), ...(group.metrics ?? [])].some((rule) => rule.from.some(isLocal)) ||
  (group.egress ?? []).some((rule) => rule.to.some(isLocal));

const isLocal = (end: RuleSource | RuleDestination): boolean =>
  end.entity === 'SameNamespace' || (end.pods !== undefined && end.pods.namespaceSelector === undefined);
