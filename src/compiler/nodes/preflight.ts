/**
 * Finds other clients' objects that would affect our host endpoints and sets by accident. Two kinds of them
 * block new endpoints.
 */
import { KUBE_CONTROLLERS, LABEL_CREATED_BY, LABEL_NAMESPACE } from '../../calico/labels.ts';
import { matchesSelector } from '../../calico/selector.ts';
import { wearsSetLabel } from '../foreign/openings.ts';
import { isFirst, placeOf } from '../foreign/places.ts';
import { parsed, subjectOf } from '../foreign/subject.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import {
  CONTROL_PLANE_SET_VALUE,
  NODE_ADDRESSES_SET_VALUE,
  LABEL_FIREWALL,
  LABEL_ENFORCED,
  LABEL_LO,
  LABEL_MANAGED_BY,
  LABEL_SET,
  MANAGED_BY,
  NODE_SET_VALUE,
} from '../names.ts';
import { knownOr } from '../../inventory/known.ts';
import type { ForeignPolicyInfo, HostEndpointInfo } from '../../inventory/types.ts';
import type { NodesSummary } from '../types.ts';
import type { NodeContext } from './context.ts';
import { dataplaneNotes } from './dataplane.ts';
import { labelsTaken } from './endpoints.ts';
import { listed } from './listed.ts';

export interface Preflight {
  readonly blocked?: NonNullable<NodesSummary['blocked']>;
  /** Accepted ones too. */
  readonly openedBy: readonly string[];
  readonly notes: readonly string[];
}

export function preflight(context: NodeContext): Preflight {
  const found = policiesOnHosts(context);
  const blocked = endpointModeConflict(context) ?? refusal(found, context) ?? foreignEndpoints(context);
  return {
    ...(blocked === undefined ? {} : { blocked }),
    openedBy: found.flatMap(({ policy, opens }) => (opens ? [policy.name] : [])),
    notes: [...unseenTiers(context), ...setsMatched(context), ...dataplaneNotes(context)],
  };
}

type Labels = Readonly<Record<string, string>>;

function endpointModeConflict({ nodeFirewall, inventory }: NodeContext): Preflight['blocked'] {
  if (nodeFirewall.nodes.hostEndpoints !== 'Managed' || inventory.automaticHostEndpoints !== true)
    return undefined;
  return {
    reason: 'EndpointConflict',
    message:
      "nodes.hostEndpoints is Managed, but Calico's automatic host endpoints are on: use Auto, or switch off autoCreate in KubeControllersConfiguration default",
  };
}

interface PolicyOnHosts {
  readonly policy: ForeignPolicyInfo;
  /** Names of the nodes with endpoints that it selects. */
  readonly nodes: readonly string[];
  /** True when it may let in what our rules refuse. */
  readonly opens: boolean;
}

/**
 * Policies of others that select endpoints of ours. On automatic endpoints they apply without us too, so only
 * those count there that may open.
 */
function policiesOnHosts(context: NodeContext): readonly PolicyOnHosts[] {
  const [ours, automatic] = [ourEndpoints(context), automaticEndpoints(context)];
  const tiers = context.inventory.foreignTiers ?? [];
  return (context.inventory.foreignPolicies ?? [])
    .map((policy) => {
      const mayOpen = policy.allows.ingress && isFirst(placeOf(policy.tier, tiers));
      const opened = mayOpen ? nodesSelected(policy, [...ours, ...automatic]) : [];
      return { policy, nodes: mayOpen ? opened : nodesSelected(policy, ours), opens: opened.length > 0 };
    })
    .filter(({ nodes }) => nodes.length > 0)
    .sort((a, b) => (a.policy.name < b.policy.name ? -1 : 1));
}

const isAccepted = ({ main }: NodeContext, id: string): boolean =>
  main.spec.acceptForeign?.includes(id) === true;

function refusal(all: readonly PolicyOnHosts[], context: NodeContext): Preflight['blocked'] {
  const found = all.filter(({ policy }) => !isAccepted(context, idOf(policy)));
  const [first] = found;
  if (first === undefined) return undefined;
  const opening = found.filter(({ opens }) => opens);
  const closing = found.filter(({ opens }) => !opens);
  return {
    reason: 'ForeignPolicySelectsHosts',
    message: [...openingMessage(opening), ...closingMessage(closing)].join('; '),
  };
}

const idOf = ({ name }: ForeignPolicyInfo): string => `GlobalNetworkPolicy/${name}`;
const namesOf = (found: readonly PolicyOnHosts[]): string => listed(found.map(({ policy }) => idOf(policy)));

function openingMessage(found: readonly PolicyOnHosts[]): readonly string[] {
  const [first] = found;
  if (first === undefined) return [];
  return [
    `${namesOf(found)} may let in what spec.nodes refuses at ${listed(first.nodes)}, because its tier (${first.policy.tier}) is asked before our rules: add "${remedyFor(first.policy)}" to it, so it selects only pods, or name it in spec.acceptForeign`,
  ];
}

function closingMessage(found: readonly PolicyOnHosts[]): readonly string[] {
  const [first] = found;
  if (first === undefined) return [];
  return [
    `${namesOf(found)} would apply to host endpoints of ${listed(first.nodes)}, and close everything that it does not allow: add "${remedyFor(first.policy)}" to it, so it selects only pods, or name it in spec.acceptForeign`,
  ];
}

