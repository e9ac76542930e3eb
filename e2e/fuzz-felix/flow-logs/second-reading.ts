/**
 * Calico works out `Pending` with a second reading of policies (app-policy/checker/match.go at v3.31), which
 * knows less than the packet filter. A world in which the simulator reads them alike.
 */
import { omit } from '../features.ts';
import { parseCidr } from '../../../src/net/cidr.ts';
import type { PolicyRule, Ports, RuleEnd } from '../../../src/calico/read/policy.ts';
import type { World } from '../../../src/simulator/world.ts';

export const asCalicoReads = (world: World): World => ({
  ...world,
  policies: world.policies.map((policy) => ({
    ...policy,
    ingress: policy.ingress.map(ruleAsRead),
    egress: policy.egress.map(ruleAsRead),
  })),
});

/** ICMP types and IP versions are not looked at. */
const ruleAsRead = (rule: PolicyRule): PolicyRule => ({
  ...omit(rule, 'icmp', 'notIcmp', 'ipVersion'),
  source: endAsRead(rule.source),
  destination: endAsRead(rule.destination),
});

function endAsRead({ ports, notPorts, notNets, ...end }: RuleEnd): RuleEnd {
  return {
    ...end,
    notNets: notNets.length === 0 ? [] : [...notNets, ...NOWHERE],
    ...(ports !== undefined && { ports: withoutNames(ports) }),
    ...(notPorts !== undefined && { notPorts: withoutNames(notPorts) }),
  };
}

/** No name ever matches: the port alone is looked for in a set of addresses with ports. */
const withoutNames = ({ ranges }: Ports): Ports => ({ ranges, names: [] });

/** A negated list that has nothing of a family lets all of it in, where the packet filter leaves the rule out. */
const NOWHERE = [parseCidr('255.255.255.255/32'), parseCidr('ff00::/128')];
