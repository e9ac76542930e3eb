/**
 * Host endpoints: one for interface lo of every selected node, and one for its other interfaces. The one for
 * lo exempts traffic of a node to itself.
 */
import { LABEL_CREATED_BY, LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../../calico/labels.ts';
import type { HostEndpoint } from '../../calico/types.ts';
import { CALICO_API_VERSION } from '../../calico/types.ts';
import { parseAddress, parseCidr } from '../../net/cidr.ts';
import {
  endpointName,
  NODE_ADDRESSES_SET_VALUE,
  LABEL_ENFORCED,
  LABEL_LO,
  NODE_ORDER,
  objectMeta,
  ruleId,
  type RuleId,
} from '../names.ts';
import { keepingLost, networkSet } from '../flows/sets.ts';
import { knownOr } from '../../inventory/known.ts';
import type { NodeInfo } from '../../inventory/types.ts';
import type { DesiredObject } from '../types.ts';
import type { NodeContext } from './context.ts';
import type { ExtraAddresses } from './extra-addresses.ts';
import { bothLayers, catchAll, layerPolicies } from './layers.ts';

/** Calico's own profile. It allows, in both directions, what no policy selects. */
const ALLOWING_PROFILE = 'projectcalico-default-allow';
const OURS = 'clusterfirewall.io/';
/**
 * Labels that Calico trusts: an endpoint with them counts as a pod or as one of Calico's own. A node's
 * kubelet may write them to its Node.
 */
const CALICOS: ReadonlySet<string> = new Set([LABEL_NAMESPACE, LABEL_ORCHESTRATOR, LABEL_CREATED_BY]);

/**
 * Traffic of a node to one of its own addresses goes over lo. The endpoint for all interfaces would apply to
 * it. An endpoint for lo alone does not help: Felix leaves lo out unless it has a preDNAT policy of its own
 * (calico.md, seen with packets).
 */
export function compileLo(context: NodeContext): readonly DesiredObject[] {
  const id = ruleId(context.place.id, 'lo');
  const { firewall } = context.place;
  return [
    ...knownOr(context.selected, []).map((node) =>
      endpoint(firewall, { id, node, interfaceName: 'lo', labels: { [LABEL_LO]: '' } }),
    ),
    ...layerPolicies(
      { firewall, id, order: NODE_ORDER.lo, label: LABEL_LO },
      bothLayers([catchAll(id, 'Pass')]),
    ),
  ];
}

/**
 * Our own endpoints carry the enforcement label from the start. They are written after every policy that
 * applies to them.
 */
export function compileManaged(context: NodeContext): readonly DesiredObject[] {
  return knownOr(context.selected, []).map((node) =>
    endpoint(context.place.firewall, {
      id: ruleId(context.place.id, 'endpoints'),
      node,
      interfaceName: '*',
      labels: { ...labelsTaken(node), [LABEL_ENFORCED]: '' },
    }),
  );
}

/**
 * All labels of the Node, which is what automatic endpoints have too. Labels that zones select would not be
 * enough. A zone could then not come or go without a write to every endpoint, and a selector for the absence
 * of a label would match too many (docs/decisions/0013-node-firewall.md).
 */
export const labelsTaken = ({ labels }: NodeInfo): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(OURS) && !CALICOS.has(key)));

interface EndpointParts {
  readonly id: RuleId;
  readonly node: NodeInfo;
  readonly interfaceName: string;
  readonly labels: Readonly<Record<string, string>>;
}

function endpoint(firewall: string, { id, node, interfaceName, labels }: EndpointParts): DesiredObject {
  const meta = objectMeta(endpointName(ruleId(id, node.name)), firewall, [id]);
  const object: HostEndpoint = {
    apiVersion: CALICO_API_VERSION,
    kind: 'HostEndpoint',
    metadata: { ...meta, labels: { ...sorted(labels), ...meta.labels } },
    spec: { node: node.name, interfaceName, profiles: [ALLOWING_PROFILE] },
  };
  return { object, firewall, rules: [id] };
}

const sorted = (labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Every IPv6 interface has such an address, and kube-proxy may listen there. */
const LINK_LOCAL = 'fe80::/10';

/** The addresses at which traffic before DNAT is meant for a selected node. */
export function nodeAddressSet(context: NodeContext, extra: ExtraAddresses): DesiredObject {
  const id = ruleId(context.place.id, 'judged');
  const own = knownOr(context.selected, [])
    .flatMap(({ addresses }) => addresses)
    .map(parseAddress);
  const nets = [...own, ...extra.nets, parseCidr(LINK_LOCAL)];
  const set = networkSet(context.place.firewall, id, NODE_ADDRESSES_SET_VALUE, nets);
  return { ...keepingLost(set, context.inventory, 'Node'), ...(!extra.isWhole && { keepsNets: true }) };
}
