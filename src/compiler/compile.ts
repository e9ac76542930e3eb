/**
 * Compiles ClusterFirewalls and an inventory into Calico objects, problems and provenance. It is pure and
 * deterministic: the order of firewalls, lists and inventory changes no byte of the objects.
 */
import type { ClusterFirewall } from '../api/schema.ts';
import { DEFAULT_FIREWALL } from '../api/schema.ts';
import { CALICO_API_VERSION } from '../calico/types.ts';
import type { NodeAddresses } from './flows/addresses.ts';
import { isResolved, nodeAddressesOf } from './flows/addresses.ts';
import { compileDefaults } from './pods/defaults.ts';
import type { ResolveScope } from './flows/flow-ends.ts';
import { compileGroup } from './pods/group-rules.ts';
import { compileNodes } from './nodes/compile-nodes.ts';
import { type NodeFirewall, nodeFirewallOf } from './nodes/node-firewall.ts';
import {
  type RuleId,
  DNS_SETS,
  LABEL_FIREWALL,
  LABELLED_NODES,
  LABEL_MANAGED_BY,
  MANAGED_BY,
  OTHER_NODES,
  partsOf,
  ruleId,
  TIER,
  TIER_ORDER,
  ZONE_NODES,
} from './names.ts';
import { reportOverlaps } from './namespaces/overlaps.ts';
import { ProblemCollector } from './problems.ts';
import type { Enforcement } from './namespaces/enforcement.ts';
import { enforcementOf } from './namespaces/enforcement.ts';
import { unionSelector } from './namespaces/namespaces.ts';
import { reportExemptByLabel } from './namespaces/exempt-by-label.ts';
import { reportUnclaimed } from './namespaces/unclaimed.ts';
import { closedPods } from './foreign/closed-pods.ts';
import { openingsOf } from './foreign/openings.ts';
import { groupScopes } from './pods/group-scope.ts';
import { labelledNodeSets } from './flows/labelled-node-sets.ts';
import { insideAddressesOf, type InsideAddresses } from './flows/outside.ts';
import { serviceBookOf, type ServiceBook } from './flows/service-book.ts';
import { networkSets, SHARED_SETS } from './flows/sets.ts';
import { UNKNOWN } from '../inventory/known.ts';
import type { Inventory } from '../inventory/types.ts';
import { withInterfaces } from './flows/interfaces.ts';
import { reportNoOps } from './no-ops/no-ops.ts';
import { reportUnreadable } from './unreadable.ts';
import type { Compilation, DesiredObject, FirewallSummary, Foreign, Frozen, NodesSummary } from './types.ts';

export function compile(firewalls: readonly ClusterFirewall[], found: Inventory): Compilation {
  const inventory = withInterfaces(found);
  const collector = new ProblemCollector();
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  if (main === undefined) return withoutDefault(firewalls, collector);

  reportUnreadable(inventory, collector);
  reportUnclaimed(main, inventory, collector);
  const enforcement = enforcementOf(main, inventory);
  reportExemptByLabel(main, enforcement, inventory, collector);
  const nodeAddresses = nodeAddressesOf(main, inventory);
  const nodeFirewall = nodeFirewallOf(main, inventory);
  const inside = insideAddressesOf(nodeAddresses, inventory);
  const services = serviceBookOf(inventory);
  const context = { enforcement, inventory, nodeAddresses, inside, services, nodeFirewall, collector };
  const objects = firewalls.flatMap((firewall) => compileFirewall(firewall, context));
  const nodes = compileNodes({ ...context, main, firewalls, resolveScope: resolveScopeOf(main, context) });
  reportNoOps(firewalls, main, context, collector);
  const policies = [...objects, ...nodes.objects];
  return {
    objects: [
      tier(),
      ...labelledNodeSets(firewalls, policies, inventory, collector),
      ...networkSets(policies, { nodeAddresses, inventory }, collector),
      ...policies,
    ].sort(byIdentity),
    ...(nodes.summary === undefined ? {} : { nodes: nodes.summary }),
    labelledNodes: nodes.labelledNodes,
    problems: collector.problems,
    frozen: frozenRules(collector),
    summaries: firewalls.map((firewall) => summary(firewall, enforcement, inventory)),
    foreign: foreignOf(main, context, nodes.summary),
    ...reachOf(enforcement, inventory),
  };
}

function foreignOf(
  main: ClusterFirewall,
  { enforcement, inventory }: Pick<CompileContext, 'enforcement' | 'inventory'>,
  nodes: NodesSummary | undefined,
): Foreign {
  const closed = closedPods(enforcement, inventory);
  const openNodes = new Set(nodes?.openedBy ?? []);
  return {
    openings: openingsOf({ main, closed, inventory, openNodes }),
    closed: { deny: closed.deny, namespaces: new Set(closed.namespaces.map(({ name }) => name)) },
  };
}

