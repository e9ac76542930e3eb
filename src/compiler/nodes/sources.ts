/** The sources of zones and of open ports, as Calico rules express them at a node. */
import { LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import { MAX_NETS } from '../../calico/limits.ts';
import type { Selector } from '../../calico/selector.ts';
import { all, printSelector } from '../../calico/selector.ts';
import type { Cidr } from '../../net/cidr.ts';
import { containsCidr, formatCidr, overlapsCidr } from '../../net/cidr.ts';
import type { FlowEnd, EndMatch, ResolveScope } from '../flows/flow-ends.ts';
import { matchEnd, matchNets, notWorld } from '../flows/flow-ends.ts';
import { CONTROL_PLANE_SET_VALUE, NODE_SET_VALUE } from '../names.ts';
import { selectorOf } from '../flows/pods-of.ts';
import { RuleProblem } from '../problems.ts';

export interface NodeSources {
  /** Any of them may match. */
  readonly matches: readonly EndMatch[];
  /** The pods among the sources, as selectors of a policy on pods. */
  readonly pods: readonly Selector[];
  readonly kinds: ReadonlySet<SourceKind>;
}

/**
 * For failsafes.ts, which asks whether a port is open to everyone. Addresses by themselves never are
 * everyone.
 */
export type SourceKind = 'world' | 'internet' | 'pods' | 'somePods' | 'nodes' | 'addresses' | 'controlPlane';

export interface SourceScope {
  readonly resolveScope: ResolveScope;
  /** CIDRs of IPPools. Addresses in a manifest never mean pods. */
  readonly pools: readonly Cidr[];
  /** Pods that act for the control plane. */
  readonly controlPlanePods: readonly PodsEnd[];
}

export type PodsEnd = Extract<FlowEnd, { readonly kind: 'pods' }>;

/**
 * Where pods are sources, nodes are sources too. With natOutgoing, which is the default of IPv4 pools, a pod
 * reaches another node with the address of its own node. pod-guard.ts distinguishes the pods at the pods
 * themselves.
 * @throws RuleProblem for addresses that all belong to pods
 */
export function sourcesOf(ends: readonly FlowEnd[], sourceScope: SourceScope): NodeSources {
  const each = ends.map((end) => sourceOf(end, sourceScope));
  const pods = each.flatMap((source) => source.pods);
  const kinds = new Set(each.flatMap((source) => [...source.kinds]));
  const behindNat = pods.length === 0 || kinds.has('nodes') ? [] : nodeSet;
  return { matches: [...each.flatMap(({ matches }) => matches), ...behindNat], pods, kinds };
}

export const nodeSet: readonly EndMatch[] = matchEnd({ kind: 'set', value: NODE_SET_VALUE });

function sourceOf(end: FlowEnd, sourceScope: SourceScope): NodeSources {
  switch (end.kind) {
    case 'nets':
    case 'outside':
      return addressSources(end.nets, sourceScope);
    case 'labelledNodes':
      return { matches: matchEnd(end), pods: [], kinds: new Set(['addresses']) };
    case 'set':
      return setSources(end.value, sourceScope);
    case 'world':
      return { matches: matchEnd(end), pods: [], kinds: new Set(['world']) };
    case 'internet':
      return { matches: matchEnd(end), pods: [], kinds: new Set(['internet']) };
    case 'everyone':
      return { matches: matchEnd(end), pods: [all()], kinds: new Set(['world', 'pods', 'nodes']) };
    case 'pods':
      return podSources([end]);
    case 'samePods':
    case 'service':
    case 'kubeAPIServer':
      throw new RuleProblem('EntityUnresolved', 'cannot be a source at a node');
  }
}

function setSources(value: string, sourceScope: SourceScope): NodeSources {
  if (value === NODE_SET_VALUE) return { matches: nodeSet, pods: [], kinds: new Set(['nodes']) };
  return controlPlane(sourceScope);
}

function controlPlane({ controlPlanePods }: SourceScope): NodeSources {
  const { matches, pods } = podSources(controlPlanePods);
  return {
    matches: [...matchEnd({ kind: 'set', value: CONTROL_PLANE_SET_VALUE }), ...matches],
    pods,
    kinds: new Set(['controlPlane']),
  };
}

export function podSources(ends: readonly PodsEnd[]): NodeSources {
  const pods = ends.map(selectorOf);
  return {
    matches: ends.flatMap(matchEnd),
    pods,
    kinds: new Set(pods.map((selector) => (selector.kind === 'all' ? 'pods' : 'somePods'))),
  };
}

/** @throws RuleProblem when only pods' addresses are left */
export function addressSources(nets: readonly Cidr[], { pools }: Pick<SourceScope, 'pools'>): NodeSources {
  const isInside = (net: Cidr) => pools.some((pool) => containsCidr(pool, net));
  // The same list where nothing is left out: it is turned into text only once.
  const outside = nets.some(isInside) ? nets.filter((net) => !isInside(net)) : nets;
  if (outside.length === 0) {
    throw new RuleProblem(
      'ResolvesToNothing',
      `has no address outside the IPPools ${pools.map(formatCidr).join(', ')}, and addresses never mean pods: name those pods by their labels, in a peer with pods; entity: Pods is every pod`,
    );
  }
  const matches = matchNets(outside).map(({ family, entity }) => {
    const inside = pools.filter(
      (pool) => pool.family === family && outside.some((net) => overlapsCidr(net, pool)),
    );
    return {
      ...(family === undefined ? {} : { family }),
      entity: { ...entity, ...notNets(inside), notSelector: printSelector(notWorld) },
    };
  });
  return { matches, pods: [], kinds: new Set(['addresses']) };
}

/** A negation is never split: two rules that each leave out one half leave out nothing. */
export function notNets(nets: readonly Cidr[]): { readonly notNets?: readonly string[] } {
  if (nets.length > MAX_NETS)
    throw new RuleProblem(
      'TooManyNames',
      `leaves out ${String(nets.length)} IPPools of one family, and the maximum is ${String(MAX_NETS)}: use larger pools`,
    );
  return nets.length === 0 ? {} : { notNets: nets.map(formatCidr) };
}

/** Every pod, whether it is in a pool or not. */
export const podsByLabel = `has(${LABEL_ORCHESTRATOR})`;
