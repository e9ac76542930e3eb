/**
 * Sets of pods as labels tell them: a term is a requirement on each of some labels, and a list of terms is the pods of
 * any of them. Keys begin with `n:` for a label of the namespace, `p:` for one of the pod, and are `s:` for the name of
 * its ServiceAccount.
 */
import {
  LABEL_METADATA_NAME,
  LABEL_NAMESPACE,
  LABEL_NAMESPACE_NAME,
  LABEL_ORCHESTRATOR,
  LABEL_SERVICE_ACCOUNT,
} from '../../calico/labels.ts';
import { NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX } from '../../calico/read/selectors.ts';
import { not, type Selector } from '../../calico/selector.ts';
import { ImportError } from '../result.ts';

/** The values that a label may have: those of `values`, or all but those. */
export interface Requirement {
  readonly values: ReadonlySet<string>;
  readonly isBut: boolean;
  /** True where the label may be absent. */
  readonly absent: boolean;
}

export type Term = ReadonlyMap<string, Requirement>;

export const EVERY_POD: Term = new Map();
export const NAMESPACE_NAME = `n:${LABEL_METADATA_NAME}`;
export const SERVICE_ACCOUNT = 's:';

/** More become too many combinations. */
const MAX_TERMS = 2_000;

/** `under`: at most the pods that are meant. `over`: at least those. */
export type Bound = 'under' | 'over';

/** A selector as terms, and the parts that are not understood. */
interface Pods {
  readonly terms: readonly Term[];
  readonly unknown: readonly string[];
}

export function podsOf(selector: Selector, bound: Bound): Pods {
  const unknown: string[] = [];
  return { terms: termsOf(selector, bound, unknown), unknown: [...new Set(unknown)] };
}

function termsOf(selector: Selector, bound: Bound, unknown: string[]): readonly Term[] {
  switch (selector.kind) {
    case 'all':
      return [EVERY_POD];
    // Pods are in a namespace.
    case 'global':
      return [];
    case 'and':
      return selector.of.reduce<readonly Term[]>(
        (terms, of) => common(terms, termsOf(of, bound, unknown)),
        [EVERY_POD],
      );
    case 'or':
      return bounded(selector.of.flatMap((of) => termsOf(of, bound, unknown)));
    case 'not':
      return ofNegated(selector.of, bound, unknown);
    default:
      return ofLabel(selector, bound, unknown);
  }
}

function ofNegated(of: Selector, bound: Bound, unknown: string[]): readonly Term[] {
  switch (of.kind) {
    case 'all':
      return [];
    case 'global':
      return [EVERY_POD];
    case 'and':
      return bounded(of.of.flatMap((each) => termsOf(not(each), bound, unknown)));
    case 'or':
      return of.of.reduce<readonly Term[]>(
        (terms, each) => common(terms, termsOf(not(each), bound, unknown)),
        [EVERY_POD],
      );
    case 'not':
      return termsOf(of.of, bound, unknown);
    case 'has':
      return ofLabel(of, bound, unknown, true);
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return notUnderstood(of, bound, unknown);
    default:
      return termsOf(not(of), bound, unknown);
  }
}

type LabelTerm = Extract<Selector, { readonly key: string }>;

function notUnderstood({ kind, key }: LabelTerm, bound: Bound, unknown: string[]): readonly Term[] {
  unknown.push(
    `the selector looks at the label ${key} in a way that has no counterpart (${WORDS[kind] ?? kind})`,
  );
  return bound === 'under' ? [] : [EVERY_POD];
}

const WORDS: Readonly<Record<string, string>> = { startsWith: 'starts with', endsWith: 'ends with' };

function ofLabel(label: LabelTerm, bound: Bound, unknown: string[], isNegated = false): readonly Term[] {
  const required = requirementOf(label, isNegated);
  if (required === undefined) return notUnderstood(label, bound, unknown);
  if (label.key === LABEL_ORCHESTRATOR) return admits(required, 'k8s') ? [EVERY_POD] : [];
  const key = keyOf(label.key);
  if (key === undefined || (key === SERVICE_ACCOUNT && required.isBut))
    return notUnderstood(label, bound, unknown);
  const term = met(EVERY_POD, key, required);
  return term === undefined ? [] : [term];
}

