/**
 * (ClusterFirewalls, inventory) → Calico objects, problems and provenance. Pure and deterministic: the order of firewalls,
 * lists and inventory changes no byte of the objects.
 */
import type { ClusterFirewall } from '../api/schema.ts';
import { DEFAULT_FIREWALL } from '../api/schema.ts';
import { CALICO_API_VERSION } from '../calico/types.ts';
import type { NodeAddresses } from './flows/addresses.ts';
import { isResolved, machinesOf } from './flows/addresses.ts';
import { compileDefaults } from './pods/defaults.ts';
import type { ResolveScope } from './flows/flow-ends.ts';
import { compileGroup } from './pods/group-rules.ts';
import { compileNodes } from './nodes/compile-nodes.ts';
import { type NodeFirewall, nodeFirewall } from './nodes/node-firewall.ts';
import {
  LABEL_FIREWALL,
  LABEL_MANAGED_BY,
  MANAGED_BY,
  ruleId,
  TIER,
  TIER_ORDER,
  ZONE_NODES,
} from './names.ts';
import { sortedUnique } from './namespaces/namespaces.ts';
import { reportOverlaps } from './namespaces/overlaps.ts';
import { ProblemCollector } from './problems.ts';
import type { Enforcement } from './namespaces/enforcement.ts';
import { regimeOf } from './namespaces/enforcement.ts';
import { groupScopes } from './pods/group-scope.ts';
import { networkSets, SHARED_SETS } from './flows/sets.ts';
import type { Inventory } from '../inventory/types.ts';
import type { Compilation, DesiredObject, FirewallSummary } from './types.ts';

export function compile(firewalls: readonly ClusterFirewall[], inventory: Inventory): Compilation {
  const findings = new ProblemCollector();
  const main = firewalls.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  if (main === undefined) return withoutDefault(firewalls, findings);

  const regime = regimeOf(main, inventory);
  const machines = machinesOf(main, inventory);
  const hosts = nodeFirewall(main, inventory);
  const context = { regime, inventory, machines, hosts, findings };
  const objects = firewalls.flatMap((firewall) => compileFirewall(firewall, context));
  const nodes = compileNodes({ ...context, main, firewalls, ends: endsOf(main, context) });
  const policies = [...objects, ...nodes.objects];
  return {
    objects: [tier(), ...networkSets(firewalls, policies, machines, findings), ...policies].sort(byIdentity),
    ...(nodes.summary === undefined ? {} : { nodes: nodes.summary }),
    ...(nodes.gated === undefined ? {} : { labelledNodes: nodes.gated }),
    problems: findings.problems,
    held: heldIds(findings),
    summaries: firewalls.map((firewall) => summary(firewall, regime, inventory)),
  };
}

/** Allows without a default deny would isolate what they select: they wait. */
function withoutDefault(firewalls: readonly ClusterFirewall[], findings: ProblemCollector): Compilation {
  for (const { metadata } of firewalls) {
    findings.problem(
      { firewall: metadata.name, id: metadata.name, path: 'metadata.name' },
      'NoDefaultFirewall',
      `there is no ClusterFirewall called ${DEFAULT_FIREWALL}, which has the default deny: the rules of "${metadata.name}" wait until it is created`,
    );
  }
  const summaries = firewalls.map(({ metadata }) => ({ firewall: metadata.name, namespaces: null }));
  return { objects: [], problems: findings.problems, held: [], summaries };
}

interface Context {
  readonly regime: Enforcement;
  readonly inventory: Inventory;
  readonly machines: NodeAddresses;
  readonly hosts: NodeFirewall | undefined;
  readonly findings: ProblemCollector;
}

const endsOf = (firewall: ClusterFirewall, { machines }: Pick<Context, 'machines'>): ResolveScope => ({
  firewall: firewall.metadata.name,
  peers: new Map((firewall.spec.peers ?? []).map((peer) => [peer.name, peer])),
  nodesResolved: isResolved(machines.nodes),
  controlPlaneResolved: isResolved(machines.controlPlane),
});

function compileFirewall(firewall: ClusterFirewall, context: Context): readonly DesiredObject[] {
  const { regime, inventory, hosts, findings } = context;
  const ends = endsOf(firewall, context);
  reportOverlaps(firewall, regime, inventory, findings);
  const scopes = groupScopes({ firewall, regime, inventory, ends, hosts, findings });
  return [
    ...(firewall.metadata.name === DEFAULT_FIREWALL
      ? compileDefaults({ firewall, regime, ends, inventory }, findings)
      : []),
    ...scopes.flatMap((scope) => compileGroup(scope, findings)),
  ];
}

/** A held rule may name a set that no other rule names any more: without the nodes' World would take them in. */
function heldIds(findings: ProblemCollector): readonly string[] {
  const firewalls = findings.held.map((id) => id.split('/')[0] ?? '');
  const sets = firewalls.flatMap((firewall) => [
    ruleId(firewall, 'peers', ''),
    ruleId(firewall, 'nodes', ZONE_NODES, ''),
    ...SHARED_SETS.map(({ id }) => id),
  ]);
  return sortedUnique([...findings.held, ...sets]);
}

const tier = (): DesiredObject => ({
  object: {
    apiVersion: CALICO_API_VERSION,
    kind: 'Tier',
    metadata: { name: TIER, labels: { [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_FIREWALL]: DEFAULT_FIREWALL } },
    spec: { order: TIER_ORDER, defaultAction: 'Pass' },
  },
  firewall: DEFAULT_FIREWALL,
  rules: [],
  phase: 'tier',
});

function summary(firewall: ClusterFirewall, regime: Enforcement, inventory: Inventory): FirewallSummary {
  if (inventory.namespaces === undefined) return { firewall: firewall.metadata.name, namespaces: null };
  const namespaces = { enforced: 0, observed: 0, exempt: 0 };
  for (const namespace of inventory.namespaces) namespaces[regime.standing(namespace)] += 1;
  return { firewall: firewall.metadata.name, namespaces };
}

const identity = ({ object }: DesiredObject): string =>
  [object.kind, object.metadata.namespace ?? '', object.metadata.name].join('/');

const byIdentity = (a: DesiredObject, b: DesiredObject): number => (identity(a) < identity(b) ? -1 : 1);
