/** Terms in the words of the API. */
import type { LabelSelector, LabelSelectorRequirement } from '../../api/schema.ts';
import { NAMESPACE_NAME, type Requirement, SERVICE_ACCOUNT, type Term } from './terms.ts';

/** Terms that the API has words for, and whether any was lost. */
interface Worded {
  readonly terms: readonly Term[];
  readonly lost: boolean;
}

/** A label that has one of some values or is absent becomes two terms. */
export function worded(term: Term): Worded {
  let terms: readonly Term[] = [new Map()];
  for (const [key, required] of term) {
    if (key === SERVICE_ACCOUNT && required.isBut) return { terms: [], lost: true };
    const parts = alternatives(required, key);
    terms = terms.flatMap((known) => parts.map((part) => new Map([...known, [key, part]])));
  }
  return { terms, lost: false };
}

function alternatives(required: Requirement, key: string): readonly Requirement[] {
  const { values, isBut, absent } = required;
  if (key === NAMESPACE_NAME || key === SERVICE_ACCOUNT) return [{ ...required, absent: false }];
  if (isBut || !absent || values.size === 0) return [required];
  return [
    { ...required, absent: false },
    { values: new Set(), isBut: false, absent: true },
  ];
}

const MAX_VALUES = 64;

/** Undefined: no requirement on these labels. @param space `n:` or `p:` */
export function selectorOf(term: Term, space: 'n:' | 'p:'): LabelSelector | undefined {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: LabelSelectorRequirement[] = [];
  for (const [key, required] of term) {
    if (!key.startsWith(space)) continue;
    const label = key.slice(space.length);
    const values = [...required.values].sort();
    const [only] = values;
    if (!required.isBut && values.length === 1 && only !== undefined) matchLabels[label] = only;
    else if (!required.isBut && values.length > 0)
      matchExpressions.push({ key: label, operator: 'In', values });
    else if (!required.isBut) matchExpressions.push({ key: label, operator: 'DoesNotExist' });
    else {
      if (!required.absent && key !== NAMESPACE_NAME)
        matchExpressions.push({ key: label, operator: 'Exists' });
      for (let start = 0; start < values.length; start += MAX_VALUES)
        matchExpressions.push({
          key: label,
          operator: 'NotIn',
          values: values.slice(start, start + MAX_VALUES),
        });
    }
  }
  const hasLabels = Object.keys(matchLabels).length > 0;
  if (!hasLabels && matchExpressions.length === 0) return undefined;
  return { ...(hasLabels && { matchLabels }), ...(matchExpressions.length > 0 && { matchExpressions }) };
}

export function serviceAccountsOf(term: Term): string[] | undefined {
  const required = term.get(SERVICE_ACCOUNT);
  return required === undefined ? undefined : [...required.values].sort();
}

/** Names of namespaces, where a term gives nothing but these. */
export function namesOf(term: Term): readonly string[] | undefined {
  const required = term.get(NAMESPACE_NAME);
  return required === undefined || required.isBut ? undefined : [...required.values].sort();
}

export const isByNameAlone = (term: Term): boolean =>
  namesOf(term) !== undefined &&
  [...term.keys()].every((key) => key === NAMESPACE_NAME || !key.startsWith('n:'));
