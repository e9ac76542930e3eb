/**
 * Finds other clients' objects that would affect our host endpoints and sets by accident. Obstacles block new
 * endpoints, and all are named at once.
 */
import { KUBE_CONTROLLERS, LABEL_CREATED_BY, LABEL_NAMESPACE } from '../../calico/labels.ts';
import { matchesSelector } from '../../calico/selector.ts';
import { wearsSetLabel } from '../foreign/openings.ts';
import { isFirst, placeOf } from '../foreign/places.ts';
import { parsed, subjectOf } from '../foreign/subject.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import {
  CONTROL_PLANE_SET_VALUE,
  ETCD_SET_VALUE,
  NODE_ADDRESSES_SET_VALUE,
  LABEL_FIREWALL,
  LABEL_ENFORCED,
  LABEL_LO,
  LABEL_MANAGED_BY,
  LABEL_SET,
  MANAGED_BY,
  NODE_SET_VALUE,
} from '../names.ts';
import { sortedUnique } from '../namespaces/namespaces.ts';
import { knownOr } from '../../inventory/known.ts';
import type { ForeignPolicyInfo, HostEndpointInfo } from '../../inventory/types.ts';
import type { NodesSummary } from '../types.ts';
import type { NodeContext } from './context.ts';
import { dataplaneNotes } from './dataplane.ts';
import { labelsTaken } from './endpoints.ts';
import { listed } from './listed.ts';

/** Why no further node is enforced, with the remedy. */
type Obstacle = NonNullable<NodesSummary['blocked']>;

export interface Preflight {
  readonly obstacles: readonly Obstacle[];
  /** Accepted ones too. */
  readonly openedBy: readonly string[];
  readonly notes: readonly string[];
}

export function preflight(context: NodeContext): Preflight {
  const found = policiesOnHosts(context);
  return {
    obstacles: [...endpointModeConflict(context), ...refusals(found, context), ...foreignEndpoints(context)],
    openedBy: found.flatMap(({ policy, opens }) => (opens ? [policy.name] : [])),
    notes: [
      ...unseenTiers(context),
      ...setsMatched(context),
      ...icmpCodes(context),
      ...dataplaneNotes(context),
    ],
  };
}

type Labels = Readonly<Record<string, string>>;

