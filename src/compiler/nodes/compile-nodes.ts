/**
 * Compiles `spec.nodes` into host endpoints, the policies that select them, and a summary (design:
 * docs/nodes.md).
 */
import { didYouMean } from '../../api/suggest.ts';
import type { ClusterFirewall } from '../../api/schema.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import { fromLabelSelector, matchesSelector } from '../../calico/selector.ts';
import { podsWithin } from '../flows/addresses.ts';
import type { ResolveScope } from '../flows/flow-ends.ts';
import { NO_CONTROL_PLANE, NO_NODES, resolveEnd } from '../flows/flow-ends.ts';
import { NODE_ORDER, ruleId } from '../names.ts';
import { sortedUnique } from '../namespaces/namespaces.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import { located } from '../problems.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import { anyEnd, canonicalRules, crossRules, matchPorts } from '../flows/rules.ts';
import { knownOr, UNKNOWN, type Known } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { DesiredObject, NodesSummary } from '../types.ts';
import { named } from '../unreadable.ts';
import { BASELINE } from './baseline.ts';
import { compileBaseline } from './baseline-rules.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { compileBlocked, compileFinalDeny, compileLoopback, refusePods } from './node-denies.ts';
import { compileLo, compileManaged, nodeAddressSet } from './endpoints.ts';
import { extraAddressesOf } from './extra-addresses.ts';
import { failsafesOpen, managedFailsafes } from './failsafes.ts';
import { clusterPorts } from './cluster-ports.ts';
import { holdingApiServer } from './held.ts';
import { refuseJoining, warnOfNodesOutside } from './joining.ts';
import { compilePodGuard } from './pod-guard.ts';
import { bothLayers, layerPolicies } from './layers.ts';
import type { NodeFirewall } from './node-firewall.ts';
import { declaredHostPorts } from './node-ports.ts';
import { preflight } from './preflight.ts';
import { nodeNotes } from './node-notes.ts';
import { breakGlassServices, reportServices, servicesOf } from './services.ts';
import type { PodsEnd } from './sources.ts';
import { sourcesOf } from './sources.ts';
import { isUnsupported } from './unsupported.ts';
import { compileZones } from './zones.ts';

export interface CompiledNodes {
  readonly objects: readonly DesiredObject[];
  readonly summary?: NodesSummary;
  /** See Compilation. */
  readonly labelledNodes: Known<readonly string[]>;
}

interface NodesInput {
  readonly main: ClusterFirewall;
  readonly firewalls: readonly ClusterFirewall[];
  readonly nodeFirewall: NodeFirewall | undefined;
  readonly enforcement: Enforcement;
  readonly inventory: Inventory;
  readonly resolveScope: ResolveScope;
  readonly collector: ProblemCollector;
}

const DISABLED: NodesSummary = {
  mode: 'Disabled',
  endpoints: 'None',
  selected: [],
  failsafesOpen: [],
  notes: [],
};

export function compileNodes(input: NodesInput): CompiledNodes {
  const { main, nodeFirewall } = input;
  if (main.spec.nodes === undefined) return { objects: [], labelledNodes: [] };
  if (nodeFirewall === undefined) return { objects: [], labelledNodes: [], summary: DISABLED };
  const problemsBefore = input.collector.problems.length;
  const context = contextOf(input, nodeFirewall);
  const isRefused = reportRefusals(context, problemsBefore);
  reportServices(main, input.collector);
  reportBaseline(context);
  warnOfNodesOutside(context);
  for (const each of context.clusterPorts.warnings)
    input.collector.warn(context.place, 'PortsOfClusterUnclear', each);
  if (isRefused) {
    input.collector.frozen.push({ prefix: context.place.id });
    return { objects: [], summary: summaryOf(context, [], undefined), labelledNodes: UNKNOWN };
  }
  return compiled(context);
}

function contextOf(input: NodesInput, nodeFirewall: NodeFirewall): NodeContext {
  const place = { firewall: DEFAULT_FIREWALL, id: ruleId(DEFAULT_FIREWALL, 'nodes'), path: 'spec.nodes' };
  const sourceScope = {
    resolveScope: input.resolveScope,
    pools: nodeFirewall.pools,
    controlPlanePods: controlPlanePods(nodeFirewall, input, place),
  };
  checkEtcd(nodeFirewall, input, place);
  const nodeSelector = fromLabelSelector(nodeFirewall.nodes.nodeSelector ?? {});
  const { nodes } = input.inventory;
  const matching =
    nodes === UNKNOWN
      ? UNKNOWN
      : nodes
          .filter(({ labels }) => matchesSelector(nodeSelector, labels))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const selected = matching === UNKNOWN ? UNKNOWN : matching.filter((node) => !isUnsupported(node));
  const unsupported = knownOr(matching, []).filter(isUnsupported);
  const told = clusterPorts(nodeFirewall.nodes, input.inventory);
  const services = servicesOf(nodeFirewall.nodes, told.ports);
  return { ...input, nodeFirewall, place, sourceScope, services, clusterPorts: told, selected, unsupported };
}

