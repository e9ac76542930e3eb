/**
 * Bridges: temporary policies that make many writes one step.
 *
 * Any policy that selects a pod isolates it (end of tier), and objects change one at a time. So the first
 * allow that comes closes the pod for the flows of all others, and so does the last one that goes. A bridge
 * selects what a default deny selects and carries the rules of all its allows, each narrowed to the pods of
 * the policy it is taken from. It is written first and removed last, so one write takes pods from open to
 * their final state, and one takes them back. Changes of the single policies have no effect meanwhile.
 *
 * It has the order of the default deny, and only allows that are in force before or after the change. So it
 * never opens what a tenant's own policies refuse. Pure.
 */
import { chunk, MAX_RULES, MAX_SELECTOR } from '../../calico/limits.ts';
import { LABEL_NAMESPACE, LABEL_NAMESPACE_NAME, LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import { parseSelector } from '../../calico/selector-parser.ts';
import { and, eq, has, printSelector, type Selector } from '../../calico/selector.ts';
import type { EntityRule, GeneratedObject, GlobalPolicySpec, Rule } from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import {
  ANNOTATION_RULES,
  DEFAULT_TIER,
  objectMeta,
  objectName,
  ORDER,
  ruleId,
  TIER,
} from '../../compiler/names.ts';
import { canonicalRules } from '../../compiler/flows/rules.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { objectId, type ObjectId } from '../objects/kinds.ts';
import { firewallOf } from '../objects/ownership.ts';
import { familyOf, TEMPORARY } from '../objects/role.ts';
import { storedPolicies, withRole, type EnforcedPolicy, type PolicyWithRole } from './stored-policy.ts';

/** From open to what is desired: everything that will be allowed, for all that will be isolated. */
export function newBridges(desired: readonly DesiredObject[]): readonly DesiredObject[] {
  return bridges(
    desired.flatMap(({ object }) => (isEnforced(object) ? [withRole(object)] : [])),
    'new',
  );
}

/**
 * From what is stored: everything that is allowed now, for all that is isolated now, and a copy of each
 * guardrail. `stored` are whole objects as the API server returns them, so a bridge has what is in force,
 * whatever it was made from.
 */
export function oldBridges(stored: readonly KubernetesObject[]): readonly DesiredObject[] {
  const policies = storedPolicies(stored).filter(({ role }) => familyOf(role) === 'pods');
  const made = [...policies.flatMap(copiedGuardrail), ...bridges(policies, 'old')];
  return made.map((each, index) => (index === made.length - 1 ? completing(each) : each));
}

/** The one that is written last says that all of them are stored. */
function completing(last: DesiredObject): DesiredObject {
  const rules = [...last.rules, ruleId(last.firewall, 'defaults', TEMPORARY.complete)];
  const { object } = last;
  const annotations = { [ANNOTATION_RULES]: rules.join(',') };
  return { ...last, rules, object: { ...object, metadata: { ...object.metadata, annotations } } };
}

type Side = 'old' | 'new';

function bridges(policies: readonly PolicyWithRole[], side: Side): readonly DesiredObject[] {
  const inTier = policies.filter(({ policy }) => policy.spec.tier === DEFAULT_TIER);
  const inDefault = inTier.map(({ policy }) => policy);
  const denies = inTier.flatMap(({ policy, role }) =>
    role === 'defaultDeny' && policy.kind === 'GlobalNetworkPolicy' ? [policy] : [],
  );
  const rules = {
    Ingress: chunk(canonicalRules(inDefault.flatMap((policy) => narrowed(policy, 'ingress'))), MAX_RULES),
    Egress: chunk(canonicalRules(inDefault.flatMap((policy) => narrowed(policy, 'egress'))), MAX_RULES),
  };
  const pieces = Math.max(1, rules.Ingress.length, rules.Egress.length);
  return denies.flatMap((deny, index) =>
    Array.from({ length: pieces }, (_, piece) => {
      const { selector, namespaceSelector, types } = deny.spec;
      const [ingress, egress] = [rules.Ingress[piece], rules.Egress[piece]];
      return bridge(deny, side, String(index * pieces + piece + 1), {
        tier: DEFAULT_TIER,
        order: ORDER.defaultDeny,
        selector,
        types,
        ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
        ...(ingress !== undefined && types.includes('Ingress') ? { ingress } : {}),
        ...(egress !== undefined && types.includes('Egress') ? { egress } : {}),
      });
    }),
  );
}

function bridge(
  { metadata }: EnforcedPolicy,
  side: Side,
  variant: string,
  spec: GlobalPolicySpec,
): DesiredObject {
  const firewall = firewallOf(metadata) ?? '';
  const id = ruleId(firewall, 'defaults', TEMPORARY[side]);
  return {
    object: {
      apiVersion: CALICO_API_VERSION,
      kind: 'GlobalNetworkPolicy',
      metadata: objectMeta(objectName(spec.tier, id, variant), firewall, [id], spec.tier),
      spec,
    },
    firewall,
    rules: [id],
  };
}

/**
 * The bridge under a name that none of these has. They are being deleted, so they may be gone at any moment, and
 * what they carry may be from an earlier change.
 */
export function withFreeName(given: DesiredObject, leaving: ReadonlySet<ObjectId>): DesiredObject {
  let { object } = given;
  while (leaving.has(objectId(object.kind, object.metadata))) {
    const { metadata, spec } = object;
    const [id = ruleId(given.firewall)] = given.rules;
    const name = objectName('tier' in spec ? spec.tier : DEFAULT_TIER, id, withoutTier(metadata.name));
    object = { ...object, metadata: { ...metadata, name } };
  }
  return { ...given, object };
}

/** Calico takes one dot in a name, the one after the tier. */
const withoutTier = (name: string): string => name.replace(`${TIER}.`, '');

const copiedGuardrail = ({ policy, role }: PolicyWithRole): readonly DesiredObject[] =>
  role === 'guardrail' && policy.kind === 'GlobalNetworkPolicy' && policy.spec.tier === TIER
    ? [bridge(policy, 'old', withoutTier(policy.metadata.name), policy.spec)]
    : [];

/** The allows of one direction, each for the pods that the policy selects. */
function narrowed(policy: EnforcedPolicy, direction: 'ingress' | 'egress'): readonly Rule[] {
  const own = direction === 'ingress' ? 'destination' : 'source';
  const other = direction === 'ingress' ? 'source' : 'destination';
  return (policy.spec[direction] ?? []).flatMap((rule) => {
    if (rule.action !== 'Allow') return [];
    const { [own]: here = {}, [other]: there = {}, ...rest } = rule;
    const peer =
      policy.kind === 'NetworkPolicy' ? inOwnNamespace(there, policy.metadata.namespace ?? '') : there;
    const subject = both(here, subjectOf(policy));
    return fits(subject) && fits(peer) ? [withoutEmpty({ ...rest, [own]: subject, [other]: peer })] : [];
  });
}

const PODS = eq(LABEL_ORCHESTRATOR, 'k8s');
const IN_A_NAMESPACE = has(LABEL_NAMESPACE_NAME);

interface Subject {
  readonly pods: Selector;
  readonly namespaces: Selector;
}

/**
 * Only pods, and names by the label that Calico sets: see ruleSelectors in compiler/namespaces/namespaces.ts.
 */
function subjectOf(policy: EnforcedPolicy): Subject {
  const selected = and(PODS, parseSelector(policy.spec.selector));
  if (policy.kind === 'NetworkPolicy') {
    const namespace = eq(LABEL_NAMESPACE, policy.metadata.namespace ?? '');
    return { pods: and(selected, namespace), namespaces: IN_A_NAMESPACE };
  }
  const { namespaceSelector } = policy.spec;
  return {
    pods: selected,
    namespaces: namespaceSelector === undefined ? IN_A_NAMESPACE : parseSelector(namespaceSelector),
  };
}

/** Adds the selectors of a policy's pods to an end of a rule, which keeps its own. */
function both(here: EntityRule, { pods, namespaces }: Subject): EntityRule {
  return {
    ...here,
    selector: joined(here.selector, pods),
    namespaceSelector: joined(here.namespaceSelector, namespaces),
  };
}

/** Both, where the first is given. Texts are parsed before they are joined: `a) || (b` is no selector. */
const joined = (text: string | undefined, selector: Selector): string =>
  printSelector(text === undefined ? selector : and(parseSelector(text), selector));

/** Names the namespace of a NetworkPolicy, which a global policy has to name in its rules. */
function inOwnNamespace(entity: EntityRule, namespace: string): EntityRule {
  if (entity.selector === undefined || entity.namespaceSelector !== undefined) return entity;
  return {
    ...entity,
    selector: joined(entity.selector, eq(LABEL_NAMESPACE, namespace)),
    namespaceSelector: printSelector(IN_A_NAMESPACE),
  };
}

/**
 * A rule whose selector would be too long is left out: its flows may wait for their own policy, as they would
 * without a bridge.
 */
const fits = ({ selector = '', namespaceSelector = '' }: EntityRule): boolean =>
  selector.length <= MAX_SELECTOR && namespaceSelector.length <= MAX_SELECTOR;

function withoutEmpty({ source = {}, destination = {}, ...rest }: Rule): Rule {
  return {
    ...rest,
    ...(Object.keys(source).length === 0 ? {} : { source }),
    ...(Object.keys(destination).length === 0 ? {} : { destination }),
  };
}

const isEnforced = (object: GeneratedObject): object is EnforcedPolicy =>
  object.kind === 'GlobalNetworkPolicy' || object.kind === 'NetworkPolicy';
