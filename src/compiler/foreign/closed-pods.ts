/** The pods under the default deny, and whether a policy of others may select one of them. */
import {
  LABEL_METADATA_NAME,
  LABEL_NAMESPACE,
  LABEL_NAMESPACE_NAME,
  LABEL_ORCHESTRATOR,
} from '../../calico/labels.ts';
import { ANY_VALUE, mayMatch, type LabelOf } from '../../calico/partial-match.ts';
import { matchesSelector } from '../../calico/selector.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type {
  AdminPolicyInfo,
  Directions,
  ForeignPolicyInfo,
  Inventory,
  NamespaceInfo,
} from '../../inventory/types.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import { subjectOf } from './subject.ts';

/** The namespaces whose pods are under an enforced default deny. */
export interface ClosedPods {
  readonly deny: Directions;
  readonly namespaces: readonly NamespaceInfo[];
}

/** Nothing is known to be closed while the namespaces are not known. */
export function closedPods(enforcement: Enforcement, { namespaces }: Inventory): ClosedPods {
  const { deny } = enforcement;
  if (namespaces === UNKNOWN) return { deny, namespaces: [] };
  return { deny, namespaces: namespaces.filter((namespace) => enforcement.modeOf(namespace) === 'enforced') };
}

/** A selector that this project cannot read may select anything. */
export function maySelect({ namespaces }: ClosedPods, policy: ForeignPolicyInfo): boolean {
  if (policy.isForHostsAlone) return false;
  const subject = subjectOf(policy);
  return namespaces.some((namespace) => subject === undefined || mayMatch(subject, labelsOfPods(namespace)));
}

/** A pod's labels as Felix sees them. Only those that tell of its namespace are known. */
function labelsOfPods({ name, labels }: NamespaceInfo): LabelOf {
  return (key) => {
    if (key === LABEL_NAMESPACE) return name;
    if (key === LABEL_ORCHESTRATOR) return 'k8s';
    if (!key.startsWith(OF_NAMESPACE)) return ANY_VALUE;
    const own = key.slice(OF_NAMESPACE.length);
    if (own === LABEL_NAMESPACE_NAME || own === LABEL_METADATA_NAME) return name;
    return Object.hasOwn(labels, own) ? labels[own] : undefined;
  };
}

/** Felix gives pods the labels of their namespace with this prefix, and takes such labels off pods. */
const OF_NAMESPACE = 'pcns.';

export const mayGovern = ({ namespaces }: ClosedPods, { namespaceSelector }: AdminPolicyInfo): boolean =>
  namespaces.some(
    ({ name, labels }) =>
      namespaceSelector === undefined ||
      matchesSelector(namespaceSelector, { ...labels, [LABEL_METADATA_NAME]: name }),
  );