function controlPlanePods(
  { nodes }: NodeFirewall,
  { resolveScope, collector }: NodesInput,
  place: RulePlace,
): readonly PodsEnd[] {
  const at = { ...place, id: ruleId(place.id, 'controlPlane'), path: `${place.path}.controlPlane` };
  return (nodes.controlPlane ?? []).flatMap((entry, index) =>
    collector.guard(at, () => {
      const end = located(`[${String(index)}]`, () => resolveEnd(entry, resolveScope, false));
      return end.kind === 'pods' ? [end] : [];
    }),
  );
}

/** Members of etcd are addresses: as pods they would have to be known before there is a cluster. */
function checkEtcd({ nodes }: NodeFirewall, { resolveScope, collector }: NodesInput, place: RulePlace): void {
  const at = { ...place, id: ruleId(place.id, 'etcd'), path: `${place.path}.etcd` };
  for (const [index, entry] of (nodes.etcd ?? []).entries()) {
    collector.guard(at, () =>
      located(`[${String(index)}]`, () => {
        const { kind } = resolveEnd(entry, resolveScope, false);
        if (kind !== 'labelledNodes') refusePods(kind, 'etcd takes addresses and nodes');
        return [];
      }),
    );
  }
}

function reportBaseline({ nodeFirewall, collector, place }: NodeContext): void {
  const known = BASELINE.map(({ name }) => name);
  for (const [index, name] of (nodeFirewall.nodes.baseline?.disable ?? []).entries()) {
    if (known.includes(name)) continue;
    collector.problem(
      place,
      'UnknownBaseline',
      `"${name}" is no entry of the baseline: use one of ${known.join(', ')}${didYouMean(name, known)}`,
      `.baseline.disable[${String(index)}]`,
    );
  }
}

/** Without a pool, its pods would count as other addresses. Without a peer, its routes would be lost. */
const POOLS_AND_PEERS: ReadonlySet<string> = new Set(['IPPool', 'BGPPeer']);

/**
 * Reports contradictions that would make rules mean nobody, or too many. Nothing is compiled then, and stored
 * objects stay.
 * @param problemsBefore number of problems before the peers of the control plane were resolved
 * @returns true when there is a problem
 */
function reportRefusals(context: NodeContext, problemsBefore: number): boolean {
  const { resolveScope, nodeFirewall, inventory, collector, place } = context;
  if (!resolveScope.areNodesResolved) collector.problem(place, 'EntityUnresolved', NO_NODES);
  if (!resolveScope.isControlPlaneResolved) {
    collector.problem(
      place,
      'EntityUnresolved',
      `${NO_CONTROL_PLANE}, or name peers in nodes.controlPlane; until then nothing is enforced at nodes`,
    );
  }
  const lost = (inventory.unreadable ?? []).filter((each) => each.isLost && POOLS_AND_PEERS.has(each.kind));
  if (lost.length > 0) {
    collector.problem(
      place,
      'UnreadableObject',
      `the operator does not know all addresses of pods and BGP peers, because it cannot read ${named(lost)}: correct or delete it; until then nothing changes at nodes`,
    );
  }
  refuseJoining(context);
  refusePodRanges('controlPlane', 'the control plane: name a peer with pods, or narrower cidrs', context);
  refusePodRanges('etcd', 'members of etcd: name a peer with narrower cidrs', context);
  if (
    nodeFirewall.nodes.destinations === 'All' &&
    nodeFirewall.pools.length === 0 &&
    inventory.ipPools !== UNKNOWN
  ) {
    collector.problem(
      place,
      'PoolsUnknown',
      'All closes everything that is not bound for a pod, but there is no IPPool that says which addresses pods have: use Known, or create IPPools',
      '.destinations',
    );
  }
  return collector.problems.length > problemsBefore;
}

/** Reports peers of a list whose CIDRs hold pods. */
function refusePodRanges(
  list: 'controlPlane' | 'etcd',
  wouldBe: string,
  { resolveScope, nodeFirewall, inventory, collector, place }: NodeContext,
): void {
  for (const [index, { peer }] of (nodeFirewall.nodes[list] ?? []).entries()) {
    const cidrs = resolveScope.peers.get(peer)?.cidrs ?? [];
    const pools = cidrs.flatMap((cidr) => podsWithin(cidr, inventory));
    if (pools.length === 0) continue;
    collector.problem(
      place,
      'NodeCIDRsContainPods',
      `peer "${peer}" shares addresses with the IPPool ${sortedUnique(pools).join(', ')}, so pods would count as ${wouldBe}`,
      `.${list}[${String(index)}].peer`,
    );
  }
}

