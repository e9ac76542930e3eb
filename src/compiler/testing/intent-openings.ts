/** Turns every rule of every firewall into the two sides of the flows that it opens. */
import ipaddr from 'ipaddr.js';
import type {
  CeilingDestination,
  ClusterFirewall,
  ConnectionRule,
  Defaults,
  EgressRule,
  GuardrailDestination,
  GuardrailSource,
  IngressRule,
  LabelSelector,
  PortValue,
  RuleDestination,
  RuleSource,
} from '../../api/schema.ts';
import { knownOr, UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Cluster, Endpoint, Flow, Pod } from './cluster.ts';
import { addressOf, inCidr } from './cluster.ts';
import type { IntendedEnforcement } from './intent-enforcement.ts';
import {
  inBlock,
  isEmptyBlock,
  isWithin,
  podMatches,
  isNamed,
  portsMatch,
  selectorMatches,
} from './intent-values.ts';

/** The flows that a rule opens: at the pod that opens the connection, and at the pod that receives it. */
export interface Opening {
  readonly id: string;
  readonly egress: (flow: Flow) => boolean;
  readonly ingress: (flow: Flow) => boolean;
}

/** One entry of `from` or `to`. Only pods have a side of their own, where a rule is needed too. */
export type EntryMatch =
  | { readonly kind: 'pods'; readonly has: (pod: Pod, subject: Pod, flow: Flow) => boolean }
  | { readonly kind: 'addresses'; readonly has: (address: string, flow: Flow) => boolean }
  /** Whoever it is; at the far end, every pod. */
  | { readonly kind: 'everyone' }
  /** Addresses that are all of pods or nodes: in an allow they mean nobody. */
  | { readonly kind: 'nobody' };

export interface Setting {
  readonly enforcement: IntendedEnforcement;
  readonly inventory: Inventory;
  readonly cluster: Cluster;
}

export type Entry =
  RuleSource | RuleDestination | GuardrailSource | GuardrailDestination | CeilingDestination;

/** Undefined when the entry has a problem, and so has the whole rule. */
export function entryMatch(
  entry: Entry,
  firewall: ClusterFirewall,
  setting: Setting,
  podsWithoutSelector: 'same namespace' | 'every namespace',
): EntryMatch | undefined {
  if (entry.ipBlock !== undefined) {
    const block = entry.ipBlock;
    if (isEmptyBlock(block)) return undefined;
    return { kind: 'addresses', has: (address) => inBlock(address, block) };
  }
  if (entry.peer !== undefined) {
    const peer = firewall.spec.peers?.find(({ name }) => name === entry.peer);
    if (peer?.nodes !== undefined) return nodesMatch(peer.nodes, setting);
    if (peer?.pods !== undefined) return podsMatch(peer.pods, setting, podsWithoutSelector);
    const cidrs = peer?.cidrs;
    if (cidrs === undefined) return undefined;
    return { kind: 'addresses', has: (address) => cidrs.some((cidr) => inCidr(address, cidr)) };
  }
  if (entry.pods !== undefined) return podsMatch(entry.pods, setting, podsWithoutSelector);
  if (entry.nodes !== undefined) return nodesMatch(entry.nodes, setting);
  if ('service' in entry && entry.service !== undefined) return serviceMatch(entry.service, setting);
  return entityMatch(entry.entity, setting);
}

/** The same in an allow, where addresses never mean pods or nodes. */
function allowedEntryMatch(
  entry: Entry,
  firewall: ClusterFirewall,
  setting: Setting,
  podsWithoutSelector: 'same namespace' | 'every namespace' = 'same namespace',
): EntryMatch | undefined {
  const match = entryMatch(entry, firewall, setting, podsWithoutSelector);
  const cidrs =
    entry.ipBlock === undefined
      ? firewall.spec.peers?.find(({ name }) => name === entry.peer)?.cidrs
      : [entry.ipBlock.cidr];
  if (match?.kind !== 'addresses' || cidrs === undefined) return match;
  const { inventory } = setting;
  if (isKnownToHaveNoNode(inventory)) return undefined;
  const ofNodes = nodeAddressesOf(inventory);
  const isInside = (cidr: string): boolean =>
    knownOr(inventory.ipPools, []).some((pool) => isWithin(cidr, pool)) ||
    ofNodes.some((address) => isWithin(cidr, `${address}/${address.includes(':') ? '128' : '32'}`));
  if (cidrs.every(isInside)) return { kind: 'nobody' };
  const inside = insideOf(setting);
  return { kind: 'addresses', has: (address, flow) => match.has(address, flow) && !inside.includes(address) };
}

