/** The output of `status -o json`. */
import { isUnknown, type Answer } from '../inspect/answer.ts';
import { unknownsOf, type ClusterStatus } from '../inspect/cluster-status.ts';
import type { FirewallStanding } from '../inspect/firewalls.ts';

/** Parts that are not known are missing, and `unknown` says why. */
export function statusJson(status: ClusterStatus, ok: boolean): string {
  const { operator, firewalls, namespaces, nodes } = status;
  const unknown = unknownsOf(status);
  const value = {
    ok,
    ...part('operator', operator),
    ...part('firewalls', isUnknown(firewalls) ? firewalls : firewalls.map(firewallJson)),
    ...part('namespaces', namespaces),
    ...part('nodes', nodes),
    ...(unknown.length > 0 && { unknown }),
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const part = (name: string, answer: Answer<object>): object => (isUnknown(answer) ? {} : { [name]: answer });

function firewallJson({ firewall, status, ...fields }: FirewallStanding): object {
  return {
    ...fields,
    valid: firewall !== undefined,
    ...(status?.policies && { policies: status.policies }),
    problems: status?.problems ?? [],
    foreign: status?.foreign ?? [],
    ...(status?.namespacePolicies && { namespacePolicies: status.namespacePolicies }),
  };
}