/** Names the field that lacks it. */
const remedyFor = ({ namespaceSelector }: ForeignPolicyInfo): string =>
  namespaceSelector === ''
    ? `selector: … && has(${LABEL_NAMESPACE})`
    : 'namespaceSelector: has(projectcalico.org/name) && …';

interface OurEndpoint {
  readonly node: string;
  readonly labels: Labels;
}

/**
 * Our endpoints with their future labels: those for lo, and those for all interfaces where they are ours.
 */
function ourEndpoints(context: NodeContext): readonly OurEndpoint[] {
  const own = { [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_FIREWALL]: DEFAULT_FIREWALL };
  const managed = context.inventory.automaticHostEndpoints !== true;
  return knownOr(context.selected, []).flatMap((node) => [
    { node: node.name, labels: { ...own, [LABEL_LO]: '' } },
    ...(managed ? [{ node: node.name, labels: { ...labelsTaken(node), ...own, [LABEL_ENFORCED]: '' } }] : []),
  ]);
}

/** Calico's own endpoints, with the label that puts them under our policies. They carry their Node's labels. */
function automaticEndpoints(context: NodeContext): readonly OurEndpoint[] {
  if (context.inventory.automaticHostEndpoints !== true) return [];
  const selected = knownOr(context.selected, []);
  const stored = (context.inventory.hostEndpoints ?? []).filter(({ automatic }) => automatic);
  return selected.flatMap(({ name, labels }) => [
    { node: name, labels: { ...labels, [LABEL_CREATED_BY]: KUBE_CONTROLLERS, [LABEL_ENFORCED]: '' } },
    ...stored
      .filter(({ node }) => node === name)
      .map((endpoint) => ({ node: name, labels: { ...endpoint.labels, [LABEL_ENFORCED]: '' } })),
  ]);
}

function nodesSelected(policy: ForeignPolicyInfo, endpoints: readonly OurEndpoint[]): readonly string[] {
  const subject = subjectOf(policy);
  if (subject === undefined) return [];
  return [
    ...new Set(endpoints.filter(({ labels }) => matchesSelector(subject, labels)).map(({ node }) => node)),
  ];
}

/**
 * When an interface has two endpoints, Felix takes the alphabetically first. A named interface is taken out
 * of ours. An endpoint with the label of a set counts as a member of the set, wherever it is.
 */
function foreignEndpoints(context: NodeContext): Preflight['blocked'] {
  const selectedNames = new Set(knownOr(context.selected, []).map(({ name }) => name));
  const others = (context.inventory.hostEndpoints ?? [])
    .filter(({ automatic, name }) => !automatic && !isAccepted(context, `HostEndpoint/${name}`))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const members = others.filter((each) => each.hasAddresses === true && wearsSetLabel(each.labels));
  const neighbours = others.filter(({ node }) => selectedNames.has(node));
  const messages = [
    ...(members.length === 0
      ? []
      : [
          `${listed(members.map(described))} has the label ${LABEL_SET} of a set of ours, so its expectedIPs count as members of the set: delete it or its label, or name it in spec.acceptForeign`,
        ]),
    ...(neighbours.length === 0
      ? []
      : [
          `${listed(neighbours.map(described))} would conflict with ours: delete it, or name it in spec.acceptForeign; then only its own policies apply to its interface`,
        ]),
  ];
  return messages.length === 0 ? undefined : { reason: 'EndpointConflict', message: messages.join('; ') };
}

const described = ({ name, node, interfaceName }: HostEndpointInfo): string =>
  `HostEndpoint/${name} (node ${node}, ${interfaceName === undefined ? 'by address' : `interface ${interfaceName}`})`;

function unseenTiers({ inventory }: NodeContext): readonly string[] {
  const { unseenTiers: names = [], foreignTiers = [] } = inventory;
  const first = names.filter((name) => isFirst(placeOf(name, foreignTiers)));
  return first.length === 0
    ? []
    : [
        `the operator may not read the policies of ${listed(first.map((name) => `Tier/${name}`))}, which may let in what spec.nodes refuses`,
      ];
}

const SETS = [NODE_SET_VALUE, CONTROL_PLANE_SET_VALUE, NODE_ADDRESSES_SET_VALUE].map((value): Labels => ({
  [LABEL_MANAGED_BY]: MANAGED_BY,
  [LABEL_FIREWALL]: DEFAULT_FIREWALL,
  [LABEL_SET]: value,
}));

/**
 * A rule without a namespaceSelector matches sets too. A negative selector or all() begins to match nodes
 * once there is a set of them.
 */
function setsMatched({ inventory }: NodeContext): readonly string[] {
  const names = (inventory.foreignPolicies ?? [])
    .filter(({ ends }) =>
      ends.some(
        (end) => (end.namespaceSelector === '' && matchesSets(end.selector)) || matchesSets(end.notSelector),
      ),
    )
    .map(({ name }) => `GlobalNetworkPolicy/${name}`)
    .toSorted();
  if (names.length === 0) return [];
  return [
    `${listed(names)}: rules without a namespaceSelector whose selector is negative or all() match the sets of nodes as well`,
  ];
}

function matchesSets(text: string): boolean {
  const selector = text === '' ? undefined : parsed(text);
  return selector !== undefined && SETS.some((labels) => matchesSelector(selector, labels));
}
