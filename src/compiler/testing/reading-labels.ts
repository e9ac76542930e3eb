/** The endpoints and network sets that Calico's selectors see, with their labels. */
import type { EntityRule, GeneratedObject, GlobalNetworkSet } from '../../calico/types.ts';
import type { Cluster, ContainerPort, Endpoint, Labels } from './cluster.ts';
import { inCidr } from './cluster.ts';
import { type GetLabel, type Predicate, predicateOf } from './selectors.ts';

/** Something that a rule's selector can match. It stands for addresses. */
export interface Matchable {
  readonly label: GetLabel;
  readonly has: (address: string) => boolean;
  readonly ports: readonly ContainerPort[];
  /** Absent for sets, because a policy applies to endpoints only. */
  readonly endpoint?: Endpoint;
}

const NAMESPACE = 'projectcalico.org/namespace';
const inNamespace: Predicate = (label) => label(NAMESPACE) !== undefined;

/** The labels and endpoints that a rule is evaluated with. */
export interface Surroundings {
  readonly matchables: readonly Matchable[];
  readonly apiServer: Cluster['apiServer'];
}

interface Known {
  readonly sets: readonly GlobalNetworkSet[];
  readonly around: Surroundings;
}

const latest = new WeakMap<Cluster, Known>();

/** The same object as the last time while the sets are the same: what was read against it is still true. */
export function surroundingsOf(objects: readonly GeneratedObject[], cluster: Cluster): Surroundings {
  const sets = objects.filter((object) => object.kind === 'GlobalNetworkSet');
  const known = latest.get(cluster);
  if (known?.sets.length === sets.length && known.sets.every((set, index) => set === sets[index]))
    return known.around;
  const matchables = [...matchablesOf(cluster), ...sets.map(matchableOf)];
  const around = { matchables, apiServer: cluster.apiServer };
  latest.set(cluster, { sets, around });
  return around;
}

const matchableOf = ({ metadata, spec }: GlobalNetworkSet): Matchable => ({
  label: lookup(metadata.labels ?? {}, {}),
  has: (address) => spec.nets.some((net) => inCidr(address, net)),
  ports: [],
});

function matchablesOf(cluster: Cluster): readonly Matchable[] {
  const ofNamespace = new Map(cluster.namespaces.map((namespace) => [namespace.name, inherited(namespace)]));
  const parent = (namespace: string): Labels => ofNamespace.get(namespace) ?? {};
  const pods = cluster.pods.map((pod): Matchable => ({
    // workloadendpointprocessor.go removes these prefixes from pods, networksetprocessor.go leaves them in a
    // set.
    label: lookup(
      {
        ...withoutPrefixes(pod.labels),
        [NAMESPACE]: pod.namespace,
        'projectcalico.org/orchestrator': 'k8s',
        'projectcalico.org/serviceaccount': pod.serviceAccount ?? 'default',
      },
      parent(pod.namespace),
    ),
    has: (address) => Object.values(pod.addresses).includes(address),
    ports: pod.ports,
    endpoint: pod,
  }));
  const hostEndpoints = (cluster.hostEndpoints ? cluster.nodes : []).map((node): Matchable => ({
    label: lookup({ ...node.labels, 'projectcalico.org/created-by': 'calico-kube-controllers' }, {}),
    has: (address) => Object.values(node.addresses).includes(address),
    ports: [],
    endpoint: node,
  }));
  const sets = cluster.tenantSets.map(({ namespace, labels, nets }): Matchable => ({
    label: lookup({ ...labels, [NAMESPACE]: namespace }, parent(namespace)),
    has: (address) => nets.some((net) => inCidr(address, net)),
    ports: [],
  }));
  return [...pods, ...hostEndpoints, ...sets];
}

/** conversion.go, NamespaceToProfile: the labels that pods and sets of a namespace inherit. */
const inherited = ({ name, labels }: { readonly name: string; readonly labels: Labels }): Labels => ({
  ...Object.fromEntries(Object.entries(labels).map(([key, value]) => [`pcns.${key}`, value])),
  'pcns.projectcalico.org/name': name,
});

const withoutPrefixes = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !/^pc(ns|sa)\./.test(key)));

/** label_inheritance_index.go: its own labels take precedence over those of its parents. */
const lookup =
  (own: Labels, parent: Labels): GetLabel =>
  (key) =>
    own[key] ?? parent[key];

/**
 * The endpoints that a policy applies to.
 * @param namespace the namespace of a NetworkPolicy
 */
export function subjectPredicate(
  selector: string,
  namespaceSelector: string | undefined,
  namespace: string | undefined,
): Predicate {
  const given = namespaceSelector !== undefined && namespaceSelector !== '';
  // globalnetworkpolicyprocessor.go: with a namespaceSelector, `all()` means "in a namespace" in both
  // selectors.
  const own = selector === '' ? () => true : predicateOf(selector, { all: given ? inNamespace : () => true });
  const ofNamespace = given
    ? predicateOf(namespaceSelector, { prefix: 'pcns.', all: inNamespace })
    : () => true;
  return (label) =>
    own(label) && ofNamespace(label) && (namespace === undefined || label(NAMESPACE) === namespace);
}

export interface SelectorMatch {
  /** Absent: every address, known or not. */
  readonly positive?: Predicate;
  readonly negative?: Predicate;
}

/**
 * rules.go, getEndpointSelector, and rule_scanner.go, combineMatchesIfPossible.
 * @param namespace '' in a global policy
 */
export function selectorMatch(entity: EntityRule, namespace: string): SelectorMatch {
  const all: Predicate = () => true;
  const { selector = '', namespaceSelector = '', notSelector = '' } = entity;
  const scope = scopeOf(namespaceSelector, namespace);
  const own = selector === '' ? undefined : predicateOf(selector, { all });
  const not = notSelector === '' ? undefined : predicateOf(notSelector, { all });
  const scoped =
    scope !== undefined && (own !== undefined || not !== undefined || namespaceSelector !== '')
      ? (label: GetLabel) => scope(label) && (own?.(label) ?? true)
      : own;
  if (scoped === undefined) return not === undefined ? {} : { negative: not };
  return { positive: (label) => scoped(label) && !(not?.(label) ?? false) };
}

function scopeOf(namespaceSelector: string, namespace: string): Predicate | undefined {
  if (namespaceSelector !== '') {
    return predicateOf(namespaceSelector, {
      prefix: 'pcns.',
      all: inNamespace,
      global: (label) => !inNamespace(label),
    });
  }
  return namespace === '' ? undefined : (label) => label(NAMESPACE) === namespace;
}
