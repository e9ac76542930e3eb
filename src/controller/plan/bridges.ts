/**
 * Bridges: temporary policies that make many writes one step.
 *
 * Any policy that selects a pod isolates it (end of tier), and objects change one at a time. So the first allow of many shuts the pod to
 * the flows of all others, and on the way down the last one does. A bridge selects what a default deny selects and carries the rules of
 * all its allows, each narrowed to the pods of the policy it is taken from. Written first and removed last, it takes pods from open to
 * their final state, and back, in one write; what happens to the single policies meanwhile makes no difference.
 *
 * It has only allows, each of which is in force before or after, and the order of the default deny: what a tenant's own policies refuse
 * stays refused. Pure.
 */
import { chunk, MAX_RULES, MAX_SELECTOR } from '../../calico/limits.ts';
import { LABEL_NAMESPACE, LABEL_NAMESPACE_NAME, LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import { eq, has, printSelector } from '../../calico/selector.ts';
import type {
  EntityRule,
  GeneratedObject,
  GlobalNetworkPolicy,
  GlobalPolicySpec,
  NetworkPolicy,
  Rule,
} from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import {
  ANNOTATION_RULES,
  BRIDGES,
  BRIDGES_COMPLETE,
  DEFAULT_TIER,
  objectMeta,
  objectName,
  ORDER,
  ruleId,
  TIER,
} from '../../compiler/names.ts';
import { canonicalRules } from '../../compiler/flows/rules.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { isDefaultDeny } from '../objects/live.ts';
import { isNodePolicy } from './node-shadows.ts';
import { firewallOf, ruleIds } from '../objects/ownership.ts';

type EnforcedPolicy = GlobalNetworkPolicy | NetworkPolicy;

/** From open to what is desired: everything that will be allowed, for all that will be isolated. */
export function bridgesTo(desired: readonly DesiredObject[]): readonly DesiredObject[] {
  return bridges(
    desired.flatMap(({ object }) => (isEnforced(object) ? [object] : [])),
    'to',
  );
}

/**
 * From what is stored: everything that is allowed now, for all that is isolated now, and a copy of each guardrail. `stored` are whole
 * objects, as the API server gives them: what is in force, whatever it was made from.
 */
export function bridgesFrom(stored: readonly KubernetesObject[]): readonly DesiredObject[] {
  const policies: readonly EnforcedPolicy[] = stored
    .filter(isStoredPolicy)
    .filter((policy) => !isNodePolicy(policy));
  const settled = policies.filter((policy) => !isBridge(policy));
  const made = [...settled.filter(isGuardrail).map(copyOf), ...bridges(settled, 'from')];
  return made.map((each, index) => (index === made.length - 1 ? marked(each) : each));
}

/** True for the stored bridge that was written last of those from one state: with it there, all of them are. */
export const closesBridges = (rules: readonly string[]): boolean =>
  rules.some((rule) => rule.endsWith(`/${BRIDGES_COMPLETE}`));

function marked(last: DesiredObject): DesiredObject {
  const rules = [...last.rules, ruleId(last.firewall, 'defaults', BRIDGES_COMPLETE)];
  const { object } = last;
  const annotations = { ...object.metadata.annotations, [ANNOTATION_RULES]: rules.join(',') };
  return { ...last, rules, object: { ...object, metadata: { ...object.metadata, annotations } } };
}

function bridges(policies: readonly EnforcedPolicy[], side: keyof typeof BRIDGES): readonly DesiredObject[] {
  const inDefault = policies.filter(({ spec }) => spec.tier === DEFAULT_TIER);
  const denies = inDefault.filter((policy): policy is GlobalNetworkPolicy => {
    return policy.kind === 'GlobalNetworkPolicy' && ruleIds(policy.metadata).some(isDefaultDeny);
  });
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
  side: keyof typeof BRIDGES,
  variant: string,
  spec: GlobalPolicySpec,
): DesiredObject {
  const firewall = firewallOf(metadata) ?? '';
  const id = ruleId(firewall, 'defaults', BRIDGES[side]);
  return {
    object: {
      apiVersion: CALICO_API_VERSION,
      kind: 'GlobalNetworkPolicy',
      metadata: objectMeta(objectName(spec.tier, id, variant), firewall, [id], spec.tier),
      spec,
    },
    firewall,
    rules: [id],
    phase: side === 'to' ? 'bridgeTo' : 'bridgeFrom',
  };
}

/** Calico takes one dot in a name, the one after the tier. */
const copyOf = (guardrail: GlobalNetworkPolicy): DesiredObject =>
  bridge(guardrail, 'from', guardrail.metadata.name.replace(`${TIER}.`, ''), guardrail.spec);

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

const PODS = printSelector(eq(LABEL_ORCHESTRATOR, 'k8s'));
const IN_A_NAMESPACE = printSelector(has(LABEL_NAMESPACE_NAME));

/** Only pods, and names by the label that Calico sets: see ruleSelectors in compiler/namespaces/namespaces.ts. */
function subjectOf(policy: EnforcedPolicy): EntityRule {
  const { selector } = policy.spec;
  if (policy.kind === 'NetworkPolicy') {
    const namespace = printSelector(eq(LABEL_NAMESPACE, policy.metadata.namespace ?? ''));
    return { selector: `${PODS} && ${namespace} && (${selector})`, namespaceSelector: IN_A_NAMESPACE };
  }
  const { namespaceSelector = IN_A_NAMESPACE } = policy.spec;
  return { selector: `${PODS} && (${selector})`, namespaceSelector };
}

/** What a rule already says of the pods that its policy selects goes on holding. */
function both(here: EntityRule, subject: EntityRule): EntityRule {
  const join = (a: string | undefined, b = ''): string => (a === undefined ? b : `(${a}) && ${b}`);
  return {
    ...here,
    selector: join(here.selector, subject.selector),
    namespaceSelector: join(here.namespaceSelector, subject.namespaceSelector),
  };
}

/** What a NetworkPolicy leaves out, its own namespace, said for a global one. */
function inOwnNamespace(entity: EntityRule, namespace: string): EntityRule {
  if (entity.selector === undefined || entity.namespaceSelector !== undefined) return entity;
  const own = printSelector(eq(LABEL_NAMESPACE, namespace));
  return { ...entity, selector: `${own} && (${entity.selector})`, namespaceSelector: IN_A_NAMESPACE };
}

/** A rule whose selector would be too long is left out: its flows may wait for their own policy, as they would without a bridge. */
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

const isBridge = ({ metadata }: EnforcedPolicy): boolean =>
  ruleIds(metadata).some((id) => id.endsWith(`/${BRIDGES.from}`) || id.endsWith(`/${BRIDGES.to}`));

const isGuardrail = (policy: EnforcedPolicy): policy is GlobalNetworkPolicy =>
  policy.kind === 'GlobalNetworkPolicy' &&
  policy.spec.tier === TIER &&
  [...(policy.spec.ingress ?? []), ...(policy.spec.egress ?? [])].some(({ action }) => action === 'Deny');

/** Written by this project once; what others have added to it since goes into the bridge as it is, for it is in force. */
function isStoredPolicy(object: KubernetesObject): object is KubernetesObject & EnforcedPolicy {
  const { kind, spec } = object;
  if (kind !== 'GlobalNetworkPolicy' && kind !== 'NetworkPolicy') return false;
  if (!isRecord(spec)) return false;
  const { selector, tier, types } = spec;
  return typeof selector === 'string' && typeof tier === 'string' && Array.isArray(types);
}
