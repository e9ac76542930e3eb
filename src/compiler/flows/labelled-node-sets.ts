/** A GlobalNetworkSet for each distinct selector of Nodes, with all addresses of the Nodes that match. */
import type { ClusterFirewall, LabelSelector } from '../../api/schema.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import { knownOr, UNKNOWN } from '../../inventory/known.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';
import { parseAddress } from '../../net/cidr.ts';
import { LABELLED_NODES, ruleId } from '../names.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import type { DesiredObject } from '../types.ts';
import { labelledNodes, nodesWith } from './labelled-nodes.ts';
import { keepingLost, networkSet, setsNamedBy } from './sets.ts';

/** Only a client that may write every Node sets such labels (Kubernetes' NodeRestriction). */
const GUARDED = ['node-role.kubernetes.io/', 'node-restriction.kubernetes.io/'];

/** @param policies a set is needed when one of them names it */
export function labelledNodeSets(
  firewalls: readonly ClusterFirewall[],
  policies: readonly DesiredObject[],
  inventory: Inventory,
  collector: ProblemCollector,
): readonly DesiredObject[] {
  const named = new Set(policies.flatMap(({ object }) => [...setsNamedBy(object)]));
  const sets = new Map<string, DesiredObject>();
  for (const { place, labels } of firewalls.flatMap(writtenIn)) {
    const { tag, value } = labelledNodes(labels);
    if (!named.has(value)) continue;
    const nodes = nodesWith(labels, knownOr(inventory.nodes, []));
    warn(labels, nodes, place, { inventory, collector });
    const id = ruleId(DEFAULT_FIREWALL, LABELLED_NODES, tag);
    const addresses = nodes.flatMap((node) => node.addresses);
    const set = networkSet(DEFAULT_FIREWALL, id, value, addresses.map(parseAddress));
    sets.set(value, keepingLost(set, inventory, 'Node'));
  }
  return [...sets.values()];
}

interface Written {
  readonly place: RulePlace;
  readonly labels: LabelSelector;
}

interface Entry {
  readonly nodes?: LabelSelector | undefined;
}

/** Every selector of Nodes in the peers and rules of a firewall. */
function writtenIn({ metadata, spec }: ClusterFirewall): readonly Written[] {
  const { name } = metadata;
  const within = (path: string, entries: readonly Entry[], ...parts: readonly string[]): readonly Written[] =>
    entries.flatMap(({ nodes }, index) =>
      nodes === undefined
        ? []
        : [
            {
              place: { firewall: name, id: ruleId(name, ...parts), path: `${path}[${String(index)}].nodes` },
              labels: nodes,
            },
          ],
    );
  const peers = (spec.peers ?? []).flatMap(({ name: peer, nodes }, index) =>
    within('spec.peers', [{ nodes }], 'peers', peer).map(({ place, labels }) => ({
      place: { ...place, path: `spec.peers[${String(index)}].nodes` },
      labels,
    })),
  );
  const guardrails = (spec.guardrails ?? []).flatMap((guardrail, index) =>
    (['to', 'from', 'onlyTo', 'onlyFrom'] as const).flatMap((field) =>
      within(
        `spec.guardrails[${String(index)}].${field}`,
        guardrail[field] ?? [],
        'guardrails',
        guardrail.name,
      ),
    ),
  );
  const groups = (spec.namespaces ?? []).flatMap((group, index) => {
    const path = `spec.namespaces[${String(index)}]`;
    const from = (list: 'ingress' | 'metrics') =>
      (group[list] ?? []).flatMap((rule, at) => [
        ...within(`${path}.${list}[${String(at)}].from`, rule.from, group.name, list, rule.name),
        ...within('', [{ nodes: rule.openAt?.nodeSelector }], group.name, list, rule.name).map((written) => ({
          ...written,
          place: { ...written.place, path: `${path}.${list}[${String(at)}].openAt.nodeSelector` },
        })),
      ]);
    const to = (group.egress ?? []).flatMap((rule, at) =>
      within(`${path}.egress[${String(at)}].to`, rule.to, group.name, 'egress', rule.name),
    );
    return [...from('ingress'), ...from('metrics'), ...to];
  });
  return [...peers, ...guardrails, ...groups];
}

function warn(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  matching: readonly NodeInfo[],
  place: RulePlace,
  { inventory, collector }: { readonly inventory: Inventory; readonly collector: ProblemCollector },
): void {
  const keys = [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
  if (!keys.some((key) => GUARDED.some((prefix) => key.startsWith(prefix)))) {
    collector.warn(
      place,
      'NodeLabelUnguarded',
      `a kubelet may put ${keys.join(', ')} on its own Node, so whoever takes over a node may count as one of these: use a label that begins with ${GUARDED.join(' or ')}`,
    );
  }
  if (inventory.nodes === UNKNOWN)
    collector.warn(
      place,
      'NodesUnknown',
      'the cluster’s nodes are not known, so the set of these is shown empty',
    );
  else if (matching.length === 0) collector.warn(place, 'NoNodeMatches', 'matches no node yet');
}
