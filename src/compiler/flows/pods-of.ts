import type { LabelSelector } from '../../api/schema.ts';
import { and, fromLabelSelector, isIn, type Selector } from '../../calico/selector.ts';
import { LABEL_SERVICE_ACCOUNT } from '../../calico/labels.ts';
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
