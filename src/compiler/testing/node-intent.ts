/**
 * The meaning of `spec.nodes` for one flow at one node, directly from the API's texts: without policies, sets
 * and Calico's selectors.
 */
import ipaddr from 'ipaddr.js';
import type { ClusterFirewall, IngressRule, Nodes, Peer, PortValue, Zone } from '../../api/schema.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Cluster, ClusterNode, Flow } from './cluster.ts';
import { addressOf, inCidr } from './cluster.ts';
import { namespaceLabels } from './intent-openings.ts';
import { inBlock, podMatches, portsMatch, selectorMatches } from './intent-values.ts';
import type { Layer } from './node-reading.ts';

interface Setting {
  readonly firewall: ClusterFirewall;
  readonly nodes: Nodes;
  readonly inventory: Inventory;
  readonly cluster: Cluster;
}

type From = Zone['from'][number] | IngressRule['from'][number];

const PORTS: Readonly<Record<string, readonly PortValue[]>> = {
  ssh: [22],
  'kube-apiserver': [6443],
  etcd: ['2379-2380'],
  kubelet: [10250],
  dns: [53, '53/UDP'],
  nodeports: ['30000-32767', '30000-32767/UDP'],
};
const CONTROL_PLANE_ONLY = ['2379-2380', 10257, 10259];

const serviceOf = (name: string, { services = [] }: Nodes): readonly PortValue[] =>
  services.find((service) => service.name === name)?.ports ?? PORTS[name] ?? [];

/** True when the layer lets the flow on at the node, over another interface than lo. */
export function nodeIntentOf(
  firewalls: readonly ClusterFirewall[],
  inventory: Inventory,
  cluster: Cluster,
): (at: ClusterNode, layer: Layer, flow: Flow) => boolean {
  const firewall = firewalls.find(({ metadata }) => metadata.name === 'default');
  const nodes = firewall?.spec.nodes;
  if (firewall === undefined || nodes === undefined || nodes.mode !== 'Enforce') return () => true;
  const setting: Setting = { firewall, nodes, inventory, cluster };
  const openRules = firewalls.flatMap((each) => openRulesOf(each, { ...setting, firewall: each }));
  const hostPorts = firewalls.flatMap(rulesOf).flatMap((rule) => rule.hostPorts ?? []);
  return (at, layer, flow) => {
    if (!selectorMatches(nodes.nodeSelector, at.labels)) return true;
    if (isBreakGlass(flow, setting)) return true;
    if ((nodes.blocked ?? []).some((entry) => comesFrom(entry, flow, setting))) return false;
    if (isBaseline(layer, flow, setting) || zoneAllows(at, layer, flow, setting)) return true;
    if (layer === 'host') return false;
    return openRules.some((opens) => opens(at, flow)) || !isClosedBeforeDnat(flow, hostPorts, setting);
  };
}

const isTransport = ({ protocol }: Flow): boolean => protocol !== 'ICMP' && protocol !== 'GRE';

function isClosedBeforeDnat(flow: Flow, hostPorts: readonly PortValue[], setting: Setting): boolean {
  const { nodes, inventory } = setting;
  const to = addressOf(flow, 'to');
  const isNodeAddress = knownOr(inventory.nodes, [])
    .filter(({ labels }) => selectorMatches(nodes.nodeSelector, labels))
    .some(({ addresses }) => addresses.includes(to));
  if (isNodeAddress || (nodes.extraAddresses ?? []).some((cidr) => inCidr(to, cidr))) return true;
  if (flow.from.kind === 'pod' || flow.to.kind === 'pod') return false;
  return nodes.destinations === 'All' || portsMatch([...serviceOf('nodeports', nodes), ...hostPorts], flow);
}

function isBreakGlass(flow: Flow, setting: Setting): boolean {
  const { breakGlass = [], breakGlassServices = ['ssh', 'kube-apiserver'] } = setting.nodes;
  return (
    breakGlass.some((entry) => comesFrom(entry, flow, setting)) &&
    portsMatch(
      breakGlassServices.flatMap((name) => serviceOf(name, setting.nodes)),
      flow,
    )
  );
}