/** The pods that the Service selects, on its target ports. Without a selector, or a Service, it is nobody. */
function serviceMatch(
  { namespace, name }: NonNullable<RuleDestination['service']>,
  { inventory }: Setting,
): EntryMatch | undefined {
  if (inventory.unlistedKinds?.includes('services') === true) return undefined;
  return {
    kind: 'pods',
    has: (pod, subject, flow) =>
      (inventory.services ?? []).some(
        ({ namespace: where, name: called, selector = {}, ports }) =>
          where === (namespace ?? subject.namespace) &&
          called === name &&
          where === pod.namespace &&
          Object.keys(selector).length > 0 &&
          selectorMatches({ matchLabels: selector }, pod.labels) &&
          ports.some(({ protocol, targetPort }) => portsMatch([`${String(targetPort)}/${protocol}`], flow)),
      ),
  };
}

/** Nodes that exist with these labels. */
function nodesMatch(selector: LabelSelector, { inventory }: Setting): EntryMatch {
  const meant = knownOr(inventory.nodes, []).filter(({ labels }) => selectorMatches(selector, labels));
  const addresses = meant.flatMap((node) => node.addresses);
  return { kind: 'addresses', has: (address) => addresses.includes(address) };
}

const nodeAddressesOf = ({ nodes }: Inventory): readonly string[] =>
  knownOr(nodes, []).flatMap(({ addresses }) => addresses);

const isKnownToHaveNoNode = (inventory: Inventory): boolean =>
  inventory.nodes !== UNKNOWN && nodeAddressesOf(inventory).length === 0;

const insideOf = ({ cluster, inventory }: Setting): readonly string[] => [
  ...cluster.pods.flatMap(({ addresses }) => Object.values(addresses)),
  ...nodeAddressesOf(inventory),
];

function podsMatch(
  pods: {
    readonly namespaceSelector?: LabelSelector | undefined;
    readonly podSelector?: LabelSelector | undefined;
    readonly serviceAccounts?: readonly string[] | undefined;
  },
  { cluster }: Setting,
  podsWithoutSelector: 'same namespace' | 'every namespace',
): EntryMatch {
  const inScope = (pod: Pod, subject: Pod): boolean => {
    if (pods.namespaceSelector !== undefined)
      return selectorMatches(pods.namespaceSelector, namespaceLabels(cluster, pod));
    return podsWithoutSelector === 'every namespace' || pod.namespace === subject.namespace;
  };
  return {
    kind: 'pods',
    has: (pod, subject) => inScope(pod, subject) && podMatches(pods.podSelector, pods.serviceAccounts, pod),
  };
}

export const namespaceLabels = (cluster: Cluster, pod: Pod) => labelsOfNamespace(cluster, pod.namespace);

const labelsOfNamespace = (cluster: Cluster, namespace: string) =>
  cluster.namespaces.find(({ name }) => name === namespace)?.labels ?? {};

