/**
 * Calico's selector language (libcalico-go/lib/selector at v3.31): terms over labels, `&&`, `||`, `!`,
 * parentheses. Strings are in single or double quotes without escapes, so some values cannot be written.
 */

export type Selector =
  | { readonly kind: 'all' | 'global' }
  | { readonly kind: 'has'; readonly key: string }
  | { readonly kind: ValueOperator; readonly key: string; readonly value: string }
  | { readonly kind: 'in' | 'notIn'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'not'; readonly of: Selector }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Selector[] };

type ValueOperator = 'eq' | 'ne' | 'contains' | 'startsWith' | 'endsWith';

/** A text that is no selector, or a selector that Calico's language cannot express. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/**
 * Matches everything. In a namespaceSelector Calico replaces the text `all()` by
 * `has(projectcalico.org/namespace)`, inside a negation too. `!all()` there means "in no namespace". Use
 * `isIn(key, [])` to match nothing.
 */
export const all = (): Selector => ({ kind: 'all' });
/**
 * Matches global sets and host endpoints. Calico accepts it only in a rule's namespaceSelector, and only
 * alone.
 */
export const global = (): Selector => ({ kind: 'global' });
export const has = (key: string): Selector => ({ kind: 'has', key });
export const eq = (key: string, value: string): Selector => ({ kind: 'eq', key, value });

/** The label has one of the values. Without values it matches nothing. */
export function isIn(key: string, values: readonly string[]): Selector {
  const [first, ...rest] = sortedUnique(values);
  if (first !== undefined && rest.length === 0) return eq(key, first);
  return { kind: 'in', key, values: sortedUnique(values) };
}

/** The label is absent or has none of the values. Without values it matches everything. */
export function notIn(key: string, values: readonly string[]): Selector {
  const [first, ...rest] = sortedUnique(values);
  if (first === undefined) return all();
  if (rest.length === 0) return { kind: 'ne', key, value: first };
  return { kind: 'notIn', key, values: [first, ...rest] };
}

/** The complement. `==` and `in` have their own, which an absent label matches. */
export function not(of: Selector): Selector {
  switch (of.kind) {
    case 'not':
      return of.of;
    case 'eq':
      return { kind: 'ne', key: of.key, value: of.value };
    case 'ne':
      return eq(of.key, of.value);
    case 'in':
      return notIn(of.key, of.values);
    case 'notIn':
      return isIn(of.key, of.values);
    default:
      return { kind: 'not', of };
  }
}

/**
 * All operands. Without operands it matches everything. They are sorted, so the order of the arguments
 * changes no byte.
 * @throws SelectorError for an invalid label key, like `or`
 */
export function and(...of: readonly Selector[]): Selector {
  const operands = operandsOf('and', of).filter(({ kind }) => kind !== 'all');
  const [first, ...rest] = operands;
  if (first === undefined) return all();
  return rest.length === 0 ? first : { kind: 'and', of: operands };
}

/**
 * Any operand, sorted.
 * @throws SelectorError without operands, which would match nothing, and which no caller means
 */
export function or(...of: readonly Selector[]): Selector {
  const operands = operandsOf('or', of);
  const [first, ...rest] = operands;
  if (first === undefined) throw new SelectorError('"or" needs at least one operand');
  if (operands.some(({ kind }) => kind === 'all')) return all();
  return rest.length === 0 ? first : { kind: 'or', of: operands };
}

/**
 * Operands are compared by a text with escaped quotes. In Calico's own text, a value with quotes could look
 * like another selector.
 */
function operandsOf(kind: 'and' | 'or', of: readonly Selector[]): Selector[] {
  const flat = of.flatMap((each) => (each.kind === kind ? each.of : [each]));
  const byText = new Map(flat.map((each) => [write(each, JSON.stringify), each]));
  return sortedUnique([...byText.keys()]).flatMap((text) => byText.get(text) ?? []);
}

/** The same selector over labels whose keys begin with the prefix. `all()` and `global()` stay unchanged. */
export function prefixed(prefix: string, selector: Selector): Selector {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return selector;
    case 'not':
      return { kind: 'not', of: prefixed(prefix, selector.of) };
    case 'and':
      return and(...selector.of.map((of) => prefixed(prefix, of)));
    case 'or':
      return or(...selector.of.map((of) => prefixed(prefix, of)));
    default:
      return { ...selector, key: `${prefix}${selector.key}` };
  }
}

const sortedUnique = (values: readonly string[]): string[] => [...new Set(values)].sort();

