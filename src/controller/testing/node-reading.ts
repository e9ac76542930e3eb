/**
 * A plain reading of host endpoints and the policies on them: which flows get in at a node. Source:
 * felix/rules/endpoints.go, felix/dataplane/linux/endpoint_mgr.go.
 */
import type { GeneratedObject, GlobalNetworkPolicy, HostEndpoint } from '../../calico/types.ts';
import { LABEL_ENFORCED, LABEL_LO } from '../../compiler/names.ts';
import type { Cluster, Endpoint, Flow } from '../../compiler/testing/cluster.ts';
import { readOnce } from '../../compiler/read-once.ts';
import {
  subjectPredicate,
  surroundingsOf,
  type Surroundings,
} from '../../compiler/testing/reading-labels.ts';
import { plainRule, type PlainRule } from '../../compiler/testing/reading-rules.ts';
import { readingOf } from '../../compiler/testing/reading.ts';

/** Something that reaches a node by one of its addresses. */
export interface NodeFlow {
  readonly from: Endpoint;
  readonly node: string;
  readonly address: string;
  readonly port: number;
  /**
   * True for a flow that is never delivered to the host: to a pod behind it, by NodePort, or to another node.
   */
  readonly forwarded: boolean;
}

export const describeNodeFlow = ({ from, node, address, port, forwarded }: NodeFlow): string =>
  `${from.id} → ${node} ${address}:${String(port)}${forwarded ? ' (forwarded)' : ''}`;

interface Policy {
  readonly name: string;
  readonly order: number;
  readonly isPreDnat: boolean;
  readonly selects: (labels: Readonly<Record<string, string>>) => boolean;
  readonly rules: readonly PlainRule[];
}

/** @returns the rule that refuses the flow, or undefined when it gets in */
export function nodeReadingOf(
  objects: readonly GeneratedObject[],
  cluster: Cluster,
): (flow: NodeFlow) => string | undefined {
  // Felix takes the one whose name comes first, where two are for the same interface.
  const endpoints = objects
    .filter((object) => object.kind === 'HostEndpoint')
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const policies = objects
    .filter((object) => object.kind === 'GlobalNetworkPolicy')
    .filter(({ spec }) => [LABEL_ENFORCED, LABEL_LO].some((label) => spec.selector.includes(label)))
    .map(policyReader(surroundingsOf(objects, cluster)))
    .sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  const atPods = readingOf(objects, cluster);
  return (flow) => {
    const plainFlow = asFlow(flow, cluster);
    const leaving = flow.from.kind === 'pod' ? atPods(plainFlow) : undefined;
    if (leaving?.allowed === false) return leaving.by;
    const own = endpoints.filter(({ spec }) => spec.node === flow.node);
    for (const layer of flow.forwarded ? [true] : [true, false]) {
      const some = policies.filter(({ isPreDnat }) => isPreDnat === layer);
      const denied = deniedBy(plainFlow, some, endpointFor(flow, own, some));
      if (denied !== undefined) return denied;
    }
    return undefined;
  };
}

const policyReader = readOnce((around: Surroundings) =>
  readOnce((policy: GlobalNetworkPolicy) => plain(policy, around)),
);

function plain({ metadata, spec }: GlobalNetworkPolicy, around: Surroundings): Policy {
  const selects = subjectPredicate(spec.selector, spec.namespaceSelector, undefined);
  return {
    name: metadata.name,
    order: spec.order,
    isPreDnat: spec.preDNAT === true,
    selects: (labels) => selects((key) => labels[key]),
    rules: (spec.ingress ?? []).map((rule) => plainRule(rule, '', around)),
  };
}

/**
 * A node reaches itself over lo. An endpoint for lo alone that no preDNAT policy selects is left out there:
 * `*` judges.
 */
function endpointFor(
  { from, node }: NodeFlow,
  own: readonly HostEndpoint[],
  layer: readonly Policy[],
): HostEndpoint | undefined {
  const of = (name: string) => own.find(({ spec }) => spec.interfaceName === name);
  const lo = from.id === node ? of('lo') : undefined;
  const isDispatched =
    lo !== undefined &&
    layer.some(({ isPreDnat, selects }) => !isPreDnat || selects(lo.metadata.labels ?? {}));
  return isDispatched ? lo : of('*');
}

function deniedBy(
  flow: Flow,
  layer: readonly Policy[],
  endpoint: HostEndpoint | undefined,
): string | undefined {
  if (endpoint === undefined) return undefined;
  for (const { name, selects, rules } of layer) {
    if (!selects(endpoint.metadata.labels ?? {})) continue;
    const decision = rules.find(({ action, matches }) => action !== 'Log' && matches(flow));
    if (decision?.action === 'Deny') return `${name}: ${decision.text}`;
    if (decision !== undefined) return undefined;
  }
  return undefined;
}

function asFlow({ from, node, address, port }: NodeFlow, { nodes }: Cluster): Flow {
  const to = nodes.find(({ id }) => id === node);
  if (to === undefined) throw new Error(`no node ${node}`);
  return { from, to: { ...to, addresses: { 4: address } }, protocol: 'TCP', port, ipVersion: 4 };
}
