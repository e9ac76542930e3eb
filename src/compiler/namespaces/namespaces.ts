/**
 * Sets of namespaces that Calico's selectors can express, and how they are printed within Calico's limits.
 */
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
import { expectPolicies, expectRules, POLICY_BYTES } from '../meter.ts';
import { RuleProblem } from '../problems.ts';
import type { NamespaceInfo } from '../../inventory/types.ts';
import { readOnce } from '../read-once.ts';

/**
 * Namespaces that have one of `names` (absent: any name), none of `notNames`, and match `where`. Names are
 * kept apart from labels, because they can be compared and split without asking the cluster.
 */
export interface NamespaceSet {
  readonly names?: readonly string[];
  readonly notNames: readonly string[];
  readonly where: Selector;
}

/** Two selectors in the form that a Calico policy or rule takes. Both must match. */
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

/**
 * Turns a label selector over namespaces into a set. Requirements on `kubernetes.io/metadata.name` become
 * names.
 */
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
  if (b === everyNamespace) return a;
  if (a === everyNamespace) return b;
  const notNames = sortedUnique([...a.notNames, ...b.notNames]);
  const where = and(a.where, b.where);
  const names =
    a.names === undefined ? b.names : b.names === undefined ? a.names : intersection(a.names, b.names);
  if (names === undefined) return { notNames, where };
  const left = notNames.length === 0 ? names : names.filter((name) => !setOf(notNames).has(name));
  return { names: left, notNames: [], where };
}

export const without = (set: NamespaceSet, names: readonly string[]): NamespaceSet =>
  intersect(set, { notNames: names, where: all() });

/** True only when no cluster could have such a namespace. */
export const isEmpty = (set: NamespaceSet): boolean => set.names?.length === 0;

/**
 * Everything in `outer` that is in none of `sets`, as one set. A negation is never split over policies,
 * because two that each exclude one half would exclude nobody.
 */
export function complement(outer: NamespaceSet, sets: readonly NamespaceSet[]): NamespaceSet {
  const isOnlyNames = (set: NamespaceSet) => set.names !== undefined && set.where.kind === 'all';
  const names = sets.filter(isOnlyNames).flatMap((set) => set.names ?? []);
  const others = sets.filter((set) => !isOnlyNames(set)).map((set) => not(asSelector(set)));
  return intersect(without(outer, names), { notNames: [], where: and(...others) });
}

/** The union of sets that share their exclusions: one set for all names, and one for all label selectors. */
export function mergeSets(sets: readonly NamespaceSet[]): readonly NamespaceSet[] {
  const named = sets.filter((set) => set.names !== undefined && set.where.kind === 'all');
  const labelled = sets.filter((set) => !named.includes(set));
  const names = sortedUnique(named.flatMap((set) => set.names ?? []));
  return [
    ...(names.length === 0 ? [] : [namedNamespaces(names)]),
    ...fitTogether(labelled.filter((set) => !isEmpty(set))),
  ];
}

/** An order that no manifest changes: policies are numbered by it. */
export const inOrder = (sets: readonly NamespaceSet[]): readonly NamespaceSet[] =>
  sets
    .map((set) => ({ set, text: printSelector(asSelector(set)) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ set }) => set);

/** Joins label selectors up to half of a selector's maximum length. The other half is for exclusions. */
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

/** A namespaceSelector that matches the namespaces of any of these. */
export const unionSelector = (sets: readonly NamespaceSet[]): Selector => or(...sets.map(asSelector));

function asSelector(set: NamespaceSet): Selector {
  return and(
    ...(set.names === undefined ? [] : [isIn(LABEL_METADATA_NAME, set.names)]),
    ...(set.notNames.length === 0 ? [] : [notIn(LABEL_METADATA_NAME, set.notNames)]),
    set.where,
  );
}

export function includesNamespace(set: NamespaceSet, namespace: NamespaceInfo): boolean {
  if (set.names !== undefined && !setOf(set.names).has(namespace.name)) return false;
  if (setOf(set.notNames).has(namespace.name)) return false;
  if (set.where.kind === 'all') return true;
  return matchesSelector(set.where, { ...namespace.labels, [LABEL_METADATA_NAME]: namespace.name });
}

/**
 * The `namespaceSelector` and `selector` of policies that select `pods` in `set`, one entry a policy. Each
 * contains has(projectcalico.org/name), because a negative selector would otherwise select host endpoints too
 * (calico.md, section 4).
 */
export function policySelectors(set: NamespaceSet, pods: Selector): readonly EndpointSelectors[] {
  refuseInexpressible(set);
  const chunks = nameChunks(set);
  expectPolicies(chunks.length, chunks.length * POLICY_BYTES + sizeOfNames(set));
  return chunks.map((names) => {
    const base = [
      has(LABEL_NAMESPACE_NAME),
      set.where,
      ...(names === undefined ? [] : [isIn(LABEL_METADATA_NAME, names)]),
    ];
    if (names === undefined) return spreadExclusions(set, [pods]);
    return { namespaceSelector: printed(and(...base)), selector: printed(pods) };
  });
}

/**
 * The selectors of a rule's source or destination that match `pods` in `set`, one entry a rule.
 *
 * They match only pods. A NetworkSet in a matching namespace could otherwise claim any address. Names are
 * compared with `projectcalico.org/namespace`, which Calico itself sets on pods and NetworkSets. A NetworkSet
 * may carry the labels that a namespaceSelector reads (`pcns.…`) as its own.
 */
