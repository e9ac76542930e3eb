/**
 * The parts of the ClusterFirewall called default that belong to no group: the default deny, DNS and the
 * guardrails.
 */
import type { Guardrail } from '../../api/schema.ts';
import { all } from '../../calico/selector.ts';
import type { Rule } from '../../calico/types.ts';
import { parseCidr, unionCidrs } from '../../net/cidr.ts';
import { apiServerToPods } from './api-server-to-pods.ts';
import { enforcedAndStaged } from './both-modes.ts';
import { passDefaults } from './ceiling-defaults.ts';
import { ceiling } from './ceilings.ts';
import { compileDns } from './dns.ts';
import { denies, tierPolicies, type DefaultsContext } from './guardrail-policies.ts';
import type { FlowEnd } from '../flows/flow-ends.ts';
import { matchEnd, matchNets, resolveEnd } from '../flows/flow-ends.ts';
import { tellCutOff } from '../flows/outside.ts';
import { podsOf } from '../flows/pods-of.ts';
import { ANNOTATION_RULE, DEFAULT_TIER, ORDER, ruleId, TIER, TIER_POLICY_ORDER } from '../names.ts';
import { intersect, namespacesFromLabels, without } from '../namespaces/namespaces.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import { located, RuleProblem } from '../problems.ts';
import { anyEnd, canonicalRules, checkPorts, crossRules, matchPorts } from '../flows/rules.ts';
import type { DesiredObject } from '../types.ts';

export const METADATA_ADDRESSES = ['169.254.169.254/32', 'fd00:ec2::254/128'];

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
  return [
    ...compileDns(at('dns', '.dns'), context, collector),
    ...apiServerToPods(context, collector),
    ...collector.guard(at('podsToAPIServer', '.podsToAPIServer'), () => podsToAPIServer(context)),
    ...collector.guard(at('deny', ''), () => defaultDeny(context)),
    ...collector.guard(at('metadataAPI', '.metadataAPI'), () => metadataGuardrail(context)),
    // Sorted, because a bound on the whole firewall must not depend on the order of a manifest.
    ...[...(firewall.spec.guardrails ?? []).entries()].sort(byName).flatMap(([index, guardrail]) => {
      const id = ruleId(firewall.metadata.name, 'guardrails', guardrail.name);
      const place = { firewall: firewall.metadata.name, id, path: `spec.guardrails[${String(index)}]` };
      const isCeiling = guardrail.onlyTo !== undefined || guardrail.onlyFrom !== undefined;
      return collector.guard(place, () =>
        isCeiling
          ? ceiling(guardrail, place, context, collector)
          : declaredGuardrail(guardrail, place, context, collector),
      );
    }),
    ...collector.guard(at('pass', ''), () => [...tierPass(context), ...passDefaults(context)]),
  ];
}

const byName = ([, a]: readonly [number, Guardrail], [, b]: readonly [number, Guardrail]): number =>
  a.name < b.name ? -1 : 1;

/**
 * Selects pods, and has no rule: traffic of selected pods that nothing allows is dropped at the end of the
 * tier.
 */
function defaultDeny({ firewall, enforcement }: DefaultsContext): readonly DesiredObject[] {
  const { ingress, egress } = enforcement.deny;
  if (!ingress && !egress) return [];
  const name = firewall.metadata.name;
  const id = ruleId(name, 'defaults', 'deny');
  return enforcedAndStaged(
    enforcement,
    {
      firewall: name,
      id,
      rules: [id],
      tier: DEFAULT_TIER,
      order: ORDER.defaultDeny,
      types: [...(ingress ? (['Ingress'] as const) : []), ...(egress ? (['Egress'] as const) : [])],
    },
    (namespaces) => namespaces,
    all(),
  );
}

