/**
 * The denies of the node firewall. Blocked sources and forged loopback addresses come first. The final deny
 * is for everything that nothing let in.
 */
import type { PortValue } from '../../api/schema.ts';
import type { Action, Protocol, Rule } from '../../calico/types.ts';
import type { Cidr } from '../../net/cidr.ts';
import { parseCidr } from '../../net/cidr.ts';
import { groupPorts, parsePort } from '../../net/ports.ts';
import type { EndMatch, FlowEnd } from '../flows/flow-ends.ts';
import { matchEnd, matchNets, resolveEnd } from '../flows/flow-ends.ts';
import { NODE_ADDRESSES_SET_VALUE, NODE_ORDER, ruleId, type RuleId } from '../names.ts';
import { located, RuleProblem } from '../problems.ts';
import { anyEnd, canonicalRules, chunkPorts, crossRules } from '../flows/rules.ts';
import type { DesiredObject } from '../types.ts';
import type { NodeContext } from './context.ts';
import { bothLayers, catchAll, layerPolicies } from './layers.ts';
import { notNets, podsByLabel, sourcesOf } from './sources.ts';

/** While nodes are observed, a rule that would deny passes, and its counter shows how often. */
const denyAction = ({ nodeFirewall }: NodeContext): Action => (nodeFirewall.isObserved ? 'Pass' : 'Deny');

/** Entries with a problem are left out. The rest stands in for the whole: see DesiredObject. */
export function compileBlocked(context: NodeContext): readonly DesiredObject[] {
  const { nodeFirewall, collector, resolveScope, sourceScope } = context;
  const blocked = nodeFirewall.nodes.blocked ?? [];
  const { firewall, path } = context.place;
  const id = ruleId(context.place.id, 'blocked');
  const sources = blocked.flatMap((entry, index) =>
    collector.guard({ firewall, id, path: `${path}.blocked` }, () =>
      located(`[${String(index)}]`, () => {
        const end = resolveEnd(entry, resolveScope, false);
        refusePods(end.kind, 'blocked takes addresses');
        return [sourcesOf([end], sourceScope)];
      }),
    ),
  );
  const matches = sources.flatMap((source) => source.matches);
  const objects = collector.guard({ firewall, id, path: `${path}.blocked` }, () => {
    const rules = canonicalRules(
      crossRules({ id, action: denyAction(context), sources: matches, destinations: anyEnd, ports: [{}] }),
    );
    return layerPolicies({ firewall, id, order: NODE_ORDER.blocked }, bothLayers(rules));
  });
  return sources.length === blocked.length ? objects : objects.map((each) => ({ ...each, standIn: true }));
}

/** @throws RuleProblem for a peer that is pods, where addresses are required */
export function refusePods(kind: FlowEnd['kind'], why: string): void {
  if (kind === 'nets') return;
  const what = kind === 'pods' ? 'pods' : 'nodes';
  throw new RuleProblem('ResolvesToNothing', `is ${what}, and ${why}: name a peer with cidrs`, '.peer');
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'].map(parseCidr);

/** Denies packets with a loopback source address that arrive over another interface than lo. */
export function compileLoopback(context: NodeContext): readonly DesiredObject[] {
  const id = ruleId(context.place.id, 'loopback');
  const rules = crossRules({
    id,
    action: denyAction(context),
    sources: matchNets(LOOPBACK),
    destinations: anyEnd,
    ports: [{}],
  });
  return layerPolicies(
    { firewall: context.place.firewall, id, order: NODE_ORDER.loopback },
    bothLayers(canonicalRules(rules)),
  );
}

/** @param hostPorts the hostPorts that rules of all firewalls declare */
export function compileFinalDeny(
  hostPorts: readonly PortValue[],
  context: NodeContext,
): readonly DesiredObject[] {
  const id = ruleId(context.place.id, 'deny');
  const pass = ruleId(context.place.id, 'pass');
  const log = ruleId(context.place.id, 'log');
  const isLogged = context.nodeFirewall.nodes.log === 'Refused';
  const logged = (rule: Rule): Rule => ({ ...rule, ...catchAll(log, 'Log') });
  const deny = (rules: readonly Rule[]): readonly Rule[] => [
    ...canonicalRules(rules).flatMap((rule) => (isLogged ? [logged(rule), rule] : [rule])),
    // When Felix starts and the Tier object is missing, the tier denies at its end (calico.md, Missing Tier).
    catchAll(pass, 'Pass'),
  ];
  return layerPolicies(
    {
      firewall: context.place.firewall,
      id,
      rules: isLogged ? [id, log, pass] : [id, pass],
      order: NODE_ORDER.deny,
    },
    { ports: deny(portDenies(id, hostPorts, context)), host: deny([denyRule({ id }, context)]) },
  );
}

function portDenies(id: RuleId, hostPorts: readonly PortValue[], context: NodeContext): readonly Rule[] {
  const toNodes = matchEnd({ kind: 'set', value: NODE_ADDRESSES_SET_VALUE }).map(({ entity }) =>
    denyRule({ id, destination: entity }, context),
  );
  const ports: readonly PortsOf[] =
    context.nodeFirewall.nodes.destinations === 'All'
      ? [{}]
      : portsByProtocol([...context.services('nodeports'), ...hostPorts]);
  const elsewhere = ([4, 6] as const).flatMap((family) => {
    const outside = outsidePods(context.nodeFirewall.pools.filter((pool) => pool.family === family));
    // Without a pool there is nothing to leave out, and such a rule would deny everybody.
    if (outside === undefined) return [];
    return ports.map(({ protocol, ports: some }) =>
      denyRule(
        {
          id,
          ...(protocol === undefined ? {} : { protocol }),
          source: outside,
          destination: { ...outside, ...(some === undefined ? {} : { ports: some }) },
        },
        context,
      ),
    );
  });
  return [...toNodes, ...elsewhere];
}

/**
 * Excludes pods by pool, because a pod is in a pool before Felix knows it. Excludes them by label as well,
 * because a pod may be outside every pool.
 */
function outsidePods(pools: readonly Cidr[]): EndMatch['entity'] | undefined {
  return pools.length === 0 ? undefined : { ...notNets(pools), notSelector: podsByLabel };
}

interface PortsOf {
  readonly protocol?: Protocol;
  readonly ports?: readonly (number | string)[];
}

const portsByProtocol = (values: readonly PortValue[]): readonly PortsOf[] =>
  groupPorts(values.map(parsePort)).transports.flatMap(({ protocol, ports }) =>
    chunkPorts(ports).map((some) => ({ protocol, ports: some })),
  );

interface Denied {
  readonly id: RuleId;
  readonly protocol?: Protocol;
  readonly source?: EndMatch['entity'];
  readonly destination?: EndMatch['entity'];
}

const denyRule = ({ id, ...match }: Denied, context: NodeContext): Rule => {
  const { metadata } = catchAll(id, 'Deny');
  return { action: denyAction(context), ...match, ...(metadata === undefined ? {} : { metadata }) };
};

/** Families in which a rule for everything but pods cannot be written. */
export const familiesWithoutPools = (pools: readonly Cidr[]): readonly (4 | 6)[] =>
  ([4, 6] as const).filter((family) => !pools.some((pool) => pool.family === family));