function entityMatch(entity: Entry['entity'], setting: Setting): EntryMatch | undefined {
  const { inventory, cluster } = setting;
  const nodes = nodeAddressesOf(inventory);
  const noNode = isKnownToHaveNoNode(inventory);
  switch (entity) {
    case 'Pods':
      return { kind: 'pods', has: () => true };
    case 'SameNamespace':
      return { kind: 'pods', has: (pod, subject) => pod.namespace === subject.namespace };
    case 'KubeAPIServer':
      return { kind: 'addresses', has: (_address, flow) => isForApiServer(flow, cluster) };
    case 'Nodes':
      return noNode ? undefined : { kind: 'addresses', has: (address) => nodes.includes(address) };
    case 'ControlPlane': {
      const addresses = controlPlaneOf(inventory);
      return isKnownToBeNobody(addresses, inventory)
        ? undefined
        : { kind: 'addresses', has: (address) => addresses.includes(address) };
    }
    case 'Everyone':
      return { kind: 'everyone' };
    case 'World':
    case 'Internet': {
      if (noNode) return undefined;
      const inside = insideOf(setting);
      const isMeant = (address: string) => entity === 'World' || ipaddr.parse(address).range() === 'unicast';
      return { kind: 'addresses', has: (address) => !inside.includes(address) && isMeant(address) };
    }
    case undefined:
      throw new Error('an entry without a key');
  }
}

const isForApiServer = (flow: Flow, { apiServer }: Cluster): boolean =>
  flow.protocol === 'TCP' &&
  apiServer.some(({ address, port }) => address === addressOf(flow, 'to') && port === flow.port);

export const podsToAPIServerOpening = (
  setting: Defaults['podsToAPIServer'],
  { cluster }: Setting,
): Opening => ({
  id: 'podsToAPIServer',
  egress: (flow) => setting === 'Allow' && isForApiServer(flow, cluster),
  ingress: () => false,
});

/** Nodes that carry the label, with any value, and the endpoints of the API server. */
function controlPlaneOf({ nodes, apiServerEndpoints }: Inventory): readonly string[] {
  const role = /^node-role\.kubernetes\.io\/(control-plane|master)$/;
  const labelled = knownOr(nodes, []).filter(({ labels }) =>
    Object.keys(labels).some((key) => role.test(key)),
  );
  return [...labelled.flatMap(({ addresses }) => addresses), ...knownOr(apiServerEndpoints, [])];
}

const isKnownToBeNobody = (addresses: readonly string[], inventory: Inventory): boolean =>
  addresses.length === 0 && (inventory.nodes !== UNKNOWN || inventory.apiServerEndpoints !== UNKNOWN);

/**
 * From the control plane to the pods that a called Service selects, on the target of the called port. Nothing
 * is opened in the other direction.
 */
export function apiServerOpening(setting: Defaults['apiServerToPods'], { inventory }: Setting): Opening {
  const controlPlane = controlPlaneOf(inventory);
  const calls = (inventory.apiServerBackends ?? []).flatMap(({ namespace, service, port }) =>
    (inventory.services ?? [])
      .filter((each) => each.namespace === namespace && each.name === service)
      .flatMap(({ selector = {}, ports }) =>
        ports
          .filter((each) => each.protocol === 'TCP' && each.port === port)
          .map(({ targetPort }) => ({ namespace, selector, targetPort })),
      ),
  );
  const opens = (flow: Flow): boolean =>
    (setting ?? 'Auto') === 'Auto' &&
    controlPlane.includes(addressOf(flow, 'from')) &&
    calls.some(
      ({ namespace, selector, targetPort }) =>
        isPod(flow.to) &&
        flow.to.namespace === namespace &&
        Object.keys(selector).length > 0 &&
        selectorMatches({ matchLabels: selector }, flow.to.labels) &&
        portsMatch([targetPort], flow),
    );
  return { id: 'apiServerToPods', egress: () => false, ingress: opens };
}

/** The entries of a rule; undefined when an entry or the ports have a problem. */
export function entryMatches(
  entries: readonly Entry[],
  ports: readonly PortValue[],
  resolve: (entry: Entry) => EntryMatch | undefined,
  end: 'from' | 'to',
): readonly EntryMatch[] | undefined {
  const matches = entries.map(resolve).filter((match) => match !== undefined);
  if (matches.length < entries.length) return undefined;
  if (end === 'to' && ports.some(isNamed) && matches.some(({ kind }) => kind !== 'pods')) return undefined;
  const toApiServer = entries.some(({ entity }) => entity === 'KubeAPIServer');
  if (toApiServer && ports[0] !== 'All') return undefined;
  const services = entries.filter((entry) => 'service' in entry && entry.service !== undefined);
  if (services.length > 0 && (ports[0] !== 'All' || services.length < entries.length)) return undefined;
  const left = matches.filter(({ kind }) => kind !== 'nobody');
  return left.length === 0 ? undefined : left;
}