function podsToAPIServer({ firewall, enforcement }: DefaultsContext): readonly DesiredObject[] {
  if (firewall.spec.defaults?.podsToAPIServer !== 'Allow' || !enforcement.deny.egress) return [];
  const { name } = firewall.metadata;
  const id = ruleId(name, 'defaults', 'podsToAPIServer');
  const egress = canonicalRules(
    crossRules({
      id,
      action: 'Allow',
      sources: anyEnd,
      destinations: matchEnd({ kind: 'kubeAPIServer' }),
      ports: matchPorts(['All']),
    }),
  );
  return enforcedAndStaged(
    enforcement,
    {
      firewall: name,
      id,
      rules: [id],
      tier: DEFAULT_TIER,
      order: ORDER.podsToAPIServer,
      types: ['Egress'],
      egress,
    },
    (namespaces) => namespaces,
    all(),
  );
}

function metadataGuardrail(context: DefaultsContext): readonly DesiredObject[] {
  const settings = context.firewall.spec.defaults?.metadataAPI;
  if (settings?.action === 'None') return [];
  const id = ruleId(context.firewall.metadata.name, 'defaults', 'metadataAPI');
  const nets = unionCidrs((settings?.addresses ?? METADATA_ADDRESSES).map(parseCidr));
  return tierPolicies(context, {
    id,
    order: TIER_POLICY_ORDER.guardrail,
    direction: 'egress',
    rules: denies(id, 'egress', matchNets(nets), ['All']),
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
  const warnOfCutOff = (end: FlowEnd, at: string): void => {
    const whom = end.kind === 'nets' ? tellCutOff(end.nets, context.resolveScope.inside) : '';
    if (whom !== '')
      collector.warn(
        place,
        'ClusterAddresses',
        `also refuses ${whom}: leave them out, unless they are meant`,
        at,
      );
  };
  const field = guardrail.from === undefined ? 'to' : 'from';
  const entries = guardrail.from ?? guardrail.to ?? [];
  const ends = entries.flatMap((entry, index) =>
    collector.guard(place, () => {
      const at = `.${field}[${String(index)}]`;
      const end = located(at, () => resolveEnd(entry, context.resolveScope, false));
      if (end.kind === 'samePods' || end.kind === 'service')
        throw new RuleProblem(
          'EntityUnresolved',
          'SameNamespace means nothing in a guardrail: give pods with a namespaceSelector',
        );
      if (field === 'to') checkPorts(guardrail.ports, [end]);
      warnOfCutOff(end, at);
      return [end];
    }),
  );
  if (ends.length === 0) return [];
  const subjects = namespacesFromLabels(guardrail.pods.namespaceSelector ?? {});
  const direction = field === 'to' ? 'egress' : 'ingress';
  const objects = tierPolicies(context, {
    id: place.id,
    order: TIER_POLICY_ORDER.guardrail,
    direction,
    rules: denies(place.id, direction, ends.flatMap(matchEnd), guardrail.ports),
    select: (namespaces) => intersect(namespaces, subjects),
    pods: podsOf(guardrail.pods.podSelector, guardrail.pods.serviceAccounts),
  });
  const isWhole = ends.length === entries.length;
  return isWhole ? objects : objects.map((object) => ({ ...object, standIn: true }));
}

/**
 * The tier's final pass, for all traffic that guardrails do not refuse. The tier's default action is Pass as
 * well, but a Tier object that is missing when Felix starts counts as Deny (calico.md, Missing Tier). It is
 * one policy rather than a rule in each guardrail: `Pass` leaves the tier, so the guardrails after the first
 * would not be evaluated.
 */
function tierPass({ firewall, enforcement }: DefaultsContext): readonly DesiredObject[] {
  const id = ruleId(firewall.metadata.name, 'defaults', 'pass');
  const pass: readonly Rule[] = [{ action: 'Pass', metadata: { annotations: { [ANNOTATION_RULE]: id } } }];
  return enforcedAndStaged(
    enforcement,
    {
      firewall: firewall.metadata.name,
      id,
      rules: [id],
      tier: TIER,
      order: TIER_POLICY_ORDER.pass,
      types: ['Ingress', 'Egress'],
      ingress: pass,
      egress: pass,
    },
    (namespaces) => namespaces,
    all(),
  );
}
