/** `nodePorts` and `hostPorts` of ingress rules: the way in through the node. */
import type { ClusterFirewall, IngressRule, LabelSelector, PortValue } from '../../api/schema.ts';
import { fromLabelSelector } from '../../calico/selector.ts';
import type { EndMatch, FlowEnd } from '../flows/flow-ends.ts';
import { matchEnd } from '../flows/flow-ends.ts';
import { labelledNodes } from '../flows/labelled-nodes.ts';
import { NODE_ORDER } from '../names.ts';
import type { NamespaceSet } from '../namespaces/namespaces.ts';
import type { RulePlace } from '../problems.ts';
import { located } from '../problems.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import type { ResolveScope } from '../flows/flow-ends.ts';
import type { DesiredObject } from '../types.ts';
import { layerPolicies } from './layers.ts';
import type { NodeFirewall } from './node-firewall.ts';
import { sourcesOf } from './sources.ts';

export const nodeAndHostPorts = ({ nodePorts = [], hostPorts = [] }: IngressRule): readonly PortValue[] => [
  ...nodePorts,
  ...hostPorts,
];

export const declaredHostPorts = (firewalls: readonly ClusterFirewall[]): readonly PortValue[] =>
  firewalls
    .flatMap(({ spec }) => spec.namespaces ?? [])
    .flatMap(({ ingress = [], metrics = [] }) => [...ingress, ...metrics])
    .flatMap((rule: IngressRule) => rule.hostPorts ?? []);

export interface NodePortRule {
  readonly place: RulePlace;
  readonly ends: readonly FlowEnd[];
  readonly ports: readonly PortValue[];
  /** The nodes at which they are open; absent: all. */
  readonly openAt: LabelSelector | undefined;
  /** The namespaces of the rule's pods, which a source in the same namespace means. */
  readonly namespaces: NamespaceSet;
}

/**
 * Only the ports layer is needed: translated traffic is forwarded and never meets the node's own ports. The
 * rules are enforced whatever the mode of the group, because nodes have a mode of their own. Observed pods
 * lose nothing by it.
 */
export function nodePortPolicies(
  rule: NodePortRule,
  resolveScope: ResolveScope,
  { pools }: NodeFirewall,
): readonly DesiredObject[] {
  if (rule.ports.length === 0) return [];
  const { id, firewall } = rule.place;
  const sources = located('.from', () =>
    sourcesOf(
      rule.ends.map((end) =>
        end.kind === 'samePods'
          ? { kind: 'pods', namespaces: rule.namespaces, pods: end.pods, tag: '' }
          : end,
      ),
      { resolveScope, pools, controlPlanePods: [] },
    ),
  );
  const passing = (destinations: readonly EndMatch[]) => ({
    ports: canonicalRules(
      crossRules({
        id,
        action: 'Pass',
        sources: sources.matches,
        destinations,
        ports: matchPorts(rule.ports),
      }),
    ),
    host: [],
  });
  const policy = { firewall, id, order: NODE_ORDER.nodePorts } as const;
  if (rule.openAt === undefined) return layerPolicies(policy, passing(anyEnd));
  // A pod's packet to one of these nodes passes the ports layer of its own node first: see nodesWhere in zones.ts.
  return [
    ...layerPolicies({ ...policy, where: fromLabelSelector(rule.openAt) }, passing(anyEnd)),
    ...layerPolicies({ ...policy, variant: 'way' }, passing(matchEnd(labelledNodes(rule.openAt)))),
  ];
}
