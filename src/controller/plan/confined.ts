/**
 * Keeps what a problem holds from doing more than it did. Any policy that selects a pod isolates it. So one that
 * stays as it is stored may select pods only where there is a default deny. Elsewhere it would refuse traffic
 * that Observe lets pass. Pure.
 */
import { LABEL_METADATA_NAME, LABEL_NAMESPACE_NAME } from '../../calico/labels.ts';
import { MAX_SELECTOR } from '../../calico/limits.ts';
import { parseSelector } from '../../calico/selector-parser.ts';
import { and, matchesSelector, printSelector, SelectorError, type Selector } from '../../calico/selector.ts';
import type { PolicyType } from '../../calico/types.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import type { NamespaceInfo } from '../../inventory/types.ts';
import { objectMeta } from '../../compiler/names.ts';
import type { DesiredObject, Reach } from '../../compiler/types.ts';
import { objectId, type ObjectId } from '../objects/kinds.ts';
import type { OwnedObject } from '../objects/live.ts';
import { storedPolicies } from './stored-policy.ts';

/** Fields of a policy's spec that have to change. */
export interface Confines {
  readonly namespaceSelector?: string;
  readonly types?: readonly PolicyType[];
}

/** The part of a stored policy that may stay in force: all of it, nothing, or what is left with these fields. */
export type Confined = 'all' | 'nothing' | Confines;

/** @param reach undefined: nothing is known of the default deny, so nothing changes */
export function confined(live: OwnedObject, reach: Reach | undefined): Confined {
  const isPolicy = live.kind === 'GlobalNetworkPolicy' || live.kind === 'NetworkPolicy';
  const isOfPods = live.role === 'allow' || live.role === 'guardrail';
  if (reach === undefined || !isPolicy || !isOfPods) return 'all';
  const types = typesUnder(live, reach);
  if (types?.length === 0) return 'nothing';
  const where = live.namespace === undefined ? selected(live, reach) : inNamespace(live.namespace, reach);
  if (where === 'nothing') return 'nothing';
  const confines = { ...where, ...(types === undefined ? {} : { types }) };
  return Object.keys(confines).length === 0 ? 'all' : confines;
}

/** The directions that stay; undefined where all of them do. A guardrail refuses whatever the default deny does. */
function typesUnder({ role, types = [] }: OwnedObject, { deny }: Reach): readonly PolicyType[] | undefined {
  if (role === 'guardrail') return undefined;
  const left = types.filter((type) => (type === 'Ingress' ? deny.ingress : deny.egress));
  return left.length === types.length ? undefined : left;
}

function inNamespace(name: string, { enforced, namespaces }: Reach): Confines | 'nothing' {
  const namespace = namespaces.find((each) => each.name === name);
  return namespace === undefined || includes(enforced, namespace) ? {} : 'nothing';
}

function selected({ namespaceSelector }: OwnedObject, { enforced, namespaces }: Reach): Confines | 'nothing' {
  if (enforced === undefined) return 'nothing';
  const selector = namespaceSelector === undefined ? undefined : parsed(namespaceSelector);
  // Felix does not enforce a policy with another text.
  if (selector === undefined) return {};
  const isStray = (namespace: NamespaceInfo): boolean =>
    includes(selector, namespace) && !includes(enforced, namespace);
  if (!namespaces.some(isStray)) return {};
  const text = printSelector(and(selector, enforced));
  return text.length > MAX_SELECTOR ? 'nothing' : { namespaceSelector: text };
}

const includes = (selector: Selector | undefined, { name, labels }: NamespaceInfo): boolean =>
  selector !== undefined &&
  matchesSelector(selector, { ...labels, [LABEL_METADATA_NAME]: name, [LABEL_NAMESPACE_NAME]: name });

function parsed(text: string): Selector | undefined {
  try {
    return parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}

/** The stored policies with the fields that have to change, for `strays` by id. */
export function confinedPolicies(
  stored: readonly KubernetesObject[],
  strays: ReadonlyMap<ObjectId, { readonly live: OwnedObject; readonly confines: Confines }>,
): readonly DesiredObject[] {
  return storedPolicies(stored).flatMap(({ policy }) => {
    const stray = strays.get(objectId(policy.kind, policy.metadata));
    if (stray === undefined) return [];
    const { live, confines } = stray;
    const { name, namespace } = policy.metadata;
    const { firewall = '', rules } = live;
    const { apiVersion, kind, spec } = policy;
    const metadata = objectMeta(name, firewall, rules, spec.tier, namespace);
    const object = { apiVersion, kind, metadata, spec: { ...spec, ...confines } } as DesiredObject['object'];
    return [{ object, firewall, rules }];
  });
}
