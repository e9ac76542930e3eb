/**
 * `defaults.dns`: every pod under the default deny may ask the DNS server. The rules stand in policies of
 * their own, so that a problem of theirs holds nothing else.
 */
import type { ClusterFirewall, PortValue } from '../../api/schema.ts';
import { LABEL_METADATA_NAME } from '../../calico/labels.ts';
import type { Selector } from '../../calico/selector.ts';
import type { Action } from '../../calico/types.ts';
import { all, fromLabelSelector, matchesSelector } from '../../calico/selector.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory, ServiceInfo, ServicePort } from '../../inventory/types.ts';
import { parseAddress, unionCidrs } from '../../net/cidr.ts';
import { formatPort, parsePort } from '../../net/ports.ts';
import type { EndMatch } from '../flows/flow-ends.ts';
import { matchEnd, matchNets } from '../flows/flow-ends.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import { keepingLost, networkSet } from '../flows/sets.ts';
import { contentTag, DEFAULT_TIER, DNS_SETS, NODE_SET_VALUE, ORDER, ruleId } from '../names.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import {
  everyNamespace,
  includesNamespace,
  intersect,
  namespacesFromLabels,
  ruleSelectors,
} from '../namespaces/namespaces.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import type { DesiredObject } from '../types.ts';
import { enforcedAndStaged } from './both-modes.ts';

const DEFAULTS = {
  namespaceSelector: { matchLabels: { [LABEL_METADATA_NAME]: 'kube-system' } },
  podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
  ports: ['53/UDP', '53/TCP'],
  // NodeLocal DNSCache's own default, and kubespray's.
  nodeLocal: ['169.254.20.10', '169.254.25.10'],
};

interface DnsContext {
  readonly firewall: ClusterFirewall;
  readonly enforcement: Enforcement;
  readonly inventory: Inventory;
}

/** Like every rule, DNS is compiled on both sides or not at all. */
export function compileDns(
  place: RulePlace,
  context: DnsContext,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  reportNamedPorts(context, place, collector);
  return collector.guard(place, () => {
    const server = serverOf(context);
    return [...clientPolicies(place, server, context), ...serverPolicies(place, server, context)];
  });
}

interface Server {
  readonly namespaces: NamespaceSet;
  readonly pods: Selector;
  readonly ports: readonly PortValue[];
  readonly nodeLocal: readonly string[];
}

function serverOf({ firewall }: Pick<DnsContext, 'firewall'>): Server {
  const configured = firewall.spec.defaults?.dns;
  return {
    namespaces: namespacesFromLabels(configured?.namespaceSelector ?? DEFAULTS.namespaceSelector),
    pods: fromLabelSelector(configured?.podSelector ?? DEFAULTS.podSelector),
    ports: configured?.ports ?? DEFAULTS.ports,
    nodeLocal: configured?.nodeLocal ?? DEFAULTS.nodeLocal,
  };
}

/** Pods under the default deny may reach the server's pods, a cache on their node, and the Services' addresses. */
function clientPolicies(place: RulePlace, server: Server, context: DnsContext): readonly DesiredObject[] {
  const { enforcement } = context;
  if (!enforcement.deny.egress) return [];
  const { id, firewall } = place;
  const { set, rules } = clientRules(place, server, context, 'Allow');
  return [
    set,
    ...enforcedAndStaged(
      enforcement,
      {
        firewall,
        id,
        variant: 'clients',
        rules: [id],
        tier: DEFAULT_TIER,
        order: ORDER.dns,
        types: ['Egress'],
        egress: canonicalRules(rules),
      },
      (namespaces) => namespaces,
      all(),
    ),
  ];
}

/** The way of a pod to the server, and the set that one of the rules names. */
function clientRules(place: RulePlace, server: Server, context: DnsContext, action: Action) {
  const { id } = place;
  const to = (destinations: readonly EndMatch[], ports: readonly PortValue[]) =>
    crossRules({ id, action, sources: anyEnd, destinations, ports: matchPorts(ports) });
  const pods = ruleSelectors(server.namespaces, server.pods).map((entity): EndMatch => ({ entity }));
  const numbers = server.ports.filter((port) => !isNamed(port));
  const services = serviceAddresses(place, server, context);
  return {
    set: services.set,
    rules: [
      ...to(pods, server.ports),
      ...to(matchNets(unionCidrs(server.nodeLocal.map(parseAddress))), numbers),
      ...to(matchEnd({ kind: 'set', value: services.value }), services.ports),
    ],
  };
}

