/**
 * Finds other clients' objects that would affect our host endpoints and sets by accident. Two kinds of them
 * block new endpoints.
 */
import { LABEL_NAMESPACE } from '../../calico/labels.ts';
import { parseSelector } from '../../calico/selector-parser.ts';
import type { Selector } from '../../calico/selector.ts';
import { and, has, matchesSelector, or, prefixed, SelectorError } from '../../calico/selector.ts';
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

export interface Preflight {
  readonly blocked?: NonNullable<NodesSummary['blocked']>;
  readonly notes: readonly string[];
}

export function preflight(context: NodeContext): Preflight {
  const blocked = endpointModeConflict(context) ?? foreignPolicies(context) ?? foreignEndpoints(context);
  return {
    ...(blocked === undefined ? {} : { blocked }),
    notes: [...setsMatched(context), ...dataplaneNotes(context)],
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

function foreignPolicies(context: NodeContext): Preflight['blocked'] {
  const accepted = context.nodeFirewall.nodes.acceptForeign ?? [];
  const endpoints = ourEndpoints(context);
  const found = (context.inventory.foreignPolicies ?? [])
    .filter(({ name }) => !accepted.includes(`GlobalNetworkPolicy/${name}`))
    .map((policy) => ({ policy, nodes: nodesSelected(policy, endpoints) }))
    .filter(({ nodes }) => nodes.length > 0)
    .sort((a, b) => (a.policy.name < b.policy.name ? -1 : 1));
  const [first] = found;
  if (first === undefined) return undefined;
  const names = found.map(({ policy }) => `GlobalNetworkPolicy/${policy.name}`);
  return {
    reason: 'ForeignPolicySelectsHosts',
    message: `${listed(names)} would apply to host endpoints of ${listed(first.nodes)}, and close everything that it does not allow: add "${remedyFor(first.policy)}" to it, so it selects only pods, or name it in nodes.acceptForeign`,
  };
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
 * Policies of others apply to automatic endpoints without us too, so these are left out.
 */
function ourEndpoints(context: NodeContext): readonly OurEndpoint[] {
  const own = { [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_FIREWALL]: DEFAULT_FIREWALL };
  const managed = context.inventory.automaticHostEndpoints !== true;
  return knownOr(context.selected, []).flatMap((node) => [
    { node: node.name, labels: { ...own, [LABEL_LO]: '' } },
    ...(managed ? [{ node: node.name, labels: { ...labelsTaken(node), ...own, [LABEL_ENFORCED]: '' } }] : []),
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
 * The endpoints that a global policy selects, in the form that Felix uses (globalnetworkpolicyprocessor.go).
 * Its namespaceSelector is matched against labels with prefix `pcns.`, which hosts lack. With a
 * namespaceSelector, every `all()` means "in a namespace". Undefined for a selector that does not parse,
 * because Felix drops such a policy. Felix ignores a namespaceSelector that does not parse.
 */
function subjectOf({ selector, namespaceSelector }: ForeignPolicyInfo): Selector | undefined {
  const own = parsed(selector);
  const space = namespaceSelector === '' ? undefined : parsed(namespaceSelector);
  if (own === undefined || space === undefined) return own;
  const scoped = prefixed('pcns.', space);
  // An absent selector is no `all()`, so nothing of it is rewritten.
  return and(inNamespace(scoped), selector.trim() === '' ? own : inNamespace(own));
}

function inNamespace(selector: Selector): Selector {
  switch (selector.kind) {
    case 'all':
      return has(LABEL_NAMESPACE);
    case 'not':
      return { kind: 'not', of: inNamespace(selector.of) };
    case 'and':
      return and(...selector.of.map(inNamespace));
    case 'or':
      return or(...selector.of.map(inNamespace));
    default:
      return selector;
  }
}

function parsed(text: string): Selector | undefined {
  try {
    return parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}

/**
 * When an interface has two endpoints, Felix takes the alphabetically first. A named interface is taken out
 * of ours.
 */
function foreignEndpoints({ selected, nodeFirewall, inventory }: NodeContext): Preflight['blocked'] {
  const accepted = nodeFirewall.nodes.acceptForeign ?? [];
  const selectedNames = new Set(knownOr(selected, []).map(({ name }) => name));
  const found = (inventory.hostEndpoints ?? [])
    .filter(
      ({ automatic, node, name }) =>
        !automatic && selectedNames.has(node) && !accepted.includes(`HostEndpoint/${name}`),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (found.length === 0) return undefined;
  return {
    reason: 'EndpointConflict',
    message: `${listed(found.map(described))} would conflict with ours: delete it, or name it in nodes.acceptForeign; then only its own policies apply to its interface`,
  };
}

const described = ({ name, node, interfaceName }: HostEndpointInfo): string =>
  `HostEndpoint/${name} (node ${node}, ${interfaceName === undefined ? 'by address' : `interface ${interfaceName}`})`;

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

const MANY = 5;
const listed = (names: readonly string[]): string =>
  names.length <= MANY
    ? names.join(', ')
    : `${names.slice(0, MANY).join(', ')} and ${String(names.length - MANY)} more`;
