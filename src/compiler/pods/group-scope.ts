/** Prepares groups for compilation: which namespaces they mean, and how each of those is treated. */
import type { ClusterFirewall, Group, RuleDestination, RuleSource } from '../../api/schema.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { ResolveScope } from '../flows/flow-ends.ts';
import { ruleId } from '../names.ts';
import type { NodeFirewall } from '../nodes/node-firewall.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import { complement, intersect, isEmpty, includesNamespace } from '../namespaces/namespaces.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import { groupNamespaces, knownNamespaces, type ExemptBy } from '../namespaces/enforcement.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory, NamespaceInfo } from '../../inventory/types.ts';

export interface GroupScope {
  readonly group: Group;
  readonly place: RulePlace;
  readonly resolveScope: ResolveScope;
  /** Undefined where nodes are not policed. */
  readonly nodeFirewall: NodeFirewall | undefined;
  readonly enforcement: Enforcement;
  /** The whole firewall observes. Both sides of its rules are staged, whatever the mode at the peer. */
  readonly isStagedOnly: boolean;
  /** All namespaces that the group means. */
  readonly meant: NamespaceSet;
  /** Those of them that are not exempt. */
  readonly namespaces: NamespaceSet;
  /** The parts of `namespaces` where its rules are enforced, and where they are staged. */
  readonly enforced: readonly NamespaceSet[];
  readonly observed: readonly NamespaceSet[];
  /** The cluster's namespaces that are in `namespaces`. A NetworkPolicy has to be put into one of them. */
  readonly members: readonly GroupMember[];
}

export interface GroupMember {
  readonly namespace: NamespaceInfo;
  readonly isStaged: boolean;
  /** True where isolation: SameNamespace is effective, because no group with this namespace says Strict. */
  readonly isOpenWithin: boolean;
}

/**
 * A group of one named namespace gets NetworkPolicies in that namespace, because its users look for them
 * there.
 */
export const isSingleNamespace = (group: Group): boolean => group.namespaces?.length === 1;

interface GroupContext {
  readonly firewall: ClusterFirewall;
  readonly enforcement: Enforcement;
  readonly inventory: Inventory;
  readonly resolveScope: ResolveScope;
  readonly nodeFirewall: NodeFirewall | undefined;
  readonly collector: ProblemCollector;
}

export function groupScopes(context: GroupContext): readonly GroupScope[] {
  const groups = context.firewall.spec.namespaces ?? [];
  const strict = groups.filter((group) => group.isolation === 'Strict').map(groupNamespaces);
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
  { firewall, enforcement, inventory, resolveScope, nodeFirewall }: GroupContext,
): GroupScope {
  const meant = groupNamespaces(group);
  const namespaces = complement(meant, enforcement.exempt);
  const isStagedOnly = firewall.metadata.name !== DEFAULT_FIREWALL && firewall.spec.mode === 'Observe';
  const members = knownNamespaces(inventory, [namespaces])
    .filter((namespace) => includesNamespace(namespaces, namespace))
    .map((namespace) => ({
      namespace,
      isStaged: isStagedOnly || enforcement.modeOf(namespace) === 'observed',
      isOpenWithin:
        group.isolation === 'SameNamespace' && !strict.some((other) => includesNamespace(other, namespace)),
    }));
  return {
    group,
    place,
    resolveScope,
    nodeFirewall,
    enforcement,
    isStagedOnly,
    meant,
    namespaces,
    members,
    ...parts(group, namespaces, { firewall, enforcement }),
  };
}

