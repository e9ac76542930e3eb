/**
 * Compiles one group of namespaces: its rules as flows, both sides of each, and only where a default deny
 * needs them.
 */
import type { EgressRule, IngressRule, LabelSelector, PortValue } from '../../api/schema.ts';
import type { Selector } from '../../calico/selector.ts';
import type { FlowEnd, EndMatch, MatchedEnd } from '../flows/flow-ends.ts';
import { everyPod, matchEnd, resolveEnd } from '../flows/flow-ends.ts';
import { labelledNodes } from '../flows/labelled-nodes.ts';
import { outsideOf, type Idle } from '../flows/outside-ends.ts';
import { podsOf, type PodsEnd } from '../flows/pods-of.ts';
import type { LocalFlow, LocalRules } from './same-namespace.ts';
import { connectionFlows, isolationFlow, localPolicies, localRules } from './same-namespace.ts';
import { DEFAULT_TIER, ORDER, ruleId } from '../names.ts';
import { nodePortPolicies, nodeAndHostPorts } from '../nodes/node-ports.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import {
  intersect,
  isEmpty,
  podSelectorText,
  policySelectors,
  refuseInexpressible,
  ruleSelectors,
} from '../namespaces/namespaces.ts';
import { globalPolicies, namespacedPolicies } from '../flows/policies.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import { located } from '../problems.ts';
import {
  anyEnd,
  canonicalRules,
  checkPorts,
  crossRules,
  matchParsedPorts,
  matchPorts,
  type PortMatch,
} from '../flows/rules.ts';
import type { GroupScope } from './group-scope.ts';
import { isSingleNamespace } from './group-scope.ts';
import { servicesOf } from './service-destinations.ts';
import type { DesiredObject } from '../types.ts';
import type { Port } from '../../net/ports.ts';

/** A rule with its direction, whichever list it is in. */
interface DirectedRule {
  readonly place: RulePlace;
  readonly order: number;
  readonly direction: 'ingress' | 'egress';
  readonly subject: Selector;
  readonly ends: readonly FlowEnd[];
  /** Flows to Services of the subject's own namespace, which differ from namespace to namespace. */
  readonly local: readonly LocalFlow[];
  /** The parts of entries that open nothing. */
  readonly idle: readonly Idle[];
  /** Further ends, which are needed at the subject only. */
  readonly viaNodes: readonly FlowEnd[];
  readonly ports: IngressRule['ports'];
  /** NodePorts and hostPorts, where nodes are policed. */
  readonly portsAtNodes: readonly PortValue[];
  /** The nodes at which these are open; absent: all. */
  readonly openAt: LabelSelector | undefined;
}

export function compileGroup(scope: GroupScope, collector: ProblemCollector): readonly DesiredObject[] {
  const local: LocalRules[] = [];
  const rules = directedRules(scope).toSorted(byRuleId);
  const objects = rules.flatMap(({ place, resolve }) =>
    collector.guard(place, () => {
      const rule = resolve();
      for (const { at, reason, message } of rule.idle) collector.warn(place, reason, message, at);
      warnOfNodes(rule, scope, collector);
      const made = [...subjectSide(rule, scope), ...peerSides(rule, scope), ...nodeSide(rule, scope)];
      const flows = [...sameNamespaceFlows(rule), ...rule.local];
      local.push(...flows.map((flow) => localRules(flow, scope)));
      return made;
    }),
  );
  const { group, place } = scope;
  for (const flow of [...isolationFlow(group, place), ...connectionFlows(group, place).toSorted(byRuleId)])
    local.push(...collector.guard(flow.place, () => [localRules(flow, scope)]));
  return [...objects, ...localPolicies(scope, local)];
}

/** An order that no manifest changes: it decides which rules a bound on the whole firewall leaves out. */
const byRuleId = (a: { readonly place: RulePlace }, b: { readonly place: RulePlace }): number =>
  a.place.id < b.place.id ? -1 : 1;

interface UnresolvedRule {
  readonly place: RulePlace;
  readonly resolve: () => DirectedRule;
}

function directedRules(scope: GroupScope): readonly UnresolvedRule[] {
  const { group, place } = scope;
  const listed = <R extends IngressRule | EgressRule>(
    list: 'ingress' | 'metrics' | 'egress',
    rules: readonly R[] | undefined,
    entries: (rule: R) => IngressRule['from'] | EgressRule['to'],
  ): readonly UnresolvedRule[] =>
    (rules ?? []).map((rule, index) => {
      const at: RulePlace = {
        firewall: place.firewall,
        id: ruleId(place.id, list, rule.name),
        path: `${place.path}.${list}[${String(index)}]`,
      };
      return {
        place: at,
        resolve: () => resolveRule(rule, entries(rule), { place: at, list, scope }),
      };
    });
  return [
    ...listed('ingress', group.ingress, (rule) => rule.from),
    ...listed('metrics', group.metrics, (rule) => rule.from),
    ...listed('egress', group.egress, (rule) => rule.to),
  ];
}

