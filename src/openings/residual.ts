/** The rest of a selector once the labels that a namespace gives are known. */
import { LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../calico/labels.ts';
import { NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX } from '../calico/read/selectors.ts';
import { matchesSelector, type Selector } from '../calico/selector.ts';

type Labels = Readonly<Record<string, string>>;

/** A boolean where the namespace alone decides. */
export type Residual = boolean | Selector;

/** True for a label that a pod has from its namespace or from Calico, and never from its author. */
const isGiven = (key: string): boolean =>
  key === LABEL_NAMESPACE || key === LABEL_ORCHESTRATOR || key.startsWith(NAMESPACE_PREFIX);

/** @param given labels of every pod of the namespace */
export function residualOf(selector: Selector, given: Labels): Residual {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return true;
    case 'not': {
      const of = residualOf(selector.of, given);
      return typeof of === 'boolean' ? !of : { kind: 'not', of };
    }
    case 'and':
    case 'or': {
      const { kind } = selector;
      const parts = selector.of.map((each) => residualOf(each, given));
      const decides = kind === 'or';
      if (parts.includes(decides)) return decides;
      const rest = parts.filter((each) => typeof each !== 'boolean');
      const [only, ...others] = rest;
      if (only === undefined) return !decides;
      return others.length === 0 ? only : { kind, of: rest };
    }
    default:
      return isGiven(selector.key) ? matchesSelector(selector, given) : selector;
  }
}

/**
 * Labels that a selector speaks about, with their values. `'text'`: it looks into a value. Those of ServiceAccounts
 * are left out, because nobody judges them (simulator/missing.ts).
 */
export function termsOf(selector: Selector, terms: Map<string, Set<string>>): 'text' | undefined {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return undefined;
    case 'not':
      return termsOf(selector.of, terms);
    case 'and':
    case 'or':
      return selector.of.map((each) => termsOf(each, terms)).find((each) => each !== undefined);
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return 'text';
    default: {
      if (selector.key.startsWith(SERVICE_ACCOUNT_PREFIX)) return undefined;
      const values = terms.get(selector.key) ?? new Set();
      terms.set(selector.key, values);
      if ('value' in selector) values.add(selector.value);
      if ('values' in selector) for (const each of selector.values) values.add(each);
      return undefined;
    }
  }
}
