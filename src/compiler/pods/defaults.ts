/**
 * The parts of the ClusterFirewall called default that belong to no group: the default deny, DNS and the
 * guardrails.
 */
import type { ClusterFirewall, Guardrail, PortValue } from '../../api/schema.ts';
import { LABEL_METADATA_NAME } from '../../calico/labels.ts';
import type { Selector } from '../../calico/selector.ts';
import { all, fromLabelSelector } from '../../calico/selector.ts';
import type { Rule } from '../../calico/types.ts';
import { parseAddress, parseCidr, unionCidrs } from '../../net/cidr.ts';
import { parsePort } from '../../net/ports.ts';
import { apiServerToPods } from './api-server-to-pods.ts';
import type { EndMatch, ResolveScope } from '../flows/flow-ends.ts';
import { matchEnd, matchNets, resolveEnd } from '../flows/flow-ends.ts';
import {
  ANNOTATION_RULE,
  DEFAULT_TIER,
  ORDER,
  ruleId,
  TIER,
  TIER_POLICY_ORDER,
  type RuleId,
} from '../names.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import {
  everyNamespace,
  intersect,
  isEmpty,
  policySelectors,
  refuseInexpressible,
  ruleSelectors,
  namespacesFromLabels,
  without,
} from '../namespaces/namespaces.ts';
import type { PolicyParts } from '../flows/policies.ts';
import { globalPolicies } from '../flows/policies.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import { located, RuleProblem } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import { anyEnd, canonicalRules, checkPorts, crossRules, matchPorts } from '../flows/rules.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { DesiredObject } from '../types.ts';

const DNS_DEFAULTS = {
  namespaceSelector: { matchLabels: { [LABEL_METADATA_NAME]: 'kube-system' } },
  podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
  ports: ['53/UDP', '53/TCP'],
  nodeLocal: ['169.254.20.10'],
};
const METADATA_ADDRESSES = ['169.254.169.254/32', 'fd00:ec2::254/128'];

interface DefaultsContext {
  readonly firewall: ClusterFirewall;
  readonly enforcement: Enforcement;
  readonly resolveScope: ResolveScope;
  readonly inventory: Inventory;
}

export function compileDefaults(
  context: DefaultsContext,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  const { firewall } = context;
  const at = (name: string, path: string): RulePlace => ({
    firewall: firewall.metadata.name,
    id: ruleId(firewall.metadata.name, 'defaults', name),
    path: `spec.defaults${path}`,
  });
  const dns = at('dns', '.dns');
  reportNamedDnsPorts(context, dns, collector);
  // Like every rule, DNS is compiled on both sides or not at all.
  const [compiledDns] = collector.guard(dns, () => [
    { egress: dnsRules(context), serverPolicies: dnsServerPolicies(context) },
  ]);
  return [
    ...(compiledDns?.serverPolicies ?? []),
    ...apiServerToPods(context, collector),
    ...collector.guard(at('deny', ''), () => defaultDeny(context, compiledDns?.egress ?? [])),
    ...collector.guard(at('metadataAPI', '.metadataAPI'), () => metadataGuardrail(context)),
    // Sorted, because a bound on the whole firewall must not depend on the order of a manifest.
    ...[...(firewall.spec.guardrails ?? []).entries()].sort(byName).flatMap(([index, guardrail]) => {
      const id = ruleId(firewall.metadata.name, 'guardrails', guardrail.name);
      const place = { firewall: firewall.metadata.name, id, path: `spec.guardrails[${String(index)}]` };
      return collector.guard(place, () => declaredGuardrail(guardrail, place, context, collector));
    }),
    ...collector.guard(at('pass', ''), () => tierPass(context)),
  ];
}

const byName = ([, a]: readonly [number, Guardrail], [, b]: readonly [number, Guardrail]): number =>
  a.name < b.name ? -1 : 1;