/** The same rules, and those at the server, for another policy. */
export function dnsRules(place: RulePlace, context: DnsContext, action: Action) {
  const server = serverOf(context);
  const { set, rules: clients } = clientRules(place, server, context, action);
  return { server, set, clients, servers: serverRules(place, server, action) };
}

/**
 * The addresses of the Services in front of the server. kube-proxy rewrites them before policy sees them. A
 * node-local cache has them on the node itself, where nothing rewrites them (NodeLocal DNSCache with
 * kube-proxy in iptables mode). They are in a set, so a Service that comes or goes
 * changes no policy. Its name follows from `dns`.
 */
function serviceAddresses({ firewall }: RulePlace, server: Server, { inventory }: DnsContext) {
  const tag = contentTag([server.namespaces, server.pods]);
  const value = `${DNS_SETS}-${tag}`;
  const found = (inventory.services ?? [])
    .filter((service) => isBefore(server, service, inventory))
    .map(({ clusterIPs, ports }) => ({ clusterIPs, ports: ports.filter((port) => leadsTo(server, port)) }))
    .filter(({ clusterIPs, ports }) => clusterIPs.length > 0 && ports.length > 0);
  const addresses = found.flatMap(({ clusterIPs }) => clusterIPs);
  const ports = found.flatMap((service) => service.ports);
  const set = networkSet(firewall, ruleId(firewall, DNS_SETS, tag), value, addresses.map(parseAddress));
  return {
    value,
    set: keepingLost(set, inventory, 'Service'),
    ports:
      ports.length > 0
        ? ports.map(({ protocol, port }) => formatPort({ kind: 'range', protocol, from: port, to: port }))
        : server.ports.filter((port) => !isNamed(port)),
  };
}

/** True for a Service whose own selector, read as labels, selects the server's pods. */
function isBefore(server: Server, { namespace, selector }: ServiceInfo, inventory: Inventory): boolean {
  // First, because hardly any Service passes, and there may be thousands of namespaces.
  if (selector === undefined || !matchesSelector(server.pods, selector)) return false;
  const known = knownOr(inventory.namespaces, [{ name: namespace, labels: {} }]);
  const own = known.find(({ name }) => name === namespace);
  return own !== undefined && includesNamespace(server.namespaces, own);
}

/** False for another port of the Service, such as kube-dns's 9153 for metrics. A name may be any port. */
const leadsTo = ({ ports }: Server, { protocol, targetPort }: ServicePort): boolean =>
  typeof targetPort === 'string' ||
  ports.map(parsePort).some((port) => {
    if (port.kind !== 'range') return port.kind === 'all';
    return port.protocol === protocol && port.from <= targetPort && targetPort <= port.to;
  });

/**
 * The server's side, where the server itself is under the default deny. Exempt pods resolve names too, and so
 * do nodes: pods of the host network and a node-local cache ask from a node's address.
 */
function serverPolicies(
  place: RulePlace,
  server: Server,
  { enforcement }: DnsContext,
): readonly DesiredObject[] {
  if (!enforcement.deny.ingress) return [];
  const { id, firewall } = place;
  const { namespaces, pods } = server;
  return enforcedAndStaged(
    enforcement,
    {
      firewall,
      id,
      rules: [id],
      tier: DEFAULT_TIER,
      order: ORDER.dns,
      types: ['Ingress'],
      ingress: canonicalRules(serverRules(place, server, 'Allow')),
    },
    (some) => intersect(namespaces, some),
    pods,
  );
}

function serverRules({ id }: RulePlace, { ports }: Server, action: Action) {
  const everyPod = ruleSelectors(everyNamespace, all()).map((entity): EndMatch => ({ entity }));
  return crossRules({
    id,
    action,
    sources: [...everyPod, ...matchEnd({ kind: 'set', value: NODE_SET_VALUE })],
    destinations: anyEnd,
    ports: matchPorts(ports),
  });
}

const isNamed = (port: PortValue): boolean => parsePort(port).kind === 'named';

/** Port names are known only for pods, and the node-local cache is no pod. */
function reportNamedPorts(context: DnsContext, place: RulePlace, collector: ProblemCollector): void {
  const { ports, nodeLocal } = serverOf(context);
  const named = ports.find(isNamed);
  if (named === undefined || nodeLocal.length === 0) return;
  collector.problem(
    place,
    'NamedPortNeedsPods',
    `port "${String(named)}" is a name, but the node-local DNS cache has no named ports: write its number, or nodeLocal: []`,
    '.ports',
  );
}