interface ResolveContext {
  readonly place: RulePlace;
  readonly list: 'ingress' | 'metrics' | 'egress';
  readonly scope: GroupScope;
}

function resolveRule(
  rule: IngressRule | EgressRule,
  entries: IngressRule['from'] | EgressRule['to'],
  { place, list, scope }: ResolveContext,
): DirectedRule {
  const { resolveScope, nodeFirewall } = scope;
  const direction = list === 'egress' ? 'egress' : 'ingress';
  const field = direction === 'egress' ? 'to' : 'from';
  const resolved = entries.map((entry, index) =>
    located(`.${field}[${String(index)}]`, () => resolveEnd(entry, resolveScope, true)),
  );
  if (direction === 'egress') checkPorts(rule.ports, resolved);
  const outside = outsideOf(resolved, field, resolveScope);
  const subject = podsOf(rule.pods, rule.serviceAccounts);
  const behind = servicesOf(outside.ends, scope);
  const local = behind.local.map((flow) => ({ ...flow, place, order: ORDER[list], from: subject }));
  const portsAtNodes = 'from' in rule ? nodeAndHostPorts(rule) : [];
  const openAt = 'from' in rule ? rule.openAt?.nodeSelector : undefined;
  // Traffic that enters by a NodePort of another node comes from that node's address.
  const viaNodes =
    nodeFirewall !== undefined && 'nodePorts' in rule
      ? [openAt === undefined ? resolveEnd({ entity: 'Nodes' }, resolveScope, true) : labelledNodes(openAt)]
      : [];
  return {
    place,
    order: ORDER[list],
    direction,
    subject,
    ends: behind.ends,
    local,
    idle: [...outside.idle, ...behind.idle],
    viaNodes,
    ports: rule.ports,
    portsAtNodes,
    openAt,
  };
}

function warnOfNodes(
  { place, portsAtNodes }: DirectedRule,
  { nodeFirewall }: GroupScope,
  collector: ProblemCollector,
): void {
  if (portsAtNodes.length === 0 || nodeFirewall !== undefined) return;
  collector.warn(
    place,
    'NoNodeFirewall',
    'nodePorts and hostPorts open the way in through nodes, but spec.nodes of the ClusterFirewall called default does not police nodes: they have no effect until it says Enforce or Observe',
  );
}

function nodeSide(
  rule: DirectedRule,
  { resolveScope, nodeFirewall, namespaces }: GroupScope,
): readonly DesiredObject[] {
  if (nodeFirewall === undefined) return [];
  return nodePortPolicies(
    { ...rule, ports: rule.portsAtNodes, namespaces: namespaces },
    resolveScope,
    nodeFirewall,
  );
}

/** In a NetworkPolicy, a notSelector would bind the rule to pods of its own namespace. */
const GLOBAL_ONLY: ReadonlySet<FlowEnd['kind']> = new Set(['world', 'internet', 'outside']);

const isMatched = (end: FlowEnd): end is MatchedEnd => end.kind !== 'samePods' && end.kind !== 'service';

const hasOwnPorts = (end: FlowEnd): end is PodsEnd & { readonly ports: readonly Port[] } =>
  end.kind === 'pods' && end.ports !== undefined;

/** The subject's side: the rule's own pods, in the direction of the list. */
function subjectSide(rule: DirectedRule, scope: GroupScope): readonly DesiredObject[] {
  const others = [...rule.ends, ...rule.viaNodes].filter(isMatched);
  if (!scope.enforcement.deny[rule.direction] || others.length === 0) return [];
  const [onOwnPorts, onThose] = [others.filter(hasOwnPorts), others.filter((end) => !hasOwnPorts(end))];
  const rules = allowRules(rule, rule.direction, [
    ...onOwnPorts.map((end) => ({ others: matchEnd(end), ports: matchParsedPorts(end.ports) })),
    ...(onThose.length === 0 ? [] : [{ others: onThose.flatMap(matchEnd), ports: matchPorts(rule.ports) }]),
  ]);
  if (isSingleNamespace(scope.group) && !others.some(({ kind }) => GLOBAL_ONLY.has(kind))) {
    return scope.members.flatMap(({ namespace, isStaged }) =>
      namespacedPolicies(
        { ...policyPartsOf(rule, scope, isStaged), ...inDirection(rule.direction, rules) },
        namespace.name,
        podSelectorText(rule.subject),
      ),
    );
  }
  return enforcedAndStaged(scope, (namespaceSets, isStaged) =>
    globalPolicies(
      { ...policyPartsOf(rule, scope, isStaged), ...inDirection(rule.direction, rules) },
      namespaceSets.flatMap((namespaces) => policySelectors(namespaces, rule.subject)),
    ),
  );
}