function endpointModeConflict({ nodeFirewall, inventory }: NodeContext): readonly Obstacle[] {
  if (nodeFirewall.nodes.hostEndpoints !== 'Managed' || inventory.automaticHostEndpoints !== true) return [];
  return [
    {
      reason: 'EndpointConflict',
      message:
        "nodes.hostEndpoints is Managed, but Calico's automatic host endpoints are on: use Auto. Switching off autoCreate in KubeControllersConfiguration default would take policies off these endpoints before there are ours",
    },
  ];
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

/** One obstacle for each kind of harm and remedy. */
function refusals(all: readonly PolicyOnHosts[], context: NodeContext): readonly Obstacle[] {
  const found = all.filter(({ policy }) => !isAccepted(context, idOf(policy)));
  return [true, false].flatMap((opens) => {
    const byRemedy = Map.groupBy(
      found.filter((each) => each.opens === opens),
      ({ policy }) => remedyFor(policy),
    );
    return [...byRemedy].map(([remedy, policies]): Obstacle => {
      const harm = opens ? opening(policies) : closing(policies);
      return {
        reason: 'ForeignPolicySelectsHosts',
        message: `${harm}: ${remedy}, or name it in spec.acceptForeign`,
      };
    });
  });
}

const idOf = ({ name }: ForeignPolicyInfo): string => `GlobalNetworkPolicy/${name}`;
const policiesOf = (found: readonly PolicyOnHosts[]): string =>
  listed(found.map(({ policy }) => idOf(policy)));
const nodesOf = (found: readonly PolicyOnHosts[]): string =>
  listed(sortedUnique(found.flatMap(({ nodes }) => nodes)));
const tiersOf = (found: readonly PolicyOnHosts[]): string =>
  sortedUnique(found.map(({ policy }) => policy.tier)).join(', ');

const opening = (found: readonly PolicyOnHosts[]): string =>
  `${policiesOf(found)} may let in what spec.nodes refuses at ${nodesOf(found)}, because its tier (${tiersOf(found)}) is asked before our rules`;
const closing = (found: readonly PolicyOnHosts[]): string =>
  `${policiesOf(found)} would apply to host endpoints of ${nodesOf(found)}, and close everything that it does not allow`;

/** A selector with this selects none of the endpoints that are under our policies. */
const NOT_OURS = `!has(${LABEL_ENFORCED}) && !has(${LABEL_LO})`;

/** Names the field that lacks it. A policy for hosts that selected only pods would close nothing any more. */
function remedyFor({ namespaceSelector, isForHostsAlone }: ForeignPolicyInfo): string {
  const forHosts = `add "selector: … && ${NOT_OURS}" to it, so it keeps to endpoints that are not ours`;
  if (isForHostsAlone) return forHosts;
  if (namespaceSelector !== '')
    return 'add "namespaceSelector: has(projectcalico.org/name) && …" to it, so it selects only pods';
  return `if it is meant for pods, add "selector: … && has(${LABEL_NAMESPACE})" to it; if it is meant for hosts, ${forHosts}`;
}

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
function foreignEndpoints(context: NodeContext): readonly Obstacle[] {
  const selectedNames = new Set(knownOr(context.selected, []).map(({ name }) => name));
  const others = (context.inventory.hostEndpoints ?? [])
    .filter(({ automatic, name }) => !automatic && !isAccepted(context, `HostEndpoint/${name}`))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const members = others.filter((each) => each.hasAddresses === true && wearsSetLabel(each.labels));
  const neighbours = others.filter(({ node }) => selectedNames.has(node));
  const obstacle = (endpoints: readonly HostEndpointInfo[], words: string): readonly Obstacle[] =>
    endpoints.length === 0
      ? []
      : [{ reason: 'EndpointConflict', message: `${listed(endpoints.map(described))} ${words}` }];
  return [
    ...obstacle(
      members,
      `has the label ${LABEL_SET} of a set of ours, so its expectedIPs count as members of the set: remove its label, or name it in spec.acceptForeign`,
    ),
    ...obstacle(
      neighbours,
      'would conflict with ours: name it in spec.acceptForeign, so only its own policies apply to its interface, and delete it once the node is enforced. Ours then takes the interface over. Deleted before, it leaves the interface open',
    ),
  ];
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

const SETS = [NODE_SET_VALUE, CONTROL_PLANE_SET_VALUE, ETCD_SET_VALUE, NODE_ADDRESSES_SET_VALUE].map(
  (value): Labels => ({
    [LABEL_MANAGED_BY]: MANAGED_BY,
    [LABEL_FIREWALL]: DEFAULT_FIREWALL,
    [LABEL_SET]: value,
  }),
);

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

/**
 * Felix of Calico 3.31.0 ends at such a rule in nftables mode, and every node keeps the rules that it had. Those of
 * tenants' NetworkPolicies are not read.
 */
function icmpCodes({ inventory }: NodeContext): readonly string[] {
  const names = (inventory.foreignPolicies ?? [])
    .filter(({ hasIcmpCode }) => hasIcmpCode === true)
    .map(({ name }) => `GlobalNetworkPolicy/${name}`)
    .toSorted();
  return names.length === 0
    ? []
    : [
        `${listed(names)}: a rule has an ICMP type and a code, which ends Felix of Calico 3.31.0 in nftables mode: use iptables mode, or leave the code out where the rule may mean every code`,
      ];
}

function matchesSets(text: string): boolean {
  const selector = text === '' ? undefined : parsed(text);
  return selector !== undefined && SETS.some((labels) => matchesSelector(selector, labels));
}
