/**
 * Denies at pods. Behind natOutgoing a node sees another node's address instead of the pod's. And a pod's
 * traffic to its own node goes past the host layer (calico.md, seen with packets), at addresses that nobody
 * listed. Ports that only some may reach on nodes are therefore denied to pods at those pods, in tier
 * clusterfirewall, where no allow rule overrides it.
 */
import { MAX_NETS } from '../../calico/limits.ts';
import { all, not, or } from '../../calico/selector.ts';
import type { Cidr } from '../../net/cidr.ts';
import type { EndMatch } from '../flows/flow-ends.ts';
import { matchNets } from '../flows/flow-ends.ts';
import { contentTag, ruleId, TIER, TIER_POLICY_ORDER, type RuleId } from '../names.ts';
import { policySelectors } from '../namespaces/namespaces.ts';
import { globalPolicies } from '../flows/policies.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import { RuleProblem } from '../problems.ts';
import type { DesiredObject } from '../types.ts';
import type { NodeContext } from './context.ts';
import { type Openings, type Restriction, restrictionsOf, type Where } from './restrictions.ts';
import { nodeSet, notNets, podsByLabel } from './sources.ts';

/** @param extra further addresses of nodes */
export function compilePodGuard(
  openings: Openings,
  extra: readonly Cidr[],
  context: NodeContext,
): readonly DesiredObject[] {
  const id = ruleId(context.place.id, 'pods');
  const { firewall } = context.place;
  const place = { firewall, id, path: `${context.place.path}.zones` };
  return restrictionsOf(openings, context).flatMap((each) =>
    context.collector.guard(place, () => restrict(id, each, [...nodeSet, ...matchNets(extra)], context)),
  );
}

function restrict(
  id: RuleId,
  { except, refused }: Restriction,
  nodes: readonly EndMatch[],
  context: NodeContext,
): readonly DesiredObject[] {
  const { nodeFirewall, enforcement } = context;
  const egress = canonicalRules(
    refused.flatMap(({ where, ports }) =>
      destinationsOf(where, nodes).flatMap(({ family, entity }) =>
        crossRules({
          id,
          action: 'Deny',
          sources: anyEnd,
          destinations: [{ entity }],
          ports: matchPorts(ports).map((port) => ({
            ...port,
            ...(family !== undefined && { ipVersion: family }),
          })),
        }),
      ),
    ),
  );
  const pods = except.length === 0 ? all() : not(or(...except));
  const policies = (isStaged: boolean, namespaceSets: typeof enforcement.enforced) =>
    globalPolicies(
      {
        firewall: context.place.firewall,
        id,
        variant: except.length === 0 ? '' : `but-${contentTag(except)}`,
        rules: [id],
        isStaged,
        tier: TIER,
        order: TIER_POLICY_ORDER.guardrail,
        types: ['Egress'],
        egress,
      },
      namespaceSets.flatMap((namespaces) => policySelectors(namespaces, pods)),
    );
  if (nodeFirewall.isObserved) return policies(true, [...enforcement.enforced, ...enforcement.observed]);
  return [...policies(false, enforcement.enforced), ...policies(true, enforcement.observed)];
}

/** A rule with notNets is of one family, and needs its twin of the other. */
function destinationsOf({ isByPort, except }: Where, nodes: readonly EndMatch[]): readonly EndMatch[] {
  if (!isByPort) return nodes;
  if (except.length === 0) return [{ entity: { notSelector: podsByLabel } }];
  const outside = ([4, 6] as const).map((family) => {
    const nets = except.filter((net) => net.family === family);
    if (nets.length > MAX_NETS) throw tooMany(nets.length);
    return { family, entity: { ...notNets(nets), notSelector: podsByLabel } };
  });
  return [...outside, ...nodes];
}

/** A negation is never split. */
const tooMany = (count: number): RuleProblem =>
  new RuleProblem(
    'TooManyNames',
    `egress rules name ${String(count)} networks of one IP family for a port that nodes give to certain sources, and the maximum is ${String(MAX_NETS)}: name larger networks`,
  );