function compiled(context: NodeContext): CompiledNodes {
  const { collector, place } = context;
  const baseline = compileBaseline(context);
  const zones = compileZones(context);
  const openPorts = [...baseline.openPorts, ...zones.openPorts];
  const extra = extraAddressesOf(context);
  const endpoints = endpointsKind(context);
  const isSettled = endpoints === 'Automatic' || endpoints === 'Managed';
  if (!isSettled) collector.frozen.push({ rule: ruleId(place.id, 'endpoints') });
  const objects = holdingApiServer(
    [
      ...compileLo(context),
      ...compileBreakGlass(context),
      ...compileBlocked(context),
      ...compileLoopback(context),
      ...baseline.objects,
      ...zones.objects,
      ...compileFinalDeny(declaredHostPorts(context.firewalls), context),
      ...(endpoints === 'Managed' ? compileManaged(context) : []),
      nodeAddressSet(context, extra),
      ...compilePodGuard({ all: openPorts, zones: zones.openPorts }, extra.nets, context),
    ],
    context,
  );
  const areZonesWhole = zones.openPorts.length === (context.nodeFirewall.nodes.zones ?? []).length;
  const summary = summaryOf(context, openPorts, areZonesWhole ? zones.openPorts : undefined);
  const { selected } = context;
  if (!isSettled || selected === UNKNOWN) return { objects, summary, labelledNodes: UNKNOWN };
  const labelledNodes = endpoints === 'Automatic' ? selected.map(({ name }) => name) : [];
  return { objects, summary, labelledNodes };
}

/** Always open, whatever is blocked: ssh and the API server, for the people who repair the cluster. */
function compileBreakGlass(context: NodeContext): readonly DesiredObject[] {
  const { nodeFirewall, collector, place, resolveScope, sourceScope, services } = context;
  const id = ruleId(place.id, 'breakGlass');
  const at = { ...place, id, path: `${place.path}.breakGlassServices` };
  const ports = matchPorts(
    collector.guard(at, () =>
      breakGlassServices(nodeFirewall.nodes).flatMap((name, index) =>
        located(`[${String(index)}]`, () => services(name)),
      ),
    ),
  );
  const rules = collector.guard({ ...place, id, path: `${place.path}.breakGlass` }, () =>
    (nodeFirewall.nodes.breakGlass ?? []).flatMap((entry, index) =>
      located(`[${String(index)}]`, () => {
        const end = resolveEnd(entry, resolveScope, false);
        refusePods(end.kind, 'breakGlass takes addresses');
        const sources = sourcesOf([end], sourceScope).matches;
        return crossRules({ id, action: 'Pass', sources, destinations: anyEnd, ports });
      }),
    ),
  );
  return layerPolicies(
    { firewall: place.firewall, id, order: NODE_ORDER.breakGlass },
    bothLayers(canonicalRules(rules)),
  );
}

function endpointsKind({ nodeFirewall, inventory }: NodeContext): NodesSummary['endpoints'] {
  const { automaticHostEndpoints: automatic } = inventory;
  if (automatic === UNKNOWN) return UNKNOWN;
  if (!automatic) return 'Managed';
  return nodeFirewall.nodes.hostEndpoints === 'Managed' ? 'Contradiction' : 'Automatic';
}

/** @param zonePorts see whyNotNarrow */
function summaryOf(
  context: NodeContext,
  openPorts: readonly OpenPort[],
  zonePorts: readonly OpenPort[] | undefined,
): NodesSummary {
  const { nodeFirewall, selected } = context;
  const { obstacles, openedBy, notes } = preflight(context);
  const [first] = obstacles;
  for (const { reason, message } of obstacles) context.collector.warn(context.place, reason, message);
  return {
    mode: nodeFirewall.nodes.mode,
    endpoints: endpointsKind(context),
    selected: selected === UNKNOWN ? UNKNOWN : selected.map(({ name }) => name),
    ...(context.unsupported.length > 0 && { unsupported: context.unsupported.map(({ name }) => name) }),
    ...(first !== undefined && {
      blocked: { reason: first.reason, message: obstacles.map(({ message }) => message).join('; ') },
    }),
    ...(openedBy.length > 0 && { openedBy }),
    failsafesOpen: failsafesOpen(openPorts, context),
    ...managedFailsafes(zonePorts, context),
    notes: [...nodeNotes(context), ...notes],
  };
}
