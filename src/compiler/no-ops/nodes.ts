/** Parts of spec.nodes that have no effect. */
import type { ClusterFirewall, Nodes, Zone } from '../../api/schema.ts';
import { fromLabelSelector, matchesSelector } from '../../calico/selector.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { overlapsCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import { prefixSet } from '../../net/prefixes.ts';
import { nodesWith } from '../flows/labelled-nodes.ts';
import { ruleId } from '../names.ts';
import { BASELINE, PRIVILEGED } from '../nodes/baseline.ts';
import { breakGlassServices } from '../nodes/services.ts';
import type { ProblemCollector } from '../problems.ts';
import { zonesOf } from './entries.ts';

export function reportNodes(
  { metadata: { name }, spec: { nodes } }: ClusterFirewall,
  inventory: Inventory,
  collector: ProblemCollector,
): void {
  if (nodes === undefined) return;
  const place = (list: 'zones' | 'services', item: string, index: number) => ({
    firewall: name,
    id: ruleId(name, 'nodes', list, item),
    path: `spec.nodes.${list}[${String(index)}]`,
  });
  const zones = nodes.zones ?? [];
  for (const [index, zone] of zones.entries()) {
    const { nodeSelector } = zone;
    if (nodeSelector === undefined || inventory.nodes === UNKNOWN) continue;
    const selector = fromLabelSelector(nodeSelector);
    if (inventory.nodes.some(({ labels }) => matchesSelector(selector, labels))) continue;
    collector.warn(
      place('zones', zone.name, index),
      'NoEffect',
      'matches no node, so the zone opens nothing: correct it, or label the nodes that are meant',
      '.nodeSelector',
    );
  }
  for (const [index, zone] of zones.entries()) {
    for (const [position, cidr] of zone.addresses?.entries() ?? []) {
      if (nodes.destinations === 'All' || hasNode(cidr, zone, nodes, inventory)) continue;
      collector.warn(
        place('zones', zone.name, index),
        'NoEffect',
        `no node has such an address, as far as the cluster tells: correct ${cidr}, or list it in nodes.extraAddresses`,
        `.addresses[${String(position)}]`,
      );
    }
  }
  if (nodes.breakGlassServices !== undefined && nodes.breakGlass === undefined)
    collector.warn(
      { firewall: name, id: ruleId(name, 'nodes', 'breakGlass'), path: 'spec.nodes' },
      'NoEffect',
      'nobody is in breakGlass, so these services open nothing: name peers with cidrs in nodes.breakGlass',
      '.breakGlassServices',
    );
  const used = new Set<string>([
    'ssh',
    'kube-apiserver',
    ...breakGlassServices(nodes),
    ...zones.flatMap(({ allow }) => [...(allow.services ?? []), ...(allow.allBut?.services ?? [])]),
    ...WITHOUT_ZONES,
    ...BASELINE.flatMap(({ opens }) => (typeof opens === 'object' && 'length' in opens ? opens : [])),
  ]);
  for (const [index, service] of (nodes.services ?? []).entries()) {
    if (used.has(service.name)) continue;
    collector.warn(
      place('services', service.name, index),
      'NoEffect',
      `no zone names "${service.name}", so its ports open nothing: name it in allow.services of a zone`,
      '.name',
    );
  }
}

/** Services whose ports stay closed to some clients whether a zone names them or not. */
const WITHOUT_ZONES: readonly string[] = [...PRIVILEGED, 'nodeports'];

/** True while nodes are unknown. */
function hasNode(cidr: string, zone: Zone, { extraAddresses = [] }: Nodes, { nodes }: Inventory): boolean {
  if (nodes === UNKNOWN) return true;
  const own = zone.nodeSelector === undefined ? nodes : nodesWith(zone.nodeSelector, nodes);
  return [
    ...own.flatMap(({ addresses }) => addresses.map(parseAddress)),
    ...extraAddresses.map(parseCidr),
  ].some((address) => overlapsCidr(address, parseCidr(cidr)));
}

/** Sources of zones that `blocked` refuses whole, because it comes before every zone. */
export function reportBlocked(firewall: ClusterFirewall, collector: ProblemCollector): void {
  const peers = new Map((firewall.spec.peers ?? []).map((peer) => [peer.name, peer]));
  const cidrsOf = ({ peer = '', ipBlock }: Source): readonly string[] =>
    ipBlock === undefined ? (peers.get(peer)?.cidrs ?? []) : [ipBlock.cidr];
  const blocked = (firewall.spec.nodes?.blocked ?? [])
    .filter(({ ipBlock }) => ipBlock?.except === undefined)
    .flatMap(cidrsOf);
  if (blocked.length === 0) return;
  const refused = prefixSet(blocked.map(parseCidr));
  const isRefused = (cidrs: readonly string[]): boolean =>
    cidrs.length > 0 && cidrs.every((cidr) => refused.covers(parseCidr(cidr)));
  // Thousands of zones may name the same thousand CIDRs.
  const refusedPeers = new Map([...peers].map(([name, { cidrs = [] }]) => [name, isRefused(cidrs)]));
  for (const { place, ends } of zonesOf(firewall)) {
    for (const { end, at } of ends) {
      const isWhole =
        end.ipBlock === undefined ? refusedPeers.get(end.peer ?? '') : isRefused([end.ipBlock.cidr]);
      if (isWhole !== true) continue;
      collector.warn(
        place,
        'NoEffect',
        'opens nothing, because nodes.blocked refuses all of it before zones are asked: leave out there what is meant to be open',
        at,
      );
    }
  }
}

interface Source {
  readonly peer?: string | undefined;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] | undefined } | undefined;
}
