/**
 * Felix's treatment of host endpoints, in slow and plain code (felix/rules/endpoints.go). At every interface
 * the preDNAT policies of all tiers come first. The other policies follow for traffic that is delivered to
 * the node. The end of a tier passes in both layers, because tier and profile allow.
 */
import type { GeneratedObject } from '../../calico/types.ts';
import type { Cluster, ClusterNode, Flow, Labels } from './cluster.ts';
import { readOnce } from '../read-once.ts';
import { subjectPredicate, surroundingsOf } from './reading-labels.ts';
import { plainRule } from './reading-rules.ts';

export type Layer = 'ports' | 'host';

/** True when the layer lets the flow on at a node's interface, lo excluded. */
export function nodeReadingOf(
  objects: readonly GeneratedObject[],
  cluster: Cluster,
): (at: ClusterNode, layer: Layer, flow: Flow) => boolean {
  const around = surroundingsOf(objects, cluster);
  const endpoints = new Map(
    objects
      .filter((object) => object.kind === 'HostEndpoint')
      .filter(({ spec }) => spec.interfaceName === '*')
      .map(({ metadata, spec }) => [spec.node, metadata.labels ?? {}]),
  );
  const policies = objects
    .filter((object) => object.kind === 'GlobalNetworkPolicy')
    .filter(({ spec }) => spec.types.includes('Ingress'))
    .map(({ metadata, spec }) => ({
      ...spec,
      name: metadata.name,
      layer: spec.preDNAT === true ? ('ports' as const) : ('host' as const),
      selects: subjectPredicate(spec.selector, spec.namespaceSelector, undefined),
      rules: (spec.ingress ?? []).map((rule) => plainRule(rule, '', around)),
    }))
    .sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  const rulesAt = readOnce((labels: Labels) => {
    const own = policies.filter(({ selects }) => selects((key) => labels[key]));
    const rulesOf = (layer: Layer) =>
      own.filter((policy) => policy.layer === layer).flatMap(({ rules }) => rules);
    return { ports: rulesOf('ports'), host: rulesOf('host') };
  });
  return (at, layer, flow) => {
    const labels = endpoints.get(at.id);
    if (labels === undefined) return true;
    const rules = rulesAt(labels)[layer].filter(({ action }) => action !== 'Log');
    return rules.find((rule) => rule.matches(flow))?.action !== 'Deny';
  };
}