/** In the firewall called default, groups decide on the mode of their namespaces. */
function parts(
  group: Group,
  namespaces: NamespaceSet,
  { firewall, enforcement }: Pick<GroupContext, 'firewall' | 'enforcement'>,
): Pick<GroupScope, 'enforced' | 'observed'> {
  const some = (namespaceSets: readonly NamespaceSet[]) => namespaceSets.filter((each) => !isEmpty(each));
  if (firewall.metadata.name !== DEFAULT_FIREWALL) {
    if (firewall.spec.mode === 'Observe') return { enforced: [], observed: some([namespaces]) };
    return {
      enforced: some(enforcement.enforced.map((each) => intersect(namespaces, each))),
      observed: some(enforcement.observed.map((each) => intersect(namespaces, each))),
    };
  }
  if (group.mode === 'Enforce') return { enforced: some([namespaces]), observed: [] };
  const inGroup = (sets: readonly NamespaceSet[]) => some(sets.map((each) => intersect(namespaces, each)));
  if (firewall.spec.mode === 'Observe' || group.mode === 'Observe') {
    return {
      enforced: inGroup(enforcement.enforcing),
      observed: some([complement(namespaces, enforcement.enforcing)]),
    };
  }
  return {
    enforced: some([complement(namespaces, enforcement.observed)]),
    observed: inGroup(enforcement.observed),
  };
}

const REMEDY: Readonly<Record<ExemptBy, string>> = {
  operator: 'the operator’s own namespace is always exempt',
  names: 'to close it, remove it from spec.defaults.exempt.names',
  namespaceSelector: 'to close it, remove the label that spec.defaults.exempt.namespaceSelector asks for',
  systemNamespaces:
    'to close it, write systemNamespaces: None in spec.defaults.exempt, and the other system namespaces in its names',
};

/** A longer list is one warning, because a spec may have room for 100,000 names. */
const MOST_MISSING = 20;

function warnOfNamespaces(
  { group, place, namespaces, members, enforcement }: GroupScope,
  { inventory, collector }: GroupContext,
): void {
  for (const [index, name] of (group.namespaces ?? []).entries()) {
    const by = enforcement.exemptBy(name);
    if (by === undefined) continue;
    collector.warn(
      place,
      'ExemptNamespace',
      `namespace "${name}" is exempt: nothing is closed there, so this group's rules are written only for pods of other namespaces at their other end, and at nodes for nodePorts and hostPorts; ${REMEDY[by]}`,
      `.namespaces[${String(index)}]`,
    );
  }
  if (inventory.namespaces === UNKNOWN) {
    if (group.namespaces === undefined && needsMembers(group)) {
      collector.warn(
        place,
        'NamespacesUnknown',
        'has rules inside one namespace, which need a NetworkPolicy in each: the cluster’s namespaces are not known, so they are not shown',
        selectedBy(group),
      );
    }
    return;
  }
  const known = new Set(inventory.namespaces.map(({ name }) => name));
  const missing = [...(group.namespaces ?? []).entries()].filter(
    ([, name]) => !known.has(name) && enforcement.exemptBy(name) === undefined,
  );
  const [first] = missing;
  if (first !== undefined && missing.length > MOST_MISSING)
    collector.warn(
      place,
      'NamespaceNotFound',
      `${String(missing.length)} of these namespaces do not exist yet, "${first[1]}" among them; their objects are created once they do`,
      '.namespaces',
    );
  else
    for (const [index, name] of missing)
      collector.warn(
        place,
        'NamespaceNotFound',
        `namespace "${name}" does not exist yet; its objects are created once it does`,
        `.namespaces[${String(index)}]`,
      );
  if (group.namespaces === undefined && members.length === 0 && !isEmpty(namespaces)) {
    collector.warn(place, 'NoNamespaceMatches', 'matches no namespace yet', selectedBy(group));
  }
}

const selectedBy = ({ everyNamespace }: Group): string =>
  everyNamespace === true ? '.everyNamespace' : '.namespaceSelector';

const needsMembers = (group: Group): boolean =>
  group.isolation === 'SameNamespace' ||
  group.connections !== undefined ||
  [...(group.ingress ?? []), ...(group.metrics ?? [])].some((rule) => rule.from.some(isLocal)) ||
  (group.egress ?? []).some((rule) => rule.to.some(isLocal));

const isLocal = (end: RuleSource | RuleDestination): boolean =>
  end.entity === 'SameNamespace' ||
  (end.pods !== undefined && end.pods.namespaceSelector === undefined) ||
  ('service' in end && end.service !== undefined && end.service.namespace === undefined);