function reachOf({ enforced, deny }: Enforcement, { namespaces }: Inventory): Pick<Compilation, 'reach'> {
  if (namespaces === UNKNOWN) return {};
  return {
    reach: { enforced: enforced.length === 0 ? undefined : unionSelector(enforced), deny, namespaces },
  };
}

/** Allows without a default deny would isolate the pods that they select, so they wait. */
function withoutDefault(firewalls: readonly ClusterFirewall[], collector: ProblemCollector): Compilation {
  for (const { metadata } of firewalls) {
    collector.problem(
      { firewall: metadata.name, id: ruleId(metadata.name), path: 'metadata.name' },
      'NoDefaultFirewall',
      `there is no ClusterFirewall called ${DEFAULT_FIREWALL}, which has the default deny, so the rules of "${metadata.name}" wait: create it`,
    );
  }
  const summaries = firewalls.map(({ metadata }) => ({ firewall: metadata.name, namespaces: null }));
  return { objects: [], problems: collector.problems, frozen: [], summaries, labelledNodes: UNKNOWN };
}

interface CompileContext {
  readonly enforcement: Enforcement;
  readonly inventory: Inventory;
  readonly nodeAddresses: NodeAddresses;
  readonly inside: InsideAddresses;
  readonly services: ServiceBook;
  readonly nodeFirewall: NodeFirewall | undefined;
  readonly collector: ProblemCollector;
}

const resolveScopeOf = (
  firewall: ClusterFirewall,
  { nodeAddresses, inside, services }: Pick<CompileContext, 'nodeAddresses' | 'inside' | 'services'>,
): ResolveScope => ({
  firewall: firewall.metadata.name,
  peers: new Map((firewall.spec.peers ?? []).map((peer) => [peer.name, peer])),
  inside,
  areNodesResolved: isResolved(nodeAddresses.nodes),
  isControlPlaneResolved: isResolved(nodeAddresses.controlPlane),
  isEtcdResolved: isResolved(nodeAddresses.etcd),
  services,
  nodeAddresses,
});

function compileFirewall(firewall: ClusterFirewall, context: CompileContext): readonly DesiredObject[] {
  const { enforcement, inventory, nodeFirewall, collector } = context;
  const resolveScope = resolveScopeOf(firewall, context);
  reportOverlaps(firewall, enforcement, inventory, collector);
  const scopes = groupScopes({ firewall, enforcement, inventory, resolveScope, nodeFirewall, collector });
  return [
    ...(firewall.metadata.name === DEFAULT_FIREWALL
      ? compileDefaults({ firewall, enforcement, resolveScope, inventory }, collector)
      : []),
    ...scopes
      .toSorted((a, b) => (a.place.id < b.place.id ? -1 : 1))
      .flatMap((scope) => compileGroup(scope, collector)),
  ];
}

/**
 * A frozen rule may name a set that no compiled rule names any more. Without the node set, for example, World
 * would include the nodes.
 */
function frozenRules({ frozen }: ProblemCollector): readonly Frozen[] {
  const sets = frozen.flatMap((each): readonly Frozen[] => {
    const [firewall = ''] = partsOf(idOf(each));
    return [
      { sets: ruleId(firewall, DNS_SETS) },
      { sets: ruleId(firewall, OTHER_NODES) },
      { sets: ruleId(firewall, 'nodes', ZONE_NODES) },
      { sets: ruleId(DEFAULT_FIREWALL, LABELLED_NODES) },
      ...SHARED_SETS.map(({ id }) => ({ sets: id })),
    ];
  });
  const byText = new Map([...frozen, ...sets].map((each) => [frozenText(each), each]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

const idOf = (frozen: Frozen): RuleId =>
  'rule' in frozen ? frozen.rule : 'prefix' in frozen ? frozen.prefix : frozen.sets;

const frozenText = (frozen: Frozen): string => `${idOf(frozen)} ${Object.keys(frozen).join('')}`;

const tier = (): DesiredObject => ({
  object: {
    apiVersion: CALICO_API_VERSION,
    kind: 'Tier',
    metadata: { name: TIER, labels: { [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_FIREWALL]: DEFAULT_FIREWALL } },
    spec: { order: TIER_ORDER, defaultAction: 'Pass' },
  },
  firewall: DEFAULT_FIREWALL,
  rules: [],
});

function summary(firewall: ClusterFirewall, enforcement: Enforcement, inventory: Inventory): FirewallSummary {
  if (inventory.namespaces === UNKNOWN) return { firewall: firewall.metadata.name, namespaces: null };
  const namespaces = { enforced: 0, observed: 0, exempt: 0 };
  for (const namespace of inventory.namespaces) namespaces[enforcement.modeOf(namespace)] += 1;
  return { firewall: firewall.metadata.name, namespaces };
}

const identity = ({ object }: DesiredObject): string =>
  [object.kind, object.metadata.namespace ?? '', object.metadata.name].join('/');

const byIdentity = (a: DesiredObject, b: DesiredObject): number => (identity(a) < identity(b) ? -1 : 1);
