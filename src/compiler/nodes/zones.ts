/** Zones: sources, and what they may reach on nodes. Each only passes, so a source in several has what any of them allows. */
import type { Nodes, PortValue, Zone } from '../../api/schema.ts';
import { all, fromLabelSelector } from '../../calico/selector.ts';
import { resolveEnd } from '../ends.ts';
import { NODE_ORDER, ruleId } from '../names.ts';
import { located } from '../problems.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../rules.ts';
import type { DesiredObject } from '../types.ts';
import type { NodeContext, Opening } from './context.ts';
import { bothLayers, layerPolicies } from './layers.ts';
import { sourcesOf } from './sources.ts';

export interface CompiledZone {
  readonly objects: readonly DesiredObject[];
  readonly opening: Opening;
}

export function compileZones(context: NodeContext): readonly CompiledZone[] {
  return (context.hosts.nodes.zones ?? []).flatMap((zone, index) => {
    const place = {
      firewall: context.place.firewall,
      id: ruleId(context.place.id, 'zones', zone.name),
      path: `${context.place.path}.zones[${String(index)}]`,
    };
    return context.findings.guard(place, () => [compileZone(zone, place.id, context)]);
  });
}

function compileZone(zone: Zone, id: string, context: NodeContext): CompiledZone {
  const ends = zone.from.map((entry, index) =>
    located(`.from[${String(index)}]`, () => resolveEnd(entry, context.ends, false)),
  );
  const sources = located('.from', () => sourcesOf(ends, context.scope));
  const ports = zonePorts(zone, context);
  const rules = canonicalRules(
    crossRules({
      id,
      action: 'Pass',
      sources: sources.matches,
      destinations: anyEnd,
      ports: matchPorts(ports),
    }),
  );
  const where = zone.nodeSelector === undefined ? all() : fromLabelSelector(zone.nodeSelector);
  const { firewall } = context.place;
  return {
    objects: layerPolicies(
      { firewall, id, phase: 'nodeAllow', order: NODE_ORDER.zones, where },
      bothLayers(rules),
    ),
    opening: { id, ports, sources, everywhere: zone.nodeSelector === undefined },
  };
}

function zonePorts({ allow }: Zone, { services }: NodeContext): readonly PortValue[] {
  if (allow.all === true) return ['All'];
  return [
    ...(allow.services ?? []).flatMap((name, index) =>
      located(`.allow.services[${String(index)}]`, () => services(name)),
    ),
    ...(allow.ports ?? []),
  ];
}

/** Labels of nodes that zones ask for: host endpoints of our own carry them. */
export const labelsAskedFor = ({ zones = [] }: Nodes): ReadonlySet<string> =>
  new Set(
    zones.flatMap(({ nodeSelector }) => [
      ...Object.keys(nodeSelector?.matchLabels ?? {}),
      ...(nodeSelector?.matchExpressions ?? []).map(({ key }) => key),
    ]),
  );