/**
 * Prints the selector in Calico's language, with only the necessary parentheses.
 * @throws SelectorError for a label key with other characters than letters, digits and `_./-` or more than
 * 512 of them, and for a value with both kinds of quotes
 */
export function printSelector(selector: Selector): string {
  return write(selector, quote);
}

function quote(value: string): string {
  if (!value.includes("'")) return `'${value}'`;
  if (!value.includes('"')) return `"${value}"`;
  throw new SelectorError(
    `the value ${value} has both kinds of quotes, and Calico's selectors have no escapes: use another label`,
  );
}

const OPERATORS = {
  eq: '==',
  ne: '!=',
  contains: 'contains',
  startsWith: 'starts with',
  endsWith: 'ends with',
  in: 'in',
  notIn: 'not in',
} as const;

function write(selector: Selector, quoted: (value: string) => string): string {
  const within = (of: Selector, ...bracketed: readonly Selector['kind'][]): string =>
    bracketed.includes(of.kind) ? `(${write(of, quoted)})` : write(of, quoted);
  switch (selector.kind) {
    case 'all':
    case 'global':
      return `${selector.kind}()`;
    case 'has':
      return `has(${checkedKey(selector.key)})`;
    case 'not':
      return `!${within(selector.of, 'and', 'or')}`;
    case 'and':
      return selector.of.map((of) => within(of, 'or')).join(' && ');
    case 'or':
      return selector.of.map((of) => write(of, quoted)).join(' || ');
    case 'in':
    case 'notIn':
      return `${checkedKey(selector.key)} ${OPERATORS[selector.kind]} {${selector.values.map(quoted).join(', ')}}`;
    default:
      return `${checkedKey(selector.key)} ${OPERATORS[selector.kind]} ${quoted(selector.value)}`;
  }
}

/** tokenizer.go: MaxLabelLength. */
const MAX_KEY = 512;

function checkedKey(key: string): string {
  if (key.length <= MAX_KEY && /^[A-Za-z0-9_./-]+$/.test(key)) return key;
  throw new SelectorError(
    `"${key}" is no label key: use letters, digits and _ . / -, at most ${String(MAX_KEY)}`,
  );
}

/**
 * True when the labels match. As in Calico, `!=` and `not in` match an absent label, and every other operator
 * does not. `global()` is true here, as in Calico's own evaluation, because it is replaced before labels are
 * compared.
 */
export function matchesSelector(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return true;
    case 'not':
      return !matchesSelector(selector.of, labels);
    case 'and':
      return selector.of.every((of) => matchesSelector(of, labels));
    case 'or':
      return selector.of.some((of) => matchesSelector(of, labels));
    default:
      return matchesLabel(selector, Object.hasOwn(labels, selector.key) ? labels[selector.key] : undefined);
  }
}

type LabelTerm = Extract<Selector, { readonly key: string }>;

function matchesLabel(term: LabelTerm, label: string | undefined): boolean {
  if (label === undefined) return term.kind === 'ne' || term.kind === 'notIn';
  switch (term.kind) {
    case 'has':
      return true;
    case 'eq':
      return label === term.value;
    case 'ne':
      return label !== term.value;
    case 'contains':
      return label.includes(term.value);
    case 'startsWith':
      return label.startsWith(term.value);
    case 'endsWith':
      return label.endsWith(term.value);
    case 'in':
      return term.values.includes(label);
    case 'notIn':
      return !term.values.includes(label);
  }
}

/** The fields of a Kubernetes LabelSelector that this function reads. */
export interface LabelSelectorLike {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?: readonly LabelRequirementLike[] | undefined;
}

interface LabelRequirementLike {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[] | undefined;
}

/**
 * The Calico selector that matches the same labels. `{}` matches everything.
 * @throws SelectorError for In or NotIn without values, which Kubernetes refuses too, because it must not
 * become "everything"
 */
export function fromLabelSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelectorLike): Selector {
  return and(
    ...Object.entries(matchLabels).map(([key, value]) => eq(key, value)),
    ...matchExpressions.map(fromRequirement),
  );
}

function fromRequirement({ key, operator, values = [] }: LabelRequirementLike): Selector {
  if (operator === 'Exists') return has(key);
  if (operator === 'DoesNotExist') return not(has(key));
  if (values.length === 0) throw new SelectorError(`${operator} of the label ${key} needs values`);
  return operator === 'In' ? isIn(key, values) : notIn(key, values);
}
