/** Sets of namespaces, as far as Calico's selectors can say them, and how they are printed within its limits. */
import {
  LABEL_METADATA_NAME,
  LABEL_NAMESPACE,
  LABEL_NAMESPACE_NAME,
  LABEL_ORCHESTRATOR,
} from '../../calico/labels.ts';
import { MAX_SELECTOR } from '../../calico/limits.ts';
import type { Selector } from '../../calico/selector.ts';
import {
  all,
  and,
  eq,
  fromLabelSelector,
  has,
  isIn,
  matchesSelector,
  not,
  notIn,
  or,
  printSelector,
  SelectorError,
} from '../../calico/selector.ts';
import { RuleProblem } from '../problems.ts';
import type { NamespaceInfo } from '../../inventory/types.ts';

/**
 * Namespaces that carry one of `names` (absent: whatever they are called), none of `notNames`, and match `where`.
 * Names are kept apart from labels because they can be compared and split without asking the cluster.
 */
export interface NamespaceSet {
  readonly names?: readonly string[];
  readonly notNames: readonly string[];
  readonly where: Selector;
}

/** Two selectors as a Calico policy or rule takes them; their conjunction is meant. */
export interface EndpointSelectors {
  readonly namespaceSelector: string;
  readonly selector: string;
}

export const everyNamespace: NamespaceSet = { notNames: [], where: all() };

export const namedNamespaces = (names: readonly string[]): NamespaceSet => ({
  names: sortedUnique(names),
  notNames: [],
  where: all(),
});

/** A label selector over namespaces. What it says of `kubernetes.io/metadata.name` becomes names. */
export function namespacesFromLabels(labels: Parameters<typeof fromLabelSelector>[0]): NamespaceSet {
  let names: readonly string[] | undefined;
  const rest: Selector[] = [];
  for (const part of conjuncts(fromLabelSelector(labels))) {
    const required = requiredNames(part);
    if (required === undefined) rest.push(part);
    else names = names === undefined ? required : names.filter((name) => required.includes(name));
  }
  return {
    ...(names === undefined ? {} : { names: sortedUnique(names) }),
    notNames: [],
    where: and(...rest),
  };
}

const conjuncts = (selector: Selector): readonly Selector[] =>
  selector.kind === 'and' ? selector.of : [selector];

function requiredNames(selector: Selector): readonly string[] | undefined {
  if (selector.kind === 'eq' && selector.key === LABEL_METADATA_NAME) return [selector.value];
  if (selector.kind === 'in' && selector.key === LABEL_METADATA_NAME) return selector.values;
  return undefined;
}

export function intersect(a: NamespaceSet, b: NamespaceSet): NamespaceSet {
  const notNames = sortedUnique([...a.notNames, ...b.notNames]);
  const where = and(a.where, b.where);
  const names =
    a.names === undefined ? b.names : b.names === undefined ? a.names : intersection(a.names, b.names);
  if (names === undefined) return { notNames, where };
  return { names: names.filter((name) => !notNames.includes(name)), notNames: [], where };
}

export const without = (set: NamespaceSet, names: readonly string[]): NamespaceSet =>
  intersect(set, { notNames: names, where: all() });

/** True only when no cluster could have such a namespace. */
export const isEmpty = (set: NamespaceSet): boolean => set.names?.length === 0;

/**
 * Everything in `outer` but what is in `terms`: one term again. A negation is never split over policies, since two that
 * each exclude one half would exclude nobody.
 */
export function complement(outer: NamespaceSet, sets: readonly NamespaceSet[]): NamespaceSet {
  let rest = outer;
  for (const set of sets) {
    const onlyNames = set.names !== undefined && set.where.kind === 'all';
    rest = onlyNames
      ? without(rest, set.names)
      : intersect(rest, { notNames: [], where: not(asSelector(set)) });
  }
  return rest;
}

/** The union of terms that share their exclusions: one term for all names, one for all label selectors. */
export function mergeSets(sets: readonly NamespaceSet[]): readonly NamespaceSet[] {
  const named = sets.filter((set) => set.names !== undefined && set.where.kind === 'all');
  const labelled = sets.filter((set) => !named.includes(set));
  const names = sortedUnique(named.flatMap((set) => set.names ?? []));
  return [
    ...(names.length === 0 ? [] : [namedNamespaces(names)]),
    ...fitTogether(labelled.filter((set) => !isEmpty(set))),
  ];
}

/** Unions of label selectors, as many in one as half a selector's length allows: the rest is for exclusions. */
function fitTogether(sets: readonly NamespaceSet[]): readonly NamespaceSet[] {
  const merged: NamespaceSet[] = [];
  for (const set of sets) {
    const last = merged.at(-1);
    const candidate = last && {
      notNames: sortedUnique([...last.notNames, ...set.notNames]),
      where: or(last.where, asSelector({ ...set, notNames: [] })),
    };
    if (candidate && printSelector(candidate.where).length <= MAX_SELECTOR / 2)
      merged[merged.length - 1] = candidate;
    else merged.push({ notNames: set.notNames, where: asSelector({ ...set, notNames: [] }) });
  }
  return merged;
}