/** The ends of onlyTo and onlyFrom; undefined when one of them, or a port, has a problem. */
export function ceilingMatches(
  entries: readonly Entry[],
  ports: readonly PortValue[],
  end: 'from' | 'to',
  main: ClusterFirewall,
  setting: Setting,
): readonly EntryMatch[] | undefined {
  if (end === 'to' && ports.some(isNamed)) return undefined;
  const matches = entries.map((entry): EntryMatch | undefined => {
    if (entry.entity !== 'KubeAPIServer') return allowedEntryMatch(entry, main, setting, 'every namespace');
    const { apiServerEndpoints } = setting.inventory;
    const endpoints = knownOr(apiServerEndpoints, []);
    if (apiServerEndpoints !== UNKNOWN && endpoints.length === 0) return undefined;
    return { kind: 'addresses', has: (address) => endpoints.includes(address) };
  });
  if (matches.includes(undefined)) return undefined;
  const left = matches.filter((match) => match !== undefined && match.kind !== 'nobody');
  return left.length === 0 ? undefined : left;
}

const isPod = (endpoint: Endpoint): endpoint is Pod => endpoint.kind === 'pod';

/**
 * True when one of the entries matches the end of the flow. At the peer's own side an entry matches pods
 * only, at the subject it matches addresses too.
 */
export function reaches(
  matches: readonly EntryMatch[],
  flow: Flow,
  end: 'from' | 'to',
  side: 'subject' | 'peer',
): boolean {
  const [endpoint, subject] = end === 'from' ? [flow.from, flow.to] : [flow.to, flow.from];
  return matches.some((match) => {
    if (match.kind === 'pods') return isPod(endpoint) && isPod(subject) && match.has(endpoint, subject, flow);
    if (match.kind === 'everyone') return side === 'subject' || isPod(endpoint);
    return match.kind === 'addresses' && side === 'subject' && match.has(addressOf(flow, end), flow);
  });
}

/** The flows that the rules of one firewall open. */
export function openingsOf(firewall: ClusterFirewall, setting: Setting): readonly Opening[] {
  return (firewall.spec.namespaces ?? []).flatMap((group) => {
    const prefix = `${firewall.metadata.name}/${group.name}`;
    const members = setting.enforcement.meantBy(group);
    const isSubject: IsSubject = (endpoint, pods, serviceAccounts) =>
      isPod(endpoint) && members.includes(endpoint.namespace) && podMatches(pods, serviceAccounts, endpoint);
    const resolve = (entry: Entry) => allowedEntryMatch(entry, firewall, setting);
    const ingress = (list: 'ingress' | 'metrics') =>
      (group[list] ?? []).map((rule) =>
        ingressOpening(`${prefix}/${list}/${rule.name}`, rule, resolve, isSubject),
      );
    return [
      ...ingress('ingress'),
      ...ingress('metrics'),
      ...(group.connections ?? []).map((rule) =>
        connectionOpening(`${prefix}/connections/${rule.name}`, rule, isSubject),
      ),
      ...(group.egress ?? []).map((rule) =>
        egressOpening(`${prefix}/egress/${rule.name}`, rule, resolve, isSubject),
      ),
    ];
  });
}

type IsSubject = (
  endpoint: Endpoint,
  pods: LabelSelector,
  serviceAccounts: readonly string[] | undefined,
) => boolean;
type Resolve = (entry: Entry) => EntryMatch | undefined;

function ingressOpening(id: string, rule: IngressRule, resolve: Resolve, isSubject: IsSubject): Opening {
  const matches = entryMatches(rule.from, rule.ports, resolve, 'from') ?? [];
  const opens = (side: 'subject' | 'peer') => (flow: Flow) =>
    isSubject(flow.to, rule.pods, rule.serviceAccounts) &&
    portsMatch(rule.ports, flow) &&
    reaches(matches, flow, 'from', side);
  return { id, ingress: opens('subject'), egress: opens('peer') };
}

