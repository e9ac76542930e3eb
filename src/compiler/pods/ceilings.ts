/**
 * Guardrails with onlyTo or onlyFrom: on their ports, everything but the named ends is refused. They are denies with
 * negations, never a Pass, which would skip the guardrails behind it. All named ends are in one negation, because
 * two that each leave out one half would leave out nobody.
 */
import type { CeilingDestination, CeilingSource, Guardrail } from '../../api/schema.ts';
import { LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import { chunk, MAX_NETS } from '../../calico/limits.ts';
import { and, eq, has, not, or, type Selector } from '../../calico/selector.ts';
import { knownOr, UNKNOWN } from '../../inventory/known.ts';
import type { NamespaceInfo } from '../../inventory/types.ts';
import { type Cidr, formatCidr, parseAddress, subtractCidrs, unionCidrs } from '../../net/cidr.ts';
import { NOT_INTERNET } from '../../net/internet.ts';
import { parsePort } from '../../net/ports.ts';
import type { EndMatch, FlowEnd } from '../flows/flow-ends.ts';
import { matchEnd, resolveEnd } from '../flows/flow-ends.ts';
import { nodesWith } from '../flows/labelled-nodes.ts';
import { outsideOf } from '../flows/outside-ends.ts';
import { podsOf, selectorOf } from '../flows/pods-of.ts';
import { keepingLost, networkSet } from '../flows/sets.ts';
import {
  API_SERVER_SET_VALUE,
  CONTROL_PLANE_SET_VALUE,
  isSet,
  NODE_SET_VALUE,
  OTHER_NODES,
  ruleId,
  TIER_POLICY_ORDER,
} from '../names.ts';
import { knownNamespaces } from '../namespaces/enforcement.ts';
import {
  includesNamespace,
  intersect,
  namedNamespaces,
  namespacesFromLabels,
  podSelectorText,
} from '../namespaces/namespaces.ts';
import { located, RuleProblem, type ProblemCollector, type RulePlace } from '../problems.ts';
import type { DesiredObject } from '../types.ts';
import { denies, tierPolicies, type DefaultsContext } from './guardrail-policies.ts';

type Entry = CeilingDestination | CeilingSource;

/** @throws RuleProblem when one of its ends has a problem: without it, the ceiling would refuse more */
export function ceiling(
  guardrail: Guardrail,
  place: RulePlace,
  context: DefaultsContext,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  const { onlyTo, onlyFrom, ports, pods, defaults } = guardrail;
  const [field, direction] =
    onlyTo === undefined ? (['onlyFrom', 'ingress'] as const) : (['onlyTo', 'egress'] as const);
  const { ends, idle } = endsOf(onlyTo ?? onlyFrom ?? [], field, context);
  for (const { at, reason, message } of idle) collector.warn(place, reason, message, at);
  if (direction === 'egress') refuseNames(ports);
  const subjects = namespacesFromLabels(pods.namespaceSelector ?? {});
  const others = otherNodes(guardrail.name, ends, context);
  const policies = (namespace: string | undefined) =>
    tierPolicies(context, {
      id: place.id,
      ...(namespace === undefined ? {} : { variant: namespace }),
      order: defaults === 'Judged' ? TIER_POLICY_ORDER.judging : TIER_POLICY_ORDER.ceiling,
      direction,
      rules: denies(place.id, direction, refusedEnds(ends, namespace, others?.value), ports),
      select: (namespaces) =>
        intersect(
          namespace === undefined ? namespaces : intersect(namespaces, namedNamespaces([namespace])),
          subjects,
        ),
      pods: podsOf(pods.podSelector, pods.serviceAccounts),
    });
  const made = ends.some(({ kind }) => kind === 'samePods')
    ? members(context, place, collector)
        .filter((each) => includesNamespace(subjects, each))
        .flatMap(({ name }) => policies(name))
    : policies(undefined);
  return [...(others === undefined ? [] : [others.set]), ...made];
}

function endsOf(entries: readonly Entry[], field: 'onlyTo' | 'onlyFrom', { resolveScope }: DefaultsContext) {
  const resolved = entries.map((entry, index) =>
    located(`.${field}[${String(index)}]`, () => {
      if (entry.entity === 'KubeAPIServer' && isNobody(resolveScope.nodeAddresses.apiServer))
        throw new RuleProblem(
          'EntityUnresolved',
          'no endpoint of the API server is known: check that the operator may list the EndpointSlices of namespace default',
          '.entity',
        );
      return resolveEnd(entry, resolveScope, false);
    }),
  );
  return outsideOf(resolved, field, resolveScope);
}

const isNobody = (addresses: unknown): boolean => Array.isArray(addresses) && addresses.length === 0;

/** A name means the ports of certain pods, and a ceiling is about whoever it does not name. */
function refuseNames(ports: Guardrail['ports']): void {
  const named = ports.map(parsePort).find((port) => port.kind === 'named');
  if (named !== undefined)
    throw new RuleProblem(
      'NamedPortNeedsPods',
      `port "${named.name}" is a name, and what onlyTo refuses is not only pods: write its number`,
      '.ports',
    );
}

/** The namespaces that have a policy of their own, because SameNamespace differs from one to another. */
function members(
  { enforcement, inventory }: DefaultsContext,
  place: RulePlace,
  collector: ProblemCollector,
): readonly NamespaceInfo[] {
  if (inventory.namespaces === UNKNOWN)
    collector.warn(
      place,
      'NamespacesUnknown',
      'needs a policy for each namespace: the cluster’s namespaces are not known, so they are not shown',
    );
  return knownNamespaces(inventory, []).filter((each) => enforcement.modeOf(each) !== 'exempt');
}

const IS_POD = has(LABEL_ORCHESTRATOR);
const REAL_POD = eq(LABEL_ORCHESTRATOR, 'k8s');
const inGlobalSet = (value: string): Selector => and(isSet(value), not(has(LABEL_NAMESPACE)));

/** The value of the set that an end means, if it does. */
function setOf(end: FlowEnd): string | undefined {
  if (end.kind === 'set' || end.kind === 'labelledNodes') return end.value;
  return end.kind === 'kubeAPIServer' ? API_SERVER_SET_VALUE : undefined;
}

function podsIn(end: FlowEnd, namespace: string | undefined): Selector | undefined {
  if (end.kind === 'pods') return and(REAL_POD, selectorOf(end));
  if (end.kind !== 'samePods') return undefined;
  return and(REAL_POD, end.pods, ...(namespace === undefined ? [] : [eq(LABEL_NAMESPACE, namespace)]));
}

const given = <T>(values: readonly (T | undefined)[]): readonly T[] =>
  values.filter((value): value is T => value !== undefined);

/**
 * Everything that is none of the ends. Where addresses are among them, pods and nodes are refused on their own, because an
 * address in what allows never means one.
 */
function refusedEnds(
  ends: readonly FlowEnd[],
  namespace: string | undefined,
  others: string | undefined,
): readonly EndMatch[] {
  const nets = unionCidrs(ends.flatMap((end) => (end.kind === 'outside' ? end.nets : [])));
  const has = (kind: FlowEnd['kind']): boolean => ends.some((end) => end.kind === kind);
  const pods = given(ends.map((end) => podsIn(end, namespace)));
  const sets = given(ends.map(setOf));
  const named = [...pods, ...sets.map(inGlobalSet)];
  const butNamed = named.length === 0 ? {} : { notSelector: podSelectorText(or(...named)) };
  if (nets.length === 0 && !has('world') && !has('internet')) return [{ entity: butNamed }];
  const strangers = has('world')
    ? []
    : ([4, 6] as const).flatMap((family) => outside(family, nets, has('internet'), butNamed));
  const isPodMeant = pods.some((each) => each === REAL_POD || each.kind === 'all');
  const otherPods = pods.length === 0 ? IS_POD : and(IS_POD, not(or(...pods)));
  return [
    ...strangers,
    ...(isPodMeant ? [] : [{ entity: { selector: podSelectorText(otherPods) } }]),
    ...(others === undefined ? [] : matchEnd({ kind: 'set', value: others })),
  ];
}

/** Addresses of one family that are none of the networks. */
function outside(
  family: 4 | 6,
  nets: readonly Cidr[],
  isInternetMeant: boolean,
  butNamed: { readonly notSelector?: string },
): readonly EndMatch[] {
  const own = nets.filter((net) => net.family === family);
  if (isInternetMeant) {
    const special = NOT_INTERNET.filter((net) => net.family === family);
    const left = special.flatMap((net) => subtractCidrs(net, own));
    return chunk(left, MAX_NETS).map((some) => ({
      family,
      entity: { nets: some.map(formatCidr), ...butNamed },
    }));
  }
  if (own.length > MAX_NETS)
    throw new RuleProblem(
      'TooManyNames',
      `leaves out ${String(own.length)} networks of one family, and the most that Calico can leave out is ${String(MAX_NETS)}: use larger ones`,
    );
  const nothing = [family === 4 ? '0.0.0.0/0' : '::/0'];
  return [
    {
      family,
      entity: { ...(own.length === 0 ? { nets: nothing } : { notNets: own.map(formatCidr) }), ...butNamed },
    },
  ];
}

/**
 * The set of the nodes that none of the ends means. Calico reads selector and notSelector as one question about
 * the labels of a set, so a rule cannot leave out some of its addresses. Undefined: there are none to refuse.
 */
function otherNodes(
  name: string,
  ends: readonly FlowEnd[],
  { firewall, resolveScope, inventory }: DefaultsContext,
): { readonly value: string; readonly set: DesiredObject } | undefined {
  const isAboutAddresses = ends.some(({ kind }) => ['outside', 'world', 'internet'].includes(kind));
  if (!isAboutAddresses || ends.some((end) => setOf(end) === NODE_SET_VALUE)) return undefined;
  const { nodes, controlPlane, apiServer } = resolveScope.nodeAddresses;
  const meant = ends.flatMap((end): readonly Cidr[] => {
    if (end.kind === 'labelledNodes')
      return nodesWith(end.labels, knownOr(inventory.nodes, [])).flatMap(({ addresses }) =>
        addresses.map(parseAddress),
      );
    if (end.kind === 'kubeAPIServer') return knownOr(apiServer, []);
    return setOf(end) === CONTROL_PLANE_SET_VALUE ? knownOr(controlPlane, []) : [];
  });
  const left = knownOr(nodes, []).flatMap((node) =>
    meant.reduce<readonly Cidr[]>((rest, net) => rest.flatMap((each) => subtractCidrs(each, [net])), [node]),
  );
  const owner = firewall.metadata.name;
  const value = `${OTHER_NODES}-${name}`;
  const set = networkSet(owner, ruleId(owner, OTHER_NODES, name), value, left);
  return { value, set: keepingLost(set, inventory, 'Node') };
}

/** True for a guardrail that leaves DNS and the calls of and to the API server alone. */
export const leavesDefaults = ({ onlyTo, onlyFrom, defaults }: Guardrail): boolean =>
  (onlyTo !== undefined || onlyFrom !== undefined) && defaults !== 'Judged';