function enforcedAndStaged(
  scope: GroupScope,
  make: (namespaceSets: readonly NamespaceSet[], isStaged: boolean) => readonly DesiredObject[],
): readonly DesiredObject[] {
  [...scope.enforced, ...scope.observed].forEach(refuseInexpressible);
  return [...make(scope.enforced, false), ...make(scope.observed, true)];
}

/**
 * The peer's side, where the peer is pods under a default deny. It is left out elsewhere, because an allow
 * selects its pods, and Calico isolates the pods that it selects (calico.md, end of tier).
 */
function peerSides(rule: DirectedRule, scope: GroupScope): readonly DesiredObject[] {
  const direction = rule.direction === 'ingress' ? 'egress' : 'ingress';
  if (!scope.enforcement.deny[direction]) return [];
  // Exempt ones too: the peer's own deny would refuse the way to them and from them.
  const subject = ruleSelectors(scope.meant, rule.subject).map((entity) => ({ entity }));
  const rulesOn = (ports: readonly PortMatch[]) => allowRules(rule, direction, [{ others: subject, ports }]);
  let shared: ReturnType<typeof allowRules> | undefined;
  const peerEnds = new Map(
    rule.ends.flatMap((end) => {
      const pods = end.kind === 'everyone' ? everyPod : end;
      return pods.kind === 'pods' ? [[pods.tag, pods] as const] : [];
    }),
  );
  const side = rule.direction === 'ingress' ? 'from' : 'to';
  const { enforced, observed } = scope.enforcement;
  return [...peerEnds.values()].flatMap((end) => {
    const within = (namespaceSets: readonly NamespaceSet[]) =>
      namespaceSets
        .map((namespaces) => intersect(end.namespaces, namespaces))
        .filter((namespaces) => !isEmpty(namespaces));
    const [enforcedPeers, observedPeers] = [within(enforced), within(observed)];
    [...enforcedPeers, ...observedPeers].forEach(refuseInexpressible);
    const rules =
      end.ports === undefined
        ? (shared ??= rulesOn(matchPorts(rule.ports)))
        : rulesOn(matchParsedPorts(end.ports));
    const make = (namespaceSets: readonly NamespaceSet[], isStaged: boolean) =>
      globalPolicies(
        {
          ...policyPartsOf(rule, scope, isStaged),
          variant: `${side}-${end.tag}`,
          ...inDirection(direction, rules),
        },
        namespaceSets.flatMap((namespaces) => policySelectors(namespaces, end.pods)),
      );
    return scope.isStagedOnly
      ? make([...enforcedPeers, ...observedPeers], true)
      : [...make(enforcedPeers, false), ...make(observedPeers, true)];
  });
}

const allowRules = (
  rule: DirectedRule,
  direction: 'ingress' | 'egress',
  parts: readonly { readonly others: readonly EndMatch[]; readonly ports: readonly PortMatch[] }[],
) =>
  canonicalRules(
    parts.flatMap(({ others, ports }) =>
      crossRules({
        id: rule.place.id,
        action: 'Allow',
        sources: direction === 'ingress' ? others : anyEnd,
        destinations: direction === 'ingress' ? anyEnd : others,
        ports,
      }),
    ),
  );

const inDirection = (direction: 'ingress' | 'egress', rules: ReturnType<typeof allowRules>) =>
  direction === 'ingress'
    ? ({ types: ['Ingress'], ingress: rules } as const)
    : ({ types: ['Egress'], egress: rules } as const);

const policyPartsOf = (rule: DirectedRule, scope: GroupScope, isStaged: boolean) =>
  ({
    firewall: scope.place.firewall,
    id: rule.place.id,
    rules: [rule.place.id],
    isStaged,
    tier: DEFAULT_TIER,
    order: rule.order,
  }) as const;

function sameNamespaceFlows(rule: DirectedRule): readonly LocalFlow[] {
  return rule.ends.flatMap((end) => {
    if (end.kind !== 'samePods') return [];
    const [from, to] = rule.direction === 'ingress' ? [end.pods, rule.subject] : [rule.subject, end.pods];
    return [
      {
        place: rule.place,
        order: rule.order,
        from,
        to,
        ports: matchPorts(rule.ports),
        isForEveryMember: true,
      },
    ];
  });
}