/** The same policies twice: enforced where the namespace is enforced, and staged where it is observed. */
function enforcedAndStaged(
  enforcement: Enforcement,
  parts: Omit<PolicyParts, 'isStaged'>,
  select: (namespaces: NamespaceSet) => NamespaceSet,
  pods: Selector,
): readonly DesiredObject[] {
  const selected = (sets: readonly NamespaceSet[]) =>
    sets.map(select).filter((namespaces) => !isEmpty(namespaces));
  const [enforced, observed] = [selected(enforcement.enforced), selected(enforcement.observed)];
  [...enforced, ...observed].forEach(refuseInexpressible);
  return ([false, true] as const).flatMap((isStaged) =>
    globalPolicies(
      { ...parts, isStaged },
      (isStaged ? observed : enforced).flatMap((namespaces) => policySelectors(namespaces, pods)),
    ),
  );
}

/**
 * Selects pods and allows them DNS. It needs no Deny: traffic of selected pods that nothing allows is dropped
 * at the end of the tier. When `dns` has a problem, the policy is made without it, because having no default
 * deny would be worse.
 */
function defaultDeny(context: DefaultsContext, dnsEgress: readonly Rule[]): readonly DesiredObject[] {
  const { firewall, enforcement } = context;
  const { ingress, egress } = enforcement.deny;
  if (!ingress && !egress) return [];
  const name = firewall.metadata.name;
  const deny = ruleId(name, 'defaults', 'deny');
  const dns = ruleId(name, 'defaults', 'dns');
  return enforcedAndStaged(
    enforcement,
    {
      firewall: name,
      id: deny,
      rules: dnsEgress.length > 0 ? [deny, dns] : [deny],
      tier: DEFAULT_TIER,
      order: ORDER.defaultDeny,
      types: [...(ingress ? (['Ingress'] as const) : []), ...(egress ? (['Egress'] as const) : [])],
      ...(dnsEgress.length > 0 ? { egress: dnsEgress } : {}),
    },
    (namespaces) => namespaces,
    all(),
  );
}

function dnsOf({ firewall }: DefaultsContext) {
  const configured = firewall.spec.defaults?.dns;
  return {
    server: namespacesFromLabels(configured?.namespaceSelector ?? DNS_DEFAULTS.namespaceSelector),
    pods: fromLabelSelector(configured?.podSelector ?? DNS_DEFAULTS.podSelector),
    ports: configured?.ports ?? DNS_DEFAULTS.ports,
    nodeLocal: unionCidrs((configured?.nodeLocal ?? DNS_DEFAULTS.nodeLocal).map(parseAddress)),
  };
}

const isNamed = (port: PortValue): boolean => parsePort(port).kind === 'named';

function dnsRules(context: DefaultsContext): readonly Rule[] {
  if (!context.enforcement.deny.egress) return [];
  const { server, pods, ports, nodeLocal } = dnsOf(context);
  const id = ruleId(context.firewall.metadata.name, 'defaults', 'dns');
  const allow = (destinations: readonly EndMatch[], some: readonly PortValue[]): readonly Rule[] =>
    crossRules({ id, action: 'Allow', sources: anyEnd, destinations, ports: matchPorts(some) });
  const servers = ruleSelectors(server, pods).map((entity): EndMatch => ({ entity }));
  const numbers = ports.filter((port) => !isNamed(port));
  return canonicalRules([...allow(servers, ports), ...allow(matchNets(nodeLocal), numbers)]);
}

/** Port names are known only for pods, and the node-local cache is no pod. */
function reportNamedDnsPorts(context: DefaultsContext, place: RulePlace, collector: ProblemCollector): void {
  const { ports, nodeLocal } = dnsOf(context);
  const named = ports.find(isNamed);
  if (named === undefined || nodeLocal.length === 0) return;
  collector.problem(
    place,
    'NamedPortNeedsPods',
    `port "${String(named)}" is a name, but the node-local DNS cache has no named ports: write its number, or nodeLocal: []`,
    '.ports',
  );
}

/** The DNS server's side, where the server itself is under the default deny (systemNamespaces: None). */
function dnsServerPolicies(context: DefaultsContext): readonly DesiredObject[] {
  const { firewall, enforcement } = context;
  const { server, pods, ports } = dnsOf(context);
  if (!enforcement.deny.ingress) return [];
  const id = ruleId(firewall.metadata.name, 'defaults', 'dns');
  return enforcedAndStaged(
    enforcement,
    {
      firewall: firewall.metadata.name,
      id,
      rules: [id],
      tier: DEFAULT_TIER,
      order: ORDER.dns,
      types: ['Ingress'],
      ingress: canonicalRules(
        crossRules({
          id,
          action: 'Allow',
          sources: ruleSelectors(everyNamespace, all()).map((entity) => ({ entity })),
          destinations: anyEnd,
          ports: matchPorts(ports),
        }),
      ),
    },
    (namespaces) => intersect(server, namespaces),
    pods,
  );
}

