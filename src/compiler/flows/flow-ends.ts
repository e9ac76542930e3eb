/**
 * The ends of a flow: resolves a `from` or `to` entry of the manifest, and turns it into matches of Calico
 * rules.
 */
import type {
  CeilingDestination,
  CeilingSource,
  GuardrailDestination,
  GuardrailSource,
  Peer,
  RuleDestination,
  RuleSource,
} from '../../api/schema.ts';
import { didYouMean } from '../../api/suggest.ts';
import { LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import { chunk, MAX_NETS } from '../../calico/limits.ts';
import type { Selector } from '../../calico/selector.ts';
import { all, and, has, not, or, printSelector } from '../../calico/selector.ts';
import type { EntityRule } from '../../calico/types.ts';
import type { Cidr } from '../../net/cidr.ts';
import { formatCidr, parseCidr, subtractCidrs, unionCidrs } from '../../net/cidr.ts';
import { NOT_INTERNET } from '../../net/internet.ts';
import { chargeNets, enoughNets } from '../meter.ts';
import { CONTROL_PLANE_SET_VALUE, NODE_SET_VALUE, contentTag, isSet } from '../names.ts';
import { everyNamespace, ruleSelectors, namespacesFromLabels } from '../namespaces/namespaces.ts';
import { RuleProblem } from '../problems.ts';
import { readOnce } from '../read-once.ts';
import { labelledNodes, type LabelledNodes } from './labelled-nodes.ts';
import type { NodeAddresses } from './addresses.ts';
import type { InsideAddresses } from './outside.ts';
import { podsOf, type PodsEnd } from './pods-of.ts';
import type { ServiceBook } from './service-book.ts';

/** One end of a flow. */
export type FlowEnd =
  | PodsEnd
  /** The pods behind a Service. service-destinations.ts looks them up. */
  | { readonly kind: 'service'; readonly namespace: string | undefined; readonly name: string }
  /** Pods of the namespace that the other end is in. */
  | { readonly kind: 'samePods'; readonly pods: Selector }
  /** Every address of these networks. */
  | { readonly kind: 'nets'; readonly nets: readonly Cidr[] }
  /** Those of them that belong to no pod and no node. */
  | { readonly kind: 'outside'; readonly nets: readonly Cidr[] }
  /** Nodes, or the control plane. sets.ts makes a GlobalNetworkSet of each. */
  | { readonly kind: 'set'; readonly value: string }
  | LabelledNodes
  | { readonly kind: 'world' }
  /** Public addresses of no pod and no node. */
  | { readonly kind: 'internet' }
  /** Only a source. */
  | { readonly kind: 'everyone' }
  | { readonly kind: 'kubeAPIServer' };

type AnyEnd =
  RuleSource | RuleDestination | GuardrailSource | GuardrailDestination | CeilingSource | CeilingDestination;

/** The names and facts that ends are resolved with. */
export interface ResolveScope {
  readonly firewall: string;
  readonly peers: ReadonlyMap<string, Peer>;
  /** False when the cluster's nodes are known and none has an address. World would then include the nodes. */
  readonly areNodesResolved: boolean;
  readonly inside: InsideAddresses;
  /** False when the cluster's nodes are known and no address of its control plane is. */
  readonly isControlPlaneResolved: boolean;
  /** False when the cluster's nodes are known and no address of a member of etcd is. */
  readonly isEtcdResolved: boolean;
  readonly services: ServiceBook;
  readonly nodeAddresses: NodeAddresses;
}

/**
 * @param ownNamespace true where `pods` without a namespaceSelector means the subject's namespace (rules of a
 * group), false where it means every namespace (guardrails)
 * @throws RuleProblem for an unknown peer and for an entry that resolves to nothing
 */
export function resolveEnd(end: AnyEnd, scope: ResolveScope, ownNamespace: boolean): FlowEnd {
  if (end.peer !== undefined) return resolvePeer(end.peer, scope);
  if (end.ipBlock !== undefined) return resolveBlock(end.ipBlock);
  if (end.pods !== undefined) {
    const pods = podsOf(end.pods.podSelector, end.pods.serviceAccounts);
    if (end.pods.namespaceSelector === undefined && ownNamespace) return { kind: 'samePods', pods };
    const namespaces = namespacesFromLabels(end.pods.namespaceSelector ?? {});
    return { kind: 'pods', namespaces, pods, tag: `pods-${contentTag([namespaces, pods])}` };
  }
  if (end.nodes !== undefined) return labelledNodes(end.nodes);
  if ('service' in end && end.service !== undefined)
    return { kind: 'service', namespace: end.service.namespace, name: end.service.name };
  return resolveEntity(end.entity, scope);
}

/** A comparison costs the product of two lengths, and a firewall may have many peers and many rules. */
const COMPARED = 50;

function resolvePeer(name: string, scope: ResolveScope): FlowEnd {
  const peer = scope.peers.get(name);
  if (peer === undefined) {
    const known = [...scope.peers.keys()].sort();
    throw new RuleProblem(
      'UnknownPeer',
      `peer "${name}" is not in spec.peers: add it there${known.length === 0 ? '' : `, or use one of ${known.slice(0, 10).join(', ')}`}${didYouMean(name, known.slice(0, COMPARED))}`,
      '.peer',
    );
  }
  if (peer.pods !== undefined) {
    return {
      kind: 'pods',
      namespaces: namespacesFromLabels(peer.pods.namespaceSelector),
      pods: podsOf(peer.pods.podSelector, peer.pods.serviceAccounts),
      tag: `peer-${name}`,
    };
  }
  if (peer.nodes !== undefined) return labelledNodes(peer.nodes);
  return { kind: 'nets', nets: netsOf(peer) };
}

/** The networks of a peer in canonical form. They are read once, however many rules name the peer. */
export const netsOf = readOnce((peer: Peer): readonly Cidr[] =>
  unionCidrs((peer.cidrs ?? []).map(parseCidr)),
);

function resolveBlock(block: NonNullable<AnyEnd['ipBlock']>): FlowEnd {
  const nets = subtractCidrs(parseCidr(block.cidr), (block.except ?? []).map(parseCidr), enoughNets());
  if (block.except !== undefined) chargeNets(nets.length);
  if (nets.length === 0) {
    throw new RuleProblem(
      'ResolvesToNothing',
      `except leaves nothing of ${block.cidr}: list in except only the parts that are not meant`,
      '.ipBlock.except',
    );
  }
  return { kind: 'nets', nets };
}

export const NO_NODES =
  'no address of a node is known: wait for nodes to register, or check that the operator may list them';
export const NO_CONTROL_PLANE =
  'no address of the control plane is known: label its nodes node-role.kubernetes.io/control-plane, or check that the operator may list the EndpointSlices of namespace default';

/** The far end of Everyone, too. */
export const everyPod: PodsEnd = {
  kind: 'pods',
  namespaces: everyNamespace,
  pods: all(),
  tag: 'all-pods',
};

function resolveEntity(entity: AnyEnd['entity'], scope: ResolveScope): FlowEnd {
  switch (entity) {
    case 'Pods':
      return everyPod;
    case 'SameNamespace':
      return { kind: 'samePods', pods: all() };
    case 'KubeAPIServer':
      return { kind: 'kubeAPIServer' };
    case 'Everyone':
      return { kind: 'everyone' };
    case 'Internet':
      if (scope.areNodesResolved) return { kind: 'internet' };
      throw new RuleProblem(
        'EntityUnresolved',
        `Internet leaves out the addresses of nodes, and ${NO_NODES}`,
        '.entity',
      );
    case 'World':
      if (scope.areNodesResolved) return { kind: 'world' };
      throw new RuleProblem(
        'EntityUnresolved',
        `World leaves out the addresses of nodes, and ${NO_NODES}`,
        '.entity',
      );
    case 'Nodes':
      if (scope.areNodesResolved) return { kind: 'set', value: NODE_SET_VALUE };
      throw new RuleProblem('EntityUnresolved', NO_NODES, '.entity');
    case 'ControlPlane':
      if (scope.isControlPlaneResolved) return { kind: 'set', value: CONTROL_PLANE_SET_VALUE };
      throw new RuleProblem('EntityUnresolved', NO_CONTROL_PLANE, '.entity');
    case undefined:
      throw new RuleProblem(
        'EntityUnresolved',
        'is empty: give exactly one of peer, ipBlock, pods, nodes, entity',
      );
  }
}

/** A way to match one end in a Calico rule, with the IP family where it is bound to one. */
export interface EndMatch {
  readonly family?: 4 | 6;
  readonly entity: EntityRule;
}

/** The caller handles the others: `samePods` depends on the kind of the policy, `service` on the namespace. */
export type MatchedEnd = Exclude<FlowEnd, { kind: 'samePods' | 'service' }>;

/** An end is met when any of these matches is. */
export function matchEnd(end: MatchedEnd): readonly EndMatch[] {
  switch (end.kind) {
    case 'pods':
      return ruleSelectors(end.namespaces, end.pods).map((entity) => ({ entity }));
    case 'nets':
      return matchNets(end.nets);
    case 'outside':
      return matchOutside(end.nets);
    case 'labelledNodes':
    case 'set':
      return [{ entity: { selector: printSelector(isSet(end.value)), namespaceSelector: GLOBAL } }];
    case 'world':
      return [{ entity: { notSelector: printSelector(notWorld) } }];
    case 'internet':
      return internet;
    case 'everyone':
      return [{ entity: {} }];
    case 'kubeAPIServer':
      return [{ entity: { services: { name: 'kubernetes', namespace: 'default' } } }];
  }
}

/**
 * Matches only sets that are in no namespace. Without it, a tenant's pod or NetworkSet with our label would
 * become part of the set.
 */
const GLOBAL = 'global()';

/**
 * Pods and the node set. A notSelector is never scoped by a namespaceSelector, so "in no namespace", which is
 * `global()` elsewhere, is written out (api.md, World). Pods are matched by label, not by Calico's pools:
 * pods outside the pools would otherwise count as World (seen with packets;
 * docs/decisions/0008-pods-are-pods.md).
 */
export const notWorld = or(has(LABEL_ORCHESTRATOR), and(isSet(NODE_SET_VALUE), not(has(LABEL_NAMESPACE))));

/**
 * A set cannot stand for the networks: Calico reads selector and notSelector as one question about the labels of
 * the set, so it could leave nobody out.
 */
const matchOutside = readOnce((nets: readonly Cidr[]): readonly EndMatch[] =>
  matchNets(nets).map(({ entity, ...rest }) => ({
    ...rest,
    entity: { ...entity, notSelector: printSelector(notWorld) },
  })),
);

/** The addresses that are left out are fewer than those that stay. */
const internet: readonly EndMatch[] = ([4, 6] as const).map((family) => ({
  family,
  entity: {
    nets: [family === 4 ? '0.0.0.0/0' : '::/0'],
    notNets: NOT_INTERNET.filter((net) => net.family === family).map(formatCidr),
    notSelector: printSelector(notWorld),
  },
}));

/** Each rule has one IP family, because the aggregated API refuses mixed ones (calico.md, section 4). */
export const matchNets = readOnce((nets: readonly Cidr[]): readonly EndMatch[] =>
  ([4, 6] as const).flatMap((family) =>
    chunk(
      nets.filter((net) => net.family === family),
      MAX_NETS,
    ).map((some) => ({ family, entity: { nets: some.map(formatCidr) } })),
  ),
);
