/**
 * The selectors that Calico makes of a policy's fields. It joins them as texts, with consequences for `all()`,
 * and prefixes the labels of namespaces and service accounts. Source:
 * libcalico-go/lib/backend/syncersv1/updateprocessors (rules.go, globalnetworkpolicyprocessor.go,
 * networkpolicyprocessor.go).
 */
import { LABEL_NAMESPACE } from '../labels.ts';
import { LABEL_SERVICE_ACCOUNT } from '../labels.ts';
import { parseSelector } from '../selector-parser.ts';
import { and, eq, has, isIn, not, or, prefixed, SelectorError, type Selector } from '../selector.ts';
import { FieldError } from './fields.ts';

export const NAMESPACE_PREFIX = 'pcns.';
export const SERVICE_ACCOUNT_PREFIX = 'pcsa.';

/** Stands for `all()`. Kubernetes allows no such label. */
const EVERYTHING = '//all//';
const IN_NAMESPACE = has(LABEL_NAMESPACE);

export interface Texts {
  readonly selector: string;
  readonly namespaceSelector: string;
  readonly serviceAccountSelector: string;
  /** The path of the object, for messages. */
  readonly path: string;
}

/** The endpoints that a policy selects. @param namespace of a namespaced policy */
export function subjectSelector(texts: Texts, namespace: string | undefined): Selector {
  const { selector, namespaceSelector, serviceAccountSelector, path } = texts;
  let own = parse(selector, `${path}.selector`);
  if (namespace === undefined && namespaceSelector !== '') {
    const ofNamespace = prefixedWith(namespaceSelector, NAMESPACE_PREFIX, `${path}.namespaceSelector`);
    own = replaced(and(own, ofNamespace), IN_NAMESPACE);
  }
  if (namespace !== undefined) own = and(own, eq(LABEL_NAMESPACE, namespace));
  if (serviceAccountSelector === '') return replaced(own, undefined);
  const field = `${path}.serviceAccountSelector`;
  const both = and(own, prefixedWith(serviceAccountSelector, SERVICE_ACCOUNT_PREFIX, field));
  // Only a GlobalNetworkPolicy has `all()` replaced here.
  return replaced(both, namespace === undefined ? has(LABEL_SERVICE_ACCOUNT) : undefined);
}

export interface EndTexts {
  readonly selector: string;
  readonly notSelector: string;
  readonly namespaceSelector: string;
  /** Names and selector of service accounts, where the rule has them. */
  readonly serviceAccounts?: { readonly names: readonly string[]; readonly selector: string };
  readonly path: string;
}

/** One end of a rule. An absent `selector` matches every address, known or not. */
export interface EndSelectors {
  readonly selector?: Selector;
  readonly notSelector?: Selector;
}

/** @param namespace of a namespaced policy */
export function endSelectors(texts: EndTexts, namespace: string | undefined): EndSelectors {
  const { selector, notSelector, namespaceSelector, path } = texts;
  const scope = scopeOf(namespaceSelector, namespace, path);
  const parts = [
    ...serviceAccounts(texts),
    ...(selector === '' ? [] : [plain(selector, `${path}.selector`)]),
  ];
  const negative = notSelector === '' ? undefined : plain(notSelector, `${path}.notSelector`);
  const isScoped =
    scope !== undefined && (parts.length > 0 || negative !== undefined || namespaceSelector !== '');
  if (isScoped) parts.unshift(scope);
  if (parts.length === 0) return negative === undefined ? {} : { notSelector: negative };
  // felix/calc/rule_scanner.go, combineMatchesIfPossible.
  return { selector: and(...parts, ...(negative === undefined ? [] : [not(negative)])) };
}

function scopeOf(text: string, namespace: string | undefined, path: string): Selector | undefined {
  if (text === '') return namespace === undefined ? undefined : eq(LABEL_NAMESPACE, namespace);
  const parsed = prefixedWith(text, NAMESPACE_PREFIX, `${path}.namespaceSelector`);
  return replaced(parsed, IN_NAMESPACE);
}

function serviceAccounts({ serviceAccounts: match, path }: EndTexts): readonly Selector[] {
  if (match === undefined) return [];
  const field = `${path}.serviceAccounts.selector`;
  return [
    ...(match.selector === ''
      ? []
      : [replaced(prefixedWith(match.selector, SERVICE_ACCOUNT_PREFIX, field), undefined)]),
    ...(match.names.length === 0 ? [] : [isIn(LABEL_SERVICE_ACCOUNT, match.names)]),
  ];
}

const plain = (text: string, field: string): Selector => replaced(parse(text, field), undefined);

function prefixedWith(text: string, prefix: string, field: string): Selector {
  return renamed(prefixed(prefix, parse(text, field)), `${prefix}${EVERYTHING}`);
}

/** `all()` stays a term of its own: it may be replaced by something that it is not equal to. */
function parse(text: string, field: string): Selector {
  try {
    return parseSelector(text, has(EVERYTHING));
  } catch (error) {
    if (error instanceof SelectorError) throw new FieldError(field, error.message);
    throw error;
  }
}

/** @param meaning undefined: everything */
const replaced = (selector: Selector, meaning: Selector | undefined): Selector =>
  mapped(selector, (term) => {
    if (term.kind === 'has' && term.key === EVERYTHING) return meaning ?? { kind: 'all' };
    return term.kind === 'global' ? not(IN_NAMESPACE) : term;
  });

const renamed = (selector: Selector, key: string): Selector =>
  mapped(selector, (term) => (term.kind === 'has' && term.key === key ? has(EVERYTHING) : term));

function mapped(selector: Selector, change: (term: Selector) => Selector): Selector {
  switch (selector.kind) {
    case 'not':
      return not(mapped(selector.of, change));
    case 'and':
      return and(...selector.of.map((of) => mapped(of, change)));
    case 'or':
      return or(...selector.of.map((of) => mapped(of, change)));
    default:
      return change(selector);
  }
}
