/** Where rules and policies stand, as sentences. */
import type { Cause } from '../../questions/cause.ts';
import type { OwnRule, Place, PolicyPlace } from '../../questions/provenance.ts';
import { displayName } from '../manifests/diagnostics.ts';

/** The rule behind a decision, as ` It is at firewall.yaml:12, spec.….`. Empty where no rule has decided. */
export function placeText({ rule, policies }: Pick<Cause, 'rule' | 'policies'>): string {
  if (rule !== undefined) return ` ${ruleText(rule)}.`;
  const [policy] = policies;
  return policy?.field === undefined ? '' : ` ${policyText(policy)}.`;
}

/** `firewall.yaml:12, spec.namespaces[0].ingress[1]`. */
export const ruleText = ({ firewall, field, place }: OwnRule): string =>
  place === undefined ? `It is ${field} of ClusterFirewall ${firewall}` : `It is at ${at(place)}, ${field}`;

export function policyText(policy: PolicyPlace): string {
  const { field, place } = policy;
  const rule = field === undefined ? '' : `${field} of `;
  return place === undefined ? `It is ${rule}${policyName(policy)}` : `It is at ${at(place)}, ${field ?? ''}`;
}

export const policyName = ({ kind, namespace, name }: PolicyPlace): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;

export const at = ({ file, line: number }: Place): string => `${displayName(file)}:${String(number)}`;