/** At a node outside the zone, a flow on its way to a node of the zone counts too. */
function zoneAllows(at: ClusterNode, layer: Layer, flow: Flow, setting: Setting): boolean {
  const to = addressOf(flow, 'to');
  const isOnItsWay = (nodeSelector: Zone['nodeSelector']): boolean =>
    layer === 'ports' &&
    knownOr(setting.inventory.nodes, []).some(
      ({ labels, addresses }) => selectorMatches(nodeSelector, labels) && addresses.includes(to),
    );
  return (setting.nodes.zones ?? []).some(({ from, allow, nodeSelector, addresses }) => {
    const isNamed = ({ services = [], ports = [], protocols = [] }: Zone['allow']): boolean =>
      portsMatch([...services.flatMap((name) => serviceOf(name, setting.nodes)), ...ports], flow) ||
      (flow.protocol === 'GRE' && (protocols.includes('gre') || protocols.includes(47))) ||
      (flow.protocol === 'ICMP' && protocols.includes(flow.ipVersion === 4 ? 'icmp' : 'ipv6-icmp'));
    return (
      (selectorMatches(nodeSelector, at.labels) || isOnItsWay(nodeSelector)) &&
      (addresses === undefined || addresses.some((cidr) => inCidr(to, cidr))) &&
      (allow.all === true || (allow.allBut === undefined ? isNamed(allow) : !isNamed(allow.allBut))) &&
      from.some((entry) => entry.entity === 'Everyone' || comesFrom(entry, flow, setting))
    );
  });
}

function isBaseline(layer: Layer, flow: Flow, setting: Setting): boolean {
  const { nodes } = setting;
  const node = isNode(flow, setting);
  const joins = mayJoin(flow, setting);
  const pod = flow.from.kind === 'pod';
  const control = isControlPlane(flow, setting);
  const speaksForIt = (nodes.controlPlane ?? []).some(
    ({ peer }) => isPodPeer(peer, setting) && comesFrom({ peer }, flow, setting),
  );
  const privileged = [...serviceOf('etcd', nodes), ...serviceOf('kubelet', nodes), ...CONTROL_PLANE_ONLY];
  const entries: Readonly<Record<string, boolean>> = {
    icmp: flow.protocol === 'ICMP' && flow.ipVersion === 4,
    icmpv6: flow.protocol === 'ICMP' && flow.ipVersion === 6,
    dhcp: portsMatch(['67-68/UDP', '546/UDP'], flow),
    'api-server': portsMatch(serviceOf('kube-apiserver', nodes), flow) && (node || pod || control || joins),
    joining: portsMatch(joiningPorts(setting), flow) && (node || joins),
    etcd: portsMatch(serviceOf('etcd', nodes), flow) && (control || isMemberOfEtcd(flow, setting)),
    kubelet: portsMatch(serviceOf('kubelet', nodes), flow) && (control || speaksForIt),
    'nodes-to-nodes': node && isTransport(flow) && !portsMatch(privileged, flow),
    vxlan: layer === 'ports' && portsMatch(['4789/UDP'], flow),
    wireguard: (node || (joins && layer === 'ports')) && portsMatch(['51820-51821/UDP'], flow),
    bgp: (node || joins) && portsMatch([179], flow),
    typha: (node || joins) && portsMatch([5473], flow),
    'node-local-dns': portsMatch(serviceOf('dns', nodes), flow) && (pod || node),
  };
  return Object.entries(entries).some(
    ([name, opens]) => opens && !(nodes.baseline?.disable ?? []).includes(name),
  );
}

const rulesOf = ({ spec }: ClusterFirewall): readonly IngressRule[] =>
  (spec.namespaces ?? []).flatMap(({ ingress = [], metrics = [] }) => [...ingress, ...metrics]);

/**
 * Pods of the control plane count as such at nodes. In a rule of pods, ControlPlane means its addresses only.
 */
function openRulesOf(
  firewall: ClusterFirewall,
  setting: Setting,
): readonly ((at: ClusterNode, flow: Flow) => boolean)[] {
  return rulesOf(firewall).map(
    ({ from, nodePorts = [], hostPorts = [], openAt }) =>
      (at: ClusterNode, flow: Flow) =>
        portsMatch([...nodePorts, ...hostPorts], flow) &&
        isAtOneOf(openAt?.nodeSelector, at, flow, setting) &&
        from.some((entry) =>
          entry.entity === 'ControlPlane' ? isControlPlane(flow, setting) : comesFrom(entry, flow, setting),
        ),
  );
}

/** At one of these nodes, or at another node on the way to one of them. */
const isAtOneOf = (
  nodeSelector: Zone['nodeSelector'],
  at: ClusterNode,
  flow: Flow,
  { inventory }: Setting,
): boolean =>
  selectorMatches(nodeSelector, at.labels) ||
  knownOr(inventory.nodes, []).some(
    ({ labels, addresses }) =>
      selectorMatches(nodeSelector, labels) && addresses.includes(addressOf(flow, 'to')),
  );

const peerOf = (name: string, { firewall }: Setting): Peer | undefined =>
  firewall.spec.peers?.find((peer) => peer.name === name);
const isPodPeer = (name: string, setting: Setting): boolean => peerOf(name, setting)?.pods !== undefined;

/**
 * Addresses mean outside hosts alone. Behind NAT any pod may be a node, so nodes are let in together with
 * pods.
 */
