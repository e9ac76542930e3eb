/** The pods and host endpoints that a GlobalNetworkPolicy selects. */
import { LABEL_NAMESPACE } from '../../calico/labels.ts';
import { parseSelector } from '../../calico/selector-parser.ts';
import type { Selector } from '../../calico/selector.ts';
import { and, has, or, prefixed, SelectorError } from '../../calico/selector.ts';
import type { ForeignPolicyInfo } from '../../inventory/types.ts';

/**
 * The endpoints that a global policy selects, in the form that Felix uses (globalnetworkpolicyprocessor.go).
 * Its namespaceSelector is matched against labels with prefix `pcns.`, which hosts lack. With a
 * namespaceSelector, every `all()` means "in a namespace". Undefined for a selector that does not parse,
 * because Felix drops such a policy. Felix ignores a namespaceSelector that does not parse.
 */
export function subjectOf({
  selector,
  namespaceSelector,
}: Pick<ForeignPolicyInfo, 'selector' | 'namespaceSelector'>): Selector | undefined {
  const own = parsed(selector);
  const space = namespaceSelector === '' ? undefined : parsed(namespaceSelector);
  if (own === undefined || space === undefined) return own;
  const scoped = prefixed('pcns.', space);
  // An absent selector is no `all()`, so nothing of it is rewritten.
  return and(inNamespace(scoped), selector.trim() === '' ? own : inNamespace(own));
}

function inNamespace(selector: Selector): Selector {
  switch (selector.kind) {
    case 'all':
      return has(LABEL_NAMESPACE);
    case 'not':
      return { kind: 'not', of: inNamespace(selector.of) };
    case 'and':
      return and(...selector.of.map(inNamespace));
    case 'or':
      return or(...selector.of.map(inNamespace));
    default:
      return selector;
  }
}

export function parsed(text: string): Selector | undefined {
  try {
    return parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}
