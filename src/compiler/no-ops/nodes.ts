/** Parts of spec.nodes that have no effect. */
import type { ClusterFirewall } from '../../api/schema.ts';
import { fromLabelSelector, matchesSelector } from '../../calico/selector.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { ruleId } from '../names.ts';
import { BASELINE } from '../nodes/baseline.ts';
import { breakGlassServices } from '../nodes/services.ts';
import type { ProblemCollector } from '../problems.ts';

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