export function ruleSelectors(set: NamespaceSet, pods: Selector): readonly EndpointSelectors[] {
  refuseInexpressible(set);
  const chunks = nameChunks(set);
  expectRules(sizeOfNames(set));
  return chunks.map((names) => {
    const podParts = [
      eq(LABEL_ORCHESTRATOR, 'k8s'),
      pods,
      ...(names === undefined ? [] : [isIn(LABEL_NAMESPACE, names)]),
    ];
    if (names === undefined) return spreadExclusions(set, podParts);
    const namespaceSelector = printed(and(has(LABEL_NAMESPACE_NAME), set.where));
    return { namespaceSelector, selector: printed(and(...podParts)) };
  });
}

/**
 * The selector of a NetworkPolicy's rule that matches `pods` of its own namespace. Calico adds the namespace.
 */
export const localRuleSelector = (pods: Selector): string =>
  printed(and(eq(LABEL_ORCHESTRATOR, 'k8s'), pods));

/** A policy's own selector, checked against Calico's limit. */
export const podSelectorText = (pods: Selector): string => printed(pods);

function printed(selector: Selector): string {
  const text = print(selector);
  if (text.length > MAX_SELECTOR) {
    throw new RuleProblem(
      'SelectorTooLong',
      `needs a Calico selector of ${String(text.length)} characters, and the maximum is ${String(MAX_SELECTOR)}: use fewer or shorter labels, or one label that stands for them`,
    );
  }
  return text;
}

/**
 * Refuses a set that no policy or rule can express, whatever pods are meant. It is asked before anything is
 * printed, because a set may be used thousands of times.
 * @throws RuleProblem the same as policySelectors and ruleSelectors
 */
export function refuseInexpressible(set: NamespaceSet): void {
  const known = refusals.get(set);
  if (known === null) return;
  if (known !== undefined) throw known;
  try {
    printed(set.where);
    if (set.names === undefined && exclusions(set).rest.length * QUOTES_AND_COMMA > MAX_SELECTOR)
      refuseNames(set);
    refusals.set(set, null);
  } catch (error) {
    if (error instanceof RuleProblem) refusals.set(set, error);
    throw error;
  }
}

function refuseNames({ notNames }: NamespaceSet): never {
  throw new RuleProblem(
    'TooManyNames',
    `leaves out ${String(notNames.length)} namespaces by name, more than Calico's selectors can hold: exempt fewer by name, and let groups that observe select theirs by a label`,
  );
}

const refusals = new WeakMap<NamespaceSet, RuleProblem | null>();

function print(selector: Selector): string {
  try {
    return printSelector(selector);
  } catch (error) {
    if (error instanceof SelectorError) throw new RuleProblem('SelectorTooLong', error.message);
    throw error;
  }
}

const nameChunks = ({ names }: NamespaceSet): readonly (readonly string[] | undefined)[] =>
  names === undefined ? [undefined] : chunksOf(names);

/**
 * Splits a list of names into pieces of half a selector's maximum length. The other half is for the rest of
 * the selector. A positive list may be split freely.
 */
const chunksOf = readOnce((names: readonly string[]): readonly (readonly string[])[] => {
  const chunks: string[][] = [];
  let room = 0;
  for (const name of names) {
    const cost = name.length + QUOTES_AND_COMMA;
    if (cost > room) {
      chunks.push([]);
      room = MAX_SELECTOR / 2;
    }
    chunks.at(-1)?.push(name);
    room -= cost;
  }
  return chunks;
});

const sizeOfNames = ({ names = [] }: NamespaceSet): number => names.length * QUOTES_AND_COMMA;

const QUOTES_AND_COMMA = 4;

interface Exclusions {
  readonly namespaceSelector: string;
  /** Names that do not fit into it. */
  readonly rest: readonly string[];
}

const exclusions = readOnce((set: NamespaceSet): Exclusions => {
  const space = and(has(LABEL_NAMESPACE_NAME), set.where);
  const count = countThatFits(space, LABEL_METADATA_NAME, set.notNames);
  const namespaceSelector = printed(excluding(space, LABEL_METADATA_NAME, set.notNames.slice(0, count)));
  return { namespaceSelector, rest: set.notNames.slice(count) };
});

/** Puts names to exclude into the namespace selector, and those that do not fit into the pod selector. */
function spreadExclusions(set: NamespaceSet, podParts: readonly Selector[]): EndpointSelectors {
  const { namespaceSelector, rest } = exclusions(set);
  const pods = and(...podParts);
  if (countThatFits(pods, LABEL_NAMESPACE, rest) < rest.length) refuseNames(set);
  return { namespaceSelector, selector: printed(excluding(pods, LABEL_NAMESPACE, rest)) };
}

const excluding = (selector: Selector, key: string, names: readonly string[]): Selector =>
  names.length === 0 ? selector : and(selector, notIn(key, names));

function countThatFits(selector: Selector, key: string, names: readonly string[]): number {
  // More names grow the selector, so the largest number that fits is found by halving.
  let [fits, tooMany] = [0, Math.min(names.length, MAX_SELECTOR / QUOTES_AND_COMMA) + 1];
  while (tooMany - fits > 1) {
    const count = Math.floor((fits + tooMany) / 2);
    if (print(excluding(selector, key, names.slice(0, count))).length <= MAX_SELECTOR) fits = count;
    else tooMany = count;
  }
  return fits;
}

function intersection(a: readonly string[], b: readonly string[]): readonly string[] {
  const [few, many] = a.length <= b.length ? [a, setOf(b)] : [b, setOf(a)];
  return few.filter((name) => many.has(name));
}

/** Lists of names are never changed, and some are long. */
const setOf = readOnce((names: readonly string[]): ReadonlySet<string> => new Set(names));

export const sortedUnique = <T extends string>(names: readonly T[]): readonly T[] =>
  [...new Set(names)].sort();
