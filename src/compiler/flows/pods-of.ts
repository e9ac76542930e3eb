import type { LabelSelector } from '../../api/schema.ts';
import { and, fromLabelSelector, isIn, prefixed, type Selector } from '../../calico/selector.ts';
import { LABEL_NAMESPACE, LABEL_SERVICE_ACCOUNT } from '../../calico/labels.ts';
import type { Port } from '../../net/ports.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';

/** Pods as an end of a flow. */
export interface PodsEnd {
  readonly kind: 'pods';
  readonly namespaces: NamespaceSet;
  readonly pods: Selector;
  /** Part of object names. */
  readonly tag: string;
  /** Where they are other ports than those of the rule. */
  readonly ports?: readonly Port[];
}

/**
 * Pods by label and by ServiceAccount; both must match. Calico sets the label of the account on every pod that has
 * one, over that of the pod's author.
 */
export const podsOf = (
  labels: LabelSelector | undefined,
  serviceAccounts: readonly string[] | undefined,
): Selector =>
  and(
    fromLabelSelector(labels ?? {}),
    ...(serviceAccounts === undefined ? [] : [isIn(LABEL_SERVICE_ACCOUNT, serviceAccounts)]),
  );

/**
 * Both selectors in one. Namespaces are matched by the labels that pods inherit (`pcns.…`), so one negation can
 * hold both. Calico removes that prefix from pods' own labels.
 */
export const selectorOf = ({ namespaces: { names, where }, pods }: PodsEnd): Selector =>
  and(...(names === undefined ? [] : [isIn(LABEL_NAMESPACE, names)]), prefixed('pcns.', where), pods);