function requirementOf(label: LabelTerm, isNegated: boolean): Requirement | undefined {
  switch (label.kind) {
    case 'has':
      return { values: new Set(), isBut: !isNegated, absent: isNegated };
    case 'eq':
      return { values: new Set([label.value]), isBut: false, absent: false };
    case 'ne':
      return { values: new Set([label.value]), isBut: true, absent: true };
    case 'in':
      return { values: new Set(label.values), isBut: false, absent: false };
    case 'notIn':
      return { values: new Set(label.values), isBut: true, absent: true };
    default:
      return undefined;
  }
}

/** Undefined for a label that a ClusterFirewall cannot name. */
function keyOf(label: string): string | undefined {
  if (label === LABEL_NAMESPACE) return NAMESPACE_NAME;
  if (label === LABEL_SERVICE_ACCOUNT) return SERVICE_ACCOUNT;
  if (label.startsWith(NAMESPACE_PREFIX)) {
    const own = label.slice(NAMESPACE_PREFIX.length);
    return own === LABEL_NAMESPACE_NAME ? NAMESPACE_NAME : `n:${own}`;
  }
  if (label === `${SERVICE_ACCOUNT_PREFIX}${LABEL_NAMESPACE_NAME}`) return SERVICE_ACCOUNT;
  return /^(?:pcsa\.|projectcalico\.org\/)/.test(label) ? undefined : `p:${label}`;
}

export const admits = ({ values, isBut, absent }: Requirement, value: string | undefined): boolean =>
  value === undefined ? absent : values.has(value) !== isBut;

/** A namespace always has its name. */
const isAlwaysThere = (key: string): boolean => key === NAMESPACE_NAME || key === SERVICE_ACCOUNT;

const canBeMet = ({ values, isBut, absent }: Requirement, key: string): boolean =>
  isBut || values.size > 0 || (absent && !isAlwaysThere(key));

const saysNothing = ({ values, isBut, absent }: Requirement, key: string): boolean =>
  isBut && values.size === 0 && (absent || isAlwaysThere(key));

function both(a: Requirement, b: Requirement): Requirement {
  const absent = a.absent && b.absent;
  if (a.isBut && b.isBut) return { values: new Set([...a.values, ...b.values]), isBut: true, absent };
  const [listed, other] = a.isBut ? [b, a] : [a, b];
  const values = new Set([...listed.values].filter((value) => other.values.has(value) !== other.isBut));
  return { values, isBut: false, absent };
}

const complement = ({ values, isBut, absent }: Requirement): Requirement => ({
  values,
  isBut: !isBut,
  absent: !absent,
});

/** The term with one requirement more. Undefined where no pod can meet both. */
function met(term: Term, key: string, required: Requirement): Term | undefined {
  const known = term.get(key);
  const joined = known === undefined ? required : both(known, required);
  if (!canBeMet(joined, key)) return undefined;
  if (saysNothing(joined, key)) return term;
  return new Map([...term, [key, joined]]);
}

/** Undefined: no pod is in both. */
export function meet(a: Term, b: Term): Term | undefined {
  let term: Term | undefined = a;
  for (const [key, required] of b) term = term && met(term, key, required);
  return term;
}

const common = (a: readonly Term[], b: readonly Term[]): readonly Term[] =>
  bounded(a.flatMap((one) => b.flatMap((other) => meet(one, other) ?? [])));

/** The pods of the first that are not in the second, as terms that share no pod. */
export function less(term: Term, hole: Term): readonly Term[] {
  if (meet(term, hole) === undefined) return [term];
  const rest: Term[] = [];
  let inside: Term = term;
  for (const [key, required] of hole) {
    const outside = met(inside, key, complement(required));
    if (outside !== undefined) rest.push(outside);
    inside = met(inside, key, required) ?? inside;
  }
  return rest;
}

export const isWithin = (inner: Term, outer: Term): boolean => less(inner, outer).length === 0;

const bounded = (terms: readonly Term[]): readonly Term[] => {
  if (terms.length <= MAX_TERMS) return terms;
  throw new ImportError(
    `the selectors of these policies make more than ${String(MAX_TERMS)} combinations of labels: give fewer policies at a time`,
  );
};

/** Equal texts: the same requirements. */
export const termKey = (term: Term): string =>
  [...term]
    .map(
      ([key, { values, isBut, absent }]) =>
        `${key}${isBut ? '!' : '='}${[...values].sort().join('|')}${absent ? '?' : ''}`,
    )
    .sort()
    .join(' & ');
