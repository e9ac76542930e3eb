/** `spec.nodes` → host endpoints, the policies that judge them, and what is to be said of it (design: docs/nodes.md). */
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
import type { Inventory } from '../../inventory/types.ts';
import type { DesiredObject, NodesSummary } from '../types.ts';
import { BASELINE } from './baseline.ts';
import { compileBaseline } from './baseline-rules.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { compileBlocked, compileLast, compileLoopback, refusePods } from './node-denies.ts';
import { compileLo, compileManaged, judgedSet } from './endpoints.ts';
import { failsafesOpen, managedFailsafes } from './failsafes.ts';
import { compileGuard } from './pod-guard.ts';
import { bothLayers, layerPolicies } from './layers.ts';
import type { NodeFirewall } from './node-firewall.ts';
import { declaredHostPorts } from './node-ports.ts';
import { preflight } from './preflight.ts';
import { remarksOf } from './node-notes.ts';
import { reportServices, servicesOf } from './services.ts';
import type { PodsEnd } from './sources.ts';
import { sourcesOf } from './sources.ts';
import { compileZones } from './zones.ts';

export interface CompiledNodes {
  readonly objects: readonly DesiredObject[];
  readonly summary?: NodesSummary;
  /** See Compilation. */
  readonly gated?: readonly string[];
}

interface Input {
  readonly main: ClusterFirewall;
  readonly firewalls: readonly ClusterFirewall[];
  readonly hosts: NodeFirewall | undefined;
  readonly regime: Enforcement;
  readonly inventory: Inventory;
  readonly ends: ResolveScope;
  readonly findings: ProblemCollector;
}

const DISABLED: NodesSummary = {
  mode: 'Disabled',
  endpoints: undefined,
  selected: null,
  failsafesOpen: [],
  notes: [],
};

export function compileNodes(input: Input): CompiledNodes {
  const { main, hosts } = input;
  if (main.spec.nodes === undefined) return { objects: [], gated: [] };
  if (hosts === undefined) return { objects: [], gated: [], summary: DISABLED };
  const before = input.findings.problems.length;
  const context = contextOf(input, hosts);
  const refused = isRefused(context, before);
  reportServices(main, input.findings);
  reportBaseline(context);
  if (refused) {
    input.findings.held.push(`${context.place.id}/`);
    return { objects: [], summary: summaryOf(context, []) };
  }
  return compiled(context);
}

function contextOf(input: Input, hosts: NodeFirewall): NodeContext {
  const place = { firewall: DEFAULT_FIREWALL, id: ruleId(DEFAULT_FIREWALL, 'nodes'), path: 'spec.nodes' };
  const scope = {
    ends: input.ends,
    pools: hosts.pools,
    controlPlanePods: controlPlanePods(hosts, input, place),
  };
  const wanted = fromLabelSelector(hosts.nodes.nodeSelector ?? {});
  const selected = input.inventory.nodes
    ?.filter(({ labels }) => matchesSelector(wanted, labels))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { ...input, hosts, place, scope, services: servicesOf(hosts.nodes), selected };
}

function controlPlanePods(
  { nodes }: NodeFirewall,
  { ends, findings }: Input,
  place: RulePlace,
): readonly PodsEnd[] {
  const at = { ...place, id: ruleId(place.id, 'controlPlane'), path: `${place.path}.controlPlane` };
  return (nodes.controlPlane ?? []).flatMap((entry, index) =>
    findings.guard(at, () => {
      const end = located(`[${String(index)}]`, () => resolveEnd(entry, ends, false));
      return end.kind === 'pods' ? [end] : [];
    }),
  );
}

function reportBaseline({ hosts, findings, place }: NodeContext): void {
  const known = BASELINE.map(({ name }) => name);
  for (const [index, name] of (hosts.nodes.baseline?.disable ?? []).entries()) {
    if (known.includes(name)) continue;
    findings.problem(
      place,
      'UnknownBaseline',
      `"${name}" is no entry of the baseline: use one of ${known.join(', ')}`,
      `.baseline.disable[${String(index)}]`,
    );
  }
}

/**
 * What would make rules mean nobody, or too many: nothing is compiled, what is stored stays.
 * @param before problems there were before peers of the control plane were looked for
 */
