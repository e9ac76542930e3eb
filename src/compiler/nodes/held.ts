/** Policies that stay as they are stored while the API server's port is not known. */
import { isBelow, ruleId } from '../names.ts';
import type { DesiredObject } from '../types.ts';
import type { NodeContext } from './context.ts';

/**
 * The policies that open or refuse the API server's port are written only where nothing of them is stored.
 * The stored port is the one that the cluster had, and the usual one may be another.
 */
export function holdingApiServer(
  objects: readonly DesiredObject[],
  { clusterPorts, nodeFirewall, collector, place }: NodeContext,
): readonly DesiredObject[] {
  if (!clusterPorts.isApiServerHeld) return objects;
  const zones = (nodeFirewall.nodes.zones ?? []).filter(({ allow }) =>
    (allow.services ?? []).includes('kube-apiserver'),
  );
  const baseline = ruleId(place.id, 'baseline');
  const guard = ruleId(place.id, 'pods');
  const held = new Set([
    ruleId(place.id, 'breakGlass'),
    guard,
    ...zones.map(({ name }) => ruleId(place.id, 'zones', name)),
  ]);
  // Its policies are named by the pods that they leave out.
  collector.frozen.push({ rule: guard });
  return objects.map((each) =>
    each.object.kind !== 'GlobalNetworkSet' && each.rules.some((id) => held.has(id) || isBelow(id, baseline))
      ? { ...each, standIn: true }
      : each,
  );
}