function comesFrom(entry: From, flow: Flow, setting: Setting): boolean {
  // A node without a known address is a stranger.
  const outside = flow.from.kind !== 'pod' && !isNode(flow, setting);
  if (entry.ipBlock !== undefined) return outside && inBlock(addressOf(flow, 'from'), entry.ipBlock);
  if (entry.peer !== undefined) {
    const { cidrs = [], pods, nodes } = peerOf(entry.peer, setting) ?? {};
    if (nodes !== undefined) return isNodeWith(nodes, flow, setting);
    if (pods === undefined) return outside && cidrs.some((cidr) => inCidr(addressOf(flow, 'from'), cidr));
    return isNode(flow, setting) || isPod(flow, pods, setting);
  }
  if ('nodes' in entry && entry.nodes !== undefined) return isNodeWith(entry.nodes, flow, setting);
  if ('pods' in entry && entry.pods !== undefined)
    return isNode(flow, setting) || isPod(flow, entry.pods, setting);
  switch (entry.entity) {
    case 'Everyone':
      return true;
    case 'World':
      return outside;
    case 'Internet':
      return outside && ipaddr.parse(addressOf(flow, 'from')).range() === 'unicast';
    case 'Nodes':
      return isNode(flow, setting);
    case 'ControlPlane':
      return (
        isControlPlane(flow, setting) ||
        (setting.nodes.controlPlane ?? []).some(
          ({ peer }) => isPodPeer(peer, setting) && comesFrom({ peer }, flow, setting),
        )
      );
    default:
      return flow.from.kind === 'pod' || isNode(flow, setting);
  }
}

function isPod(
  { from }: Flow,
  pods: NonNullable<IngressRule['from'][number]['pods']>,
  { cluster }: Setting,
): boolean {
  return (
    from.kind === 'pod' &&
    selectorMatches(pods.namespaceSelector, namespaceLabels(cluster, from)) &&
    podMatches(pods.podSelector, pods.serviceAccounts, from)
  );
}

const isNodeWith = (labels: NonNullable<Zone['nodeSelector']>, flow: Flow, { inventory }: Setting): boolean =>
  knownOr(inventory.nodes, []).some(
    (node) => selectorMatches(labels, node.labels) && node.addresses.includes(addressOf(flow, 'from')),
  );

function isNode(flow: Flow, { inventory }: Setting): boolean {
  const address = addressOf(flow, 'from');
  return knownOr(inventory.nodes, []).some(({ addresses }) => addresses.includes(address));
}

function joiningPorts({ inventory }: Setting): readonly PortValue[] {
  const nodes = knownOr(inventory.nodes, []);
  const labelled = (key: string, ...values: readonly string[]) =>
    nodes.some(({ labels }) => key in labels && (values.length === 0 || values.includes(labels[key] ?? '')));
  return [
    ...(labelled('node.kubernetes.io/instance-type', 'k3s', 'rke2') ||
    labelled('node-role.kubernetes.io/etcd')
      ? [9345]
      : []),
    ...(labelled('node.k0sproject.io/role') ? [9443, 8132] : []),
  ];
}

/** A machine that may join, node or not. */
function mayJoin(flow: Flow, { nodes: { nodeCIDRs = [], nodeCIDRsExcept = [] } }: Setting): boolean {
  const address = addressOf(flow, 'from');
  const isIn = (ranges: readonly string[]) => ranges.some((cidr) => inCidr(address, cidr));
  return flow.from.kind !== 'pod' && isIn(nodeCIDRs) && !isIn(nodeCIDRsExcept);
}

function isMemberOfEtcd(flow: Flow, setting: Setting): boolean {
  const address = addressOf(flow, 'from');
  const roles = ['control-plane', 'master', 'etcd'].map((role) => `node-role.kubernetes.io/${role}`);
  return (
    knownOr(setting.inventory.nodes, []).some(
      ({ labels, addresses }) => roles.some((role) => role in labels) && addresses.includes(address),
    ) ||
    (setting.nodes.etcd ?? []).some(({ peer }) =>
      (peerOf(peer, setting)?.cidrs ?? []).some((cidr) => inCidr(address, cidr)),
    )
  );
}

function isControlPlane(flow: Flow, setting: Setting): boolean {
  const address = addressOf(flow, 'from');
  const { inventory, nodes } = setting;
  const labelled = knownOr(inventory.nodes, []).filter(
    ({ labels }) =>
      'node-role.kubernetes.io/control-plane' in labels || 'node-role.kubernetes.io/master' in labels,
  );
  return (
    labelled.some(({ addresses }) => addresses.includes(address)) ||
    knownOr(inventory.apiServerEndpoints, []).includes(address) ||
    (nodes.controlPlane ?? []).some(({ peer }) =>
      (peerOf(peer, setting)?.cidrs ?? []).some((cidr) => inCidr(address, cidr)),
    )
  );
}
