/** Who reaches a node: the sources of zones and of the ports that rules open, as Calico's rules say them at a node. */
import { LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import { MAX_NETS } from '../../calico/limits.ts';
import type { Selector } from '../../calico/selector.ts';
import { and, isIn, prefixed, printSelector } from '../../calico/selector.ts';
import type { Cidr } from '../../net/cidr.ts';
import { containsCidr, formatCidr, overlapsCidr, parseCidr, unionCidrs } from '../../net/cidr.ts';
import type { FlowEnd, EndMatch, ResolveScope } from '../flows/flow-ends.ts';
import { matchEnd, matchNets, notWorld } from '../flows/flow-ends.ts';
import { CONTROL_PLANE_SET_VALUE, NODE_SET_VALUE, peerSetValue } from '../names.ts';
import { RuleProblem } from '../problems.ts';

export interface NodeSources {
  /** Any of them. */
  readonly matches: readonly EndMatch[];
  /** Pods among them, as a policy that selects pods sees them. */
  readonly pods: readonly Selector[];
  readonly kinds: ReadonlySet<SourceKind>;
}

/** For what stays open whatever rules say (failsafes.ts): addresses by themselves never are everyone. */
export type SourceKind = 'world' | 'pods' | 'somePods' | 'nodes' | 'addresses' | 'controlPlane';

export interface SourceScope {
  readonly resolveScope: ResolveScope;
  /** Of IPPools: addresses in a manifest never mean pods. */
  readonly pools: readonly Cidr[];
  /** Pods that speak for the control plane. */
  readonly controlPlanePods: readonly PodsEnd[];
}

export type PodsEnd = Extract<FlowEnd, { readonly kind: 'pods' }>;

/**
 * With pods among the sources nodes are, too: by natOutgoing, which is on for IPv4 pools by default, a pod reaches another node with the
 * address of its own. Who of the pods it was is told apart where they are (guard.ts).
 *
 * @throws RuleProblem for addresses that are all pods'
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
      return addressSources(end.nets, sourceScope);
    case 'set':
      return setSources(end.value, sourceScope);
    case 'world':
      return { matches: matchEnd(end), pods: [], kinds: new Set(['world']) };
    case 'pods':
      return podSources([end]);
    case 'samePods':
    case 'kubeAPIServer':
      throw new RuleProblem('EntityUnresolved', 'is no source at a node');
  }
}

function setSources(value: string, sourceScope: SourceScope): NodeSources {
  if (value === NODE_SET_VALUE) return { matches: nodeSet, pods: [], kinds: new Set(['nodes']) };
  if (value === CONTROL_PLANE_SET_VALUE) return controlPlane(sourceScope);
  const { firewall, peers } = sourceScope.resolveScope;
  const peer = [...peers.values()].find(({ name }) => peerSetValue(firewall, name) === value);
  // A set would be matched whole, its pods and nodes too: Calico joins selector and notSelector into one question about the set's labels.
  return addressSources(unionCidrs((peer?.cidrs ?? []).map(parseCidr)), sourceScope);
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
  const pods = ends.map(podSubject);
  return {
    matches: ends.flatMap(matchEnd),
    pods,
    kinds: new Set(pods.map((selector) => (selector.kind === 'all' ? 'pods' : 'somePods'))),
  };
}

/** Namespaces as pods inherit them (`pcns.…`; Calico takes that prefix from labels of the pods' own), so that a negation can hold both. */
const podSubject = ({ namespaces: { names, where }, pods }: PodsEnd): Selector =>
  and(...(names === undefined ? [] : [isIn(LABEL_NAMESPACE, names)]), prefixed('pcns.', where), pods);

/** @throws RuleProblem when nothing but pods' addresses is left */
export function addressSources(nets: readonly Cidr[], { pools }: Pick<SourceScope, 'pools'>): NodeSources {
  const outside = nets.filter((net) => !pools.some((pool) => containsCidr(pool, net)));
  if (outside.length === 0) {
    throw new RuleProblem(
      'ResolvesToNothing',
      `has no address outside the IPPools ${pools.map(formatCidr).join(', ')}, and addresses never mean pods: name a peer with pods, or entity: Pods`,
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

/** A negation is never split: two that each leave out half leave out nothing. */
export function notNets(nets: readonly Cidr[]): { readonly notNets?: readonly string[] } {
  if (nets.length > MAX_NETS)
    throw new RuleProblem(
      'TooManyNames',
      `leaves out ${String(nets.length)} IPPools of one family, and ${String(MAX_NETS)} are possible: use larger pools`,
    );
  return nets.length === 0 ? {} : { notNets: nets.map(formatCidr) };
}

/** Every pod, in or out of the pools. */
export const podsByLabel = `has(${LABEL_ORCHESTRATOR})`;