function metadataGuardrail(context: DefaultsContext): readonly DesiredObject[] {
  const settings = context.firewall.spec.defaults?.metadataAPI;
  if (settings?.action === 'None') return [];
  const id = ruleId(context.firewall.metadata.name, 'defaults', 'metadataAPI');
  const nets = unionCidrs((settings?.addresses ?? METADATA_ADDRESSES).map(parseCidr));
  return guardrailPolicies(context, {
    id,
    destinations: matchNets(nets),
    ports: matchPorts(['All']),
    select: (namespaces) => without(namespaces, settings?.exceptNamespaces ?? []),
    pods: all(),
  });
}

/** Entries with a problem are left out. The rest stands in for the whole: see DesiredObject. */
function declaredGuardrail(
  guardrail: Guardrail,
  place: RulePlace,
  context: DefaultsContext,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  const destinations = guardrail.to.flatMap((entry, index) =>
    collector.guard(place, () => {
      const end = located(`.to[${String(index)}]`, () => resolveEnd(entry, context.resolveScope, false));
      if (end.kind === 'samePods')
        throw new RuleProblem(
          'EntityUnresolved',
          'SameNamespace means nothing in a guardrail: give pods with a namespaceSelector',
        );
      checkPorts(guardrail.ports, [end]);
      return [end];
    }),
  );
  if (destinations.length === 0) return [];
  const subjects = namespacesFromLabels(guardrail.pods.namespaceSelector ?? {});
  const objects = guardrailPolicies(context, {
    id: place.id,
    destinations: destinations.flatMap(matchEnd),
    ports: matchPorts(guardrail.ports),
    select: (namespaces) => intersect(namespaces, subjects),
    pods: fromLabelSelector(guardrail.pods.podSelector ?? {}),
  });
  const isWhole = destinations.length === guardrail.to.length;
  return isWhole ? objects : objects.map((object) => ({ ...object, standIn: true }));
}

interface GuardrailParts {
  readonly id: RuleId;
  readonly destinations: readonly EndMatch[];
  readonly ports: ReturnType<typeof matchPorts>;
  readonly select: (namespaces: NamespaceSet) => NamespaceSet;
  readonly pods: Selector;
}

function guardrailPolicies(
  { firewall, enforcement }: DefaultsContext,
  parts: GuardrailParts,
): readonly DesiredObject[] {
  const egress = canonicalRules(
    crossRules({
      id: parts.id,
      action: 'Deny',
      sources: anyEnd,
      destinations: parts.destinations,
      ports: parts.ports,
    }),
  );
  return enforcedAndStaged(
    enforcement,
    {
      firewall: firewall.metadata.name,
      id: parts.id,
      rules: [parts.id],
      tier: TIER,
      order: TIER_POLICY_ORDER.guardrail,
      types: ['Egress'],
      egress,
    },
    parts.select,
    parts.pods,
  );
}

/**
 * The tier's final pass, for all traffic that guardrails do not refuse. The tier's default action is Pass as
 * well, but a Tier object that is missing when Felix starts counts as Deny (calico.md, Missing Tier). It is
 * one policy rather than a rule in each guardrail: `Pass` leaves the tier, so the guardrails after the first
 * would not be evaluated.
 */
function tierPass({ firewall, enforcement }: DefaultsContext): readonly DesiredObject[] {
  const id = ruleId(firewall.metadata.name, 'defaults', 'pass');
  return enforcedAndStaged(
    enforcement,
    {
      firewall: firewall.metadata.name,
      id,
      rules: [id],
      tier: TIER,
      order: TIER_POLICY_ORDER.pass,
      types: ['Egress'],
      egress: [{ action: 'Pass', metadata: { annotations: { [ANNOTATION_RULE]: id } } }],
    },
    (namespaces) => namespaces,
    all(),
  );
}
