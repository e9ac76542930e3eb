/**
 * Zones: sources, and the services and ports that they may reach on nodes. A zone only passes, so a source in
 * several zones may do what any of them allows.
 */
import type { Zone } from '../../api/schema.ts';
import type { Selector } from '../../calico/selector.ts';
import { fromLabelSelector, matchesSelector, printSelector } from '../../calico/selector.ts';
import { parseAddress, parseCidr, unionCidrs } from '../../net/cidr.ts';
import type { EndMatch, FlowEnd } from '../flows/flow-ends.ts';
import { matchEnd, matchNets, resolveEnd } from '../flows/flow-ends.ts';
import { contentTag, NODE_ORDER, ruleId, ZONE_NODES } from '../names.ts';
import { located, RuleProblem, type RulePlace } from '../problems.ts';
import { anyEnd, canonicalRules, crossRules } from '../flows/rules.ts';
import { tellInside } from '../flows/outside.ts';
import { networkSet } from '../flows/sets.ts';
import type { DesiredObject } from '../types.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { bothLayers, layerPolicies } from './layers.ts';
import { sourcesOf } from './sources.ts';
import { zoneTraffic } from './zone-traffic.ts';
import { knownOr } from '../../inventory/known.ts';

export interface CompiledZones {
  readonly objects: readonly DesiredObject[];
  readonly openPorts: readonly OpenPort[];
}

export function compileZones(context: NodeContext): CompiledZones {
  // Sorted, because a bound on the whole firewall must not depend on the order of a manifest.
  const byName = [...(context.nodeFirewall.nodes.zones ?? []).entries()].sort(([, a], [, b]) =>
    a.name < b.name ? -1 : 1,
  );
  const zones = byName.flatMap(([index, zone]) => {
    const place = {
      firewall: context.place.firewall,
      id: ruleId(context.place.id, 'zones', zone.name),
      path: `${context.place.path}.zones[${String(index)}]`,
    };
    return context.collector.guard(place, () => [compileZone(zone, place, context)]);
  });
  const sets = new Map(zones.flatMap(({ nodes }) => nodes).map((set) => [set.object.metadata.name, set]));
  return {
    objects: [...sets.values(), ...zones.flatMap(({ policies }) => policies)],
    openPorts: zones.map(({ openPort }) => openPort),
  };
}

interface CompiledZone {
  readonly policies: readonly DesiredObject[];
  /** The set of the zone's nodes, which other zones may share; empty where the zone is on every node. */
  readonly nodes: readonly DesiredObject[];
  readonly openPort: OpenPort;
}

function compileZone(zone: Zone, place: RulePlace, context: NodeContext): CompiledZone {
  const { id } = place;
  const sources = located('.from', () => sourcesOf(zoneEnds(zone, place, context), context.sourceScope));
  const { matches, ports, isBroad } = zoneTraffic(zone, context);
  const passing = (destinations: readonly EndMatch[]) =>
    canonicalRules(
      crossRules({ id, action: 'Pass', sources: sources.matches, destinations, ports: matches }),
    );
  const policy = {
    firewall: context.place.firewall,
    id,
    order: NODE_ORDER.zones,
  } as const;
  const { nodeSelector, addresses } = zone;
  const isEverywhere = nodeSelector === undefined && addresses === undefined;
  const openPort = { id, ports, sources, isEverywhere, ...(isBroad && { isBroad }) };
  const to = addresses === undefined ? anyEnd : matchNets(unionCidrs(addresses.map(parseCidr)));
  const here = bothLayers(passing(to));
  if (nodeSelector === undefined) return { policies: layerPolicies(policy, here), nodes: [], openPort };
  const where = fromLabelSelector(nodeSelector);
  const { set, value } = nodesWhere(where, context);
  const both = (end: EndMatch): readonly EndMatch[] =>
    to.map(({ family, entity }) => ({
      ...end,
      ...(family !== undefined && { family }),
      entity: { ...end.entity, ...entity },
    }));
  const onTheWay = { ports: passing(matchEnd({ kind: 'set', value }).flatMap(both)), host: [] };
  return {
    policies: [
      ...layerPolicies({ ...policy, where }, here),
      ...layerPolicies({ ...policy, variant: 'way' }, onTheWay),
    ],
    nodes: [set],
    openPort,
  };
}

/**
 * Addresses of pods and nodes alone open nothing, and say so. The others stay.
 * @throws RuleProblem when none is left
 */
function zoneEnds(
  { from }: Zone,
  place: RulePlace,
  { resolveScope, collector }: NodeContext,
): readonly FlowEnd[] {
  const inside: { readonly at: string; readonly message: string }[] = [];
  const addresses = knownOr(resolveScope.nodeAddresses.apiServer, []);
  const apiServer = { addresses, entity: 'ControlPlane' } as const;
  const ends = from.flatMap((entry, index): readonly FlowEnd[] => {
    const at = `[${String(index)}]`;
    const end = located(at, () => resolveEnd(entry, resolveScope, false));
    if (end.kind !== 'nets') return [end];
    const sorted = resolveScope.inside.sortOut(end.nets);
    if (sorted.outside !== end.nets) inside.push({ at, message: tellInside(sorted, apiServer) });
    return sorted.outside.length === 0 ? [] : [{ kind: 'nets', nets: sorted.outside }];
  });
  const [first] = inside;
  if (ends.length === 0 && first !== undefined)
    throw new RuleProblem('ResolvesToNothing', first.message, first.at);
  for (const { at, message } of inside) collector.warn(place, 'ClusterAddresses', message, `.from${at}`);
  return ends;
}

/**
 * The set of a zone's nodes, for the policies at other nodes. A forwarded packet passes the ports layer of
 * the node that forwards it. This is the pod's own node for a pod's packet (seen with packets), and the
 * routing node for others. The set holds only addresses of the zone's nodes, so it opens nothing of the
 * forwarding node. It is named by content, because two zones may exchange their selectors, and a stored
 * policy must keep its meaning.
 */
function nodesWhere(where: Selector, { inventory, place }: NodeContext) {
  const tag = contentTag(printSelector(where));
  const value = `nodes-where-${tag}`;
  const addresses = knownOr(inventory.nodes, [])
    .filter(({ labels }) => matchesSelector(where, labels))
    .flatMap((node) => node.addresses);
  const id = ruleId(place.id, ZONE_NODES, tag);
  return { value, set: networkSet(place.firewall, id, value, addresses.map(parseAddress)) };
}
