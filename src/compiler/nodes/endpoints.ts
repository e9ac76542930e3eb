/** Host endpoints: lo of every selected node, which exempts what a node says to itself, and its other interfaces. */
import { LABEL_CREATED_BY, LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import type { HostEndpoint } from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import { parseAddress, parseCidr } from '../../net/cidr.ts';
import {
  endpointName,
  JUDGED_SET_VALUE,
  LABEL_ENFORCED,
  LABEL_LO,
  NODE_ORDER,
  objectMeta,
  ruleId,
} from '../names.ts';
import { networkSet } from '../flows/sets.ts';
import type { NodeInfo } from '../../inventory/types.ts';
import type { DesiredObject } from '../types.ts';
import type { NodeContext } from './context.ts';
import { bothLayers, catchAll, layerPolicies } from './layers.ts';

/** Calico's own: allows both ways what no policy selects. */
const ALLOWING_PROFILE = 'projectcalico-default-allow';
const OURS = 'clusterfirewall.io/';
/** What these say, Calico believes: that it is a pod, or one of its own endpoints. A node's kubelet may write them to its Node. */
const CALICOS: ReadonlySet<string> = new Set([LABEL_NAMESPACE, LABEL_ORCHESTRATOR, LABEL_CREATED_BY]);

/**
 * What a node says to one of its own addresses goes over lo, and would be judged by the endpoint of all interfaces. An endpoint for lo
 * alone does not help: without a preDNAT policy of its own Felix leaves it out there (calico.md, seen with packets).
 */
export function compileLo(context: NodeContext): readonly DesiredObject[] {
  const id = ruleId(context.place.id, 'lo');
  const { firewall } = context.place;
  return [
    ...(context.selected ?? []).map((node) =>
      endpoint(firewall, { id, phase: 'lo', node, interfaceName: 'lo', labels: { [LABEL_LO]: '' } }),
    ),
    ...layerPolicies(
      { firewall, id, phase: 'lo', order: NODE_ORDER.lo, label: LABEL_LO },
      bothLayers([catchAll(id, 'Pass')]),
    ),
  ];
}

/** Our own endpoints carry the gate from the start; they are written after everything that they are judged by. */
export function compileManaged(context: NodeContext): readonly DesiredObject[] {
  return (context.selected ?? []).map((node) =>
    endpoint(context.place.firewall, {
      id: ruleId(context.place.id, 'endpoints'),
      phase: 'hostEndpoint',
      node,
      interfaceName: '*',
      labels: { ...labelsTaken(node), [LABEL_ENFORCED]: '' },
    }),
  );
}

/**
 * All of the Node's, as automatic endpoints have them, and not only those that zones ask for: then a zone comes and goes without a write
 * to any endpoint, and none lacks a label of which a selector asks that it be absent (docs/decisions/0013-node-firewall.md).
 */
export const labelsTaken = ({ labels }: NodeInfo): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(OURS) && !CALICOS.has(key)));

interface EndpointParts {
  readonly id: string;
  readonly phase: 'lo' | 'hostEndpoint';
  readonly node: NodeInfo;
  readonly interfaceName: string;
  readonly labels: Readonly<Record<string, string>>;
}

function endpoint(
  firewall: string,
  { id, phase, node, interfaceName, labels }: EndpointParts,
): DesiredObject {
  const meta = objectMeta(endpointName(ruleId(id, node.name)), firewall, [id]);
  const object: HostEndpoint = {
    apiVersion: CALICO_API_VERSION,
    kind: 'HostEndpoint',
    metadata: { ...meta, labels: { ...sorted(labels), ...meta.labels } },
    spec: { node: node.name, interfaceName, profiles: [ALLOWING_PROFILE] },
  };
  return { object, firewall, rules: [id], phase };
}

const sorted = (labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Every IPv6 interface has one of these, and kube-proxy may listen there. */
const LINK_LOCAL = 'fe80::/10';

/** The addresses at which traffic is meant for a node that is judged, before DNAT. */
export function judgedSet(context: NodeContext): DesiredObject {
  const id = ruleId(context.place.id, 'judged');
  const own = (context.selected ?? []).flatMap(({ addresses }) => addresses).map(parseAddress);
  const extra = [...(context.nodeFirewall.nodes.extraAddresses ?? []), LINK_LOCAL].map(parseCidr);
  return networkSet(context.place.firewall, id, JUDGED_SET_VALUE, [...own, ...extra], 'judged');
}