function isRefused({ ends, hosts, inventory, findings, place }: NodeContext, before: number): boolean {
  if (!ends.nodesResolved) findings.problem(place, 'EntityUnresolved', NO_NODES);
  if (!ends.controlPlaneResolved) {
    findings.problem(
      place,
      'EntityUnresolved',
      `${NO_CONTROL_PLANE}, or name peers in nodes.controlPlane; until then nothing is enforced at nodes`,
    );
  }
  for (const [index, cidr] of (hosts.nodes.nodeCIDRs ?? []).entries()) {
    const pools = podsWithin(cidr, inventory);
    if (pools.length === 0) continue;
    findings.problem(
      place,
      'NodeCIDRsContainPods',
      `${cidr} shares addresses with the IPPool ${pools.join(', ')}, so pods would count as nodes: name only where nodes live`,
      `.nodeCIDRs[${String(index)}]`,
    );
  }
  for (const [index, { peer }] of (hosts.nodes.controlPlane ?? []).entries()) {
    const cidrs = ends.peers.get(peer)?.cidrs ?? [];
    const pools = cidrs.flatMap((cidr) => podsWithin(cidr, inventory));
    if (pools.length === 0) continue;
    findings.problem(
      place,
      'NodeCIDRsContainPods',
      `peer "${peer}" shares addresses with the IPPool ${sortedUnique(pools).join(', ')}, so pods would count as the control plane: name a peer with pods, or narrower cidrs`,
      `.controlPlane[${String(index)}].peer`,
    );
  }
  if (hosts.nodes.destinations === 'All' && hosts.pools.length === 0 && inventory.ipPools !== undefined) {
    findings.problem(
      place,
      'PoolsUnknown',
      'All closes whatever is not bound for a pod, and there is no IPPool that says where pods are: use Known, or make IPPools',
      '.destinations',
    );
  }
  return findings.problems.length > before;
}

function compiled(context: NodeContext): CompiledNodes {
  const { findings, place } = context;
  const baseline = compileBaseline(context);
  const zones = compileZones(context);
  const openings = [...baseline.openings, ...zones.openings];
  const endpoints = endpointsKind(context);
  if (endpoints === undefined) findings.held.push(ruleId(place.id, 'endpoints'));
  const objects = [
    ...compileLo(context),
    ...compileBreakGlass(context),
    ...compileBlocked(context),
    ...compileLoopback(context),
    ...baseline.objects,
    ...zones.objects,
    ...compileLast(declaredHostPorts(context.firewalls), context),
    ...(endpoints === 'Managed' ? compileManaged(context) : []),
    judgedSet(context),
    ...compileGuard(openings, context),
  ];
  const summary = summaryOf(context, openings);
  if (endpoints === undefined || context.selected === undefined) return { objects, summary };
  const gated = endpoints === 'Automatic' ? context.selected.map(({ name }) => name) : [];
  return { objects, summary, gated };
}

/** Always, whatever is blocked: ssh and the API server for those who mend what went wrong. */
function compileBreakGlass(context: NodeContext): readonly DesiredObject[] {
  const { hosts, findings, place, ends, scope, services } = context;
  const id = ruleId(place.id, 'breakGlass');
  const ports = matchPorts([...services('ssh'), ...services('kube-apiserver')]);
  const rules = findings.guard({ ...place, id, path: `${place.path}.breakGlass` }, () =>
    (hosts.nodes.breakGlass ?? []).flatMap((entry, index) =>
      located(`[${String(index)}]`, () => {
        const end = resolveEnd(entry, ends, false);
        refusePods(end.kind, 'a way in for people takes addresses');
        const sources = sourcesOf([end], scope).matches;
        return crossRules({ id, action: 'Pass', sources, destinations: anyEnd, ports });
      }),
    ),
  );
  return layerPolicies(
    { firewall: place.firewall, id, phase: 'nodeAllow', order: NODE_ORDER.breakGlass },
    bothLayers(canonicalRules(rules)),
  );
}

/** Undefined while Calico's configuration is not known, and where it contradicts the spec. */
function endpointsKind({ hosts, inventory }: NodeContext): NodesSummary['endpoints'] {
  const { automaticHostEndpoints: automatic } = inventory;
  if (automatic === undefined) return undefined;
  if (hosts.nodes.hostEndpoints === 'Managed') return automatic ? undefined : 'Managed';
  return automatic ? 'Automatic' : 'Managed';
}

function summaryOf(context: NodeContext, openings: readonly OpenPort[]): NodesSummary {
  const { hosts, selected } = context;
  const { blocked, remarks } = preflight(context);
  if (blocked !== undefined) context.findings.warn(context.place, blocked.reason, blocked.message);
  return {
    mode: hosts.nodes.mode,
    endpoints: endpointsKind(context),
    selected: selected?.map(({ name }) => name) ?? null,
    ...(blocked === undefined ? {} : { blocked }),
    failsafesOpen: failsafesOpen(openings, context),
    ...managedFailsafes(context),
    notes: [...remarksOf(context), ...remarks],
  };
}