function asSelector(set: NamespaceSet): Selector {
  return and(
    ...(set.names === undefined ? [] : [isIn(LABEL_METADATA_NAME, set.names)]),
    ...(set.notNames.length === 0 ? [] : [notIn(LABEL_METADATA_NAME, set.notNames)]),
    set.where,
  );
}

export function includesNamespace(set: NamespaceSet, namespace: NamespaceInfo): boolean {
  if (set.names !== undefined && !set.names.includes(namespace.name)) return false;
  if (set.notNames.includes(namespace.name)) return false;
  return matchesSelector(set.where, { ...namespace.labels, [LABEL_METADATA_NAME]: namespace.name });
}

/**
 * What a policy's own `namespaceSelector` and `selector` say to select `pods` in `term`: one entry a policy.
 * Guarded with has(projectcalico.org/name): without it a negative selector also selects host endpoints
 * (calico.md, section 4).
 */
export function policySelectors(set: NamespaceSet, pods: Selector): readonly EndpointSelectors[] {
  return nameChunks(set).map((names) => {
    const base = [
      has(LABEL_NAMESPACE_NAME),
      set.where,
      ...(names === undefined ? [] : [isIn(LABEL_METADATA_NAME, names)]),
    ];
    return spreadExclusions(base, [pods], names === undefined ? set.notNames : []);
  });
}

/**
 * What a rule's source or destination says to match `pods` in `term`: one entry a rule.
 *
 * Only pods: a NetworkSet in a matching namespace would otherwise speak for it, whatever its addresses. And names are
 * compared with `projectcalico.org/namespace`, which Calico sets itself on pods and NetworkSets alike; the labels that a
 * namespaceSelector reads (`pcns.…`) a NetworkSet may carry as its own.
 */
export function ruleSelectors(set: NamespaceSet, pods: Selector): readonly EndpointSelectors[] {
  return nameChunks(set).map((names) => {
    const podParts = [
      eq(LABEL_ORCHESTRATOR, 'k8s'),
      pods,
      ...(names === undefined ? [] : [isIn(LABEL_NAMESPACE, names)]),
    ];
    return spreadExclusions(
      [has(LABEL_NAMESPACE_NAME), set.where],
      podParts,
      names === undefined ? set.notNames : [],
    );
  });
}

/** What a rule of a NetworkPolicy says to match `pods` of its own namespace; Calico adds the namespace. */
export const localRuleSelector = (pods: Selector): string =>
  printed(and(eq(LABEL_ORCHESTRATOR, 'k8s'), pods));

/** A policy's own selector, checked against Calico's limit. */
export const podSelectorText = (pods: Selector): string => printed(pods);

function printed(selector: Selector): string {
  const text = print(selector);
  if (text.length > MAX_SELECTOR) {
    throw new RuleProblem(
      'SelectorTooLong',
      `needs a Calico selector of ${String(text.length)} characters, and ${String(MAX_SELECTOR)} are possible: use fewer or shorter labels, or one label that stands for them`,
    );
  }
  return text;
}

function print(selector: Selector): string {
  try {
    return printSelector(selector);
  } catch (error) {
    if (error instanceof SelectorError) throw new RuleProblem('SelectorTooLong', error.message);
    throw error;
  }
}

/** A positive list of names may be split freely: half a selector's length a piece, the rest is for other terms. */
function nameChunks(set: NamespaceSet): readonly (readonly string[] | undefined)[] {
  if (set.names === undefined) return [undefined];
  const chunks: string[][] = [];
  let room = 0;
  for (const name of set.names) {
    const cost = name.length + QUOTES_AND_COMMA;
    if (cost > room) {
      chunks.push([]);
      room = MAX_SELECTOR / 2;
    }
    chunks.at(-1)?.push(name);
    room -= cost;
  }
  return chunks;
}

const QUOTES_AND_COMMA = 4;

/** Puts names to exclude into the namespace selector, and what does not fit there into the pod selector. */
function spreadExclusions(
  namespaceParts: readonly Selector[],
  podParts: readonly Selector[],
  notNames: readonly string[],
): EndpointSelectors {
  const space = and(...namespaceParts);
  const count = countThatFits(space, LABEL_METADATA_NAME, notNames);
  const rest = notNames.slice(count);
  const namespaceSelector = printed(excluding(space, LABEL_METADATA_NAME, notNames.slice(0, count)));
  const pods = and(...podParts);
  if (countThatFits(pods, LABEL_NAMESPACE, rest) < rest.length) {
    throw new RuleProblem(
      'TooManyNames',
      `leaves out ${String(notNames.length)} namespaces by name, more than Calico's selectors can hold: exempt or observe them by a label instead`,
    );
  }
  return { namespaceSelector, selector: printed(excluding(pods, LABEL_NAMESPACE, rest)) };
}

const excluding = (selector: Selector, key: string, names: readonly string[]): Selector =>
  names.length === 0 ? selector : and(selector, notIn(key, names));

function countThatFits(selector: Selector, key: string, names: readonly string[]): number {
  for (let count = names.length; count > 0; count--) {
    if (print(excluding(selector, key, names.slice(0, count))).length <= MAX_SELECTOR) return count;
  }
  return 0;
}

const intersection = (a: readonly string[], b: readonly string[]): string[] =>
  a.filter((name) => b.includes(name));

export const sortedUnique = (names: readonly string[]): readonly string[] => [...new Set(names)].sort();