function egressOpening(id: string, rule: EgressRule, resolve: Resolve, isSubject: IsSubject): Opening {
  const matches = entryMatches(rule.to, rule.ports, resolve, 'to') ?? [];
  const opens = (side: 'subject' | 'peer') => (flow: Flow) =>
    isSubject(flow.from, rule.pods, rule.serviceAccounts) &&
    portsMatch(rule.ports, flow) &&
    reaches(matches, flow, 'to', side);
  return { id, egress: opens('subject'), ingress: opens('peer') };
}

function connectionOpening(id: string, rule: ConnectionRule, isSubject: IsSubject): Opening {
  const opens = (flow: Flow): boolean =>
    isPod(flow.from) &&
    isPod(flow.to) &&
    flow.from.namespace === flow.to.namespace &&
    isSubject(flow.from, rule.fromPods, rule.fromServiceAccounts) &&
    isSubject(flow.to, rule.toPods, rule.toServiceAccounts) &&
    portsMatch(rule.ports, flow);
  return { id, egress: opens, ingress: opens };
}

/** Traffic inside a namespace whose groups all say SameNamespace. */
export function isolationOpening({ enforcement }: Setting): Opening {
  const opens = ({ from, to }: Flow): boolean =>
    isPod(from) && isPod(to) && from.namespace === to.namespace && enforcement.isOpenWithin(from.namespace);
  return { id: 'isolation', egress: opens, ingress: opens };
}

/** Has no named ports. */
const HOST: Endpoint = { kind: 'outside', id: 'any', addresses: {} };

export function dnsOpening(dns: Defaults['dns'], { cluster, inventory }: Setting): Opening {
  const {
    namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
    podSelector = { matchLabels: { 'k8s-app': 'kube-dns' } },
    ports = ['53/UDP', '53/TCP'],
    nodeLocal = ['169.254.20.10', '169.254.25.10'],
  } = dns ?? {};
  const isForServer = (flow: Flow): boolean =>
    isPod(flow.to) &&
    portsMatch(ports, flow) &&
    selectorMatches(namespaceSelector, namespaceLabels(cluster, flow.to)) &&
    selectorMatches(podSelector, flow.to.labels);
  const toServer = (flow: Flow): boolean => isPod(flow.from) && isForServer(flow);
  const services = (inventory.services ?? [])
    .filter(
      ({ namespace, selector }) =>
        selector !== undefined &&
        cluster.namespaces.some(({ name }) => name === namespace) &&
        selectorMatches(namespaceSelector, labelsOfNamespace(cluster, namespace)) &&
        selectorMatches(podSelector, selector),
    )
    .map(({ clusterIPs, ports: all }) => ({
      clusterIPs,
      ports: all.filter(
        ({ protocol, targetPort }) =>
          typeof targetPort === 'string' ||
          portsMatch(ports, { from: HOST, to: HOST, ipVersion: 4, protocol, port: targetPort }),
      ),
    }))
    .filter((service) => service.clusterIPs.length > 0 && service.ports.length > 0);
  const addresses = services.flatMap(({ clusterIPs }) => clusterIPs);
  const toService = (flow: Flow): boolean =>
    addresses.includes(addressOf(flow, 'to')) &&
    services
      .flatMap((service) => service.ports)
      .some(({ protocol, port }) => flow.protocol === protocol && flow.port === port);
  const nodes = knownOr(inventory.nodes, []).flatMap((node) => node.addresses);
  return {
    id: 'dns',
    egress: (flow) =>
      toServer(flow) ||
      toService(flow) ||
      (portsMatch(ports, flow) && nodeLocal.includes(addressOf(flow, 'to'))),
    // Exempt pods and nodes resolve names too, so a DNS server under the default deny answers them.
    ingress: (flow) => toServer(flow) || (isForServer(flow) && nodes.includes(addressOf(flow, 'from'))),
  };
}
