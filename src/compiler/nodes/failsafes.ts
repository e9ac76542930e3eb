/**
 * Ports that Felix opens before it evaluates any policy (felix/config/config_params.go,
 * FailsafeInboundHostPorts).
 */
import type { PortValue } from '../../api/schema.ts';
import type { Cidr } from '../../net/cidr.ts';
import { AddressError, containsCidr, formatCidr, parseCidr, unionCidrs } from '../../net/cidr.ts';
import { parsePort } from '../../net/ports.ts';
import { knownOr } from '../../inventory/known.ts';
import { RuleProblem } from '../problems.ts';
import type { NodesSummary } from '../types.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { isOn, bgpPeerNets } from './baseline-rules.ts';
import { BASELINE } from './baseline.ts';
import { coversPort, type Failsafe } from './failsafe-ports.ts';
import { breakGlassServices } from './services.ts';
import { joiningRanges } from './joining.ts';
import { whyNotNarrow } from './narrowing.ts';

const DEFAULTS: readonly Failsafe[] = [
  ...[22, 179, 2379, 2380, 5473, 6443, 6666, 6667].map((port) => ({ protocol: 'tcp', port })),
  { protocol: 'udp', port: 68 },
];

/**
 * Ports that stay open to a source that no rule lets in: `6443/TCP`, sorted by number. A port that only pods
 * or only nodes reach beyond the rules counts as well.
 */
export function failsafesOpen(openPorts: readonly OpenPort[], context: NodeContext): readonly string[] {
  const open = effectiveFailsafes(context).filter(
    (failsafe) => !isOpenToEveryone(failsafe, openPorts) && !isNarrowed(failsafe, context),
  );
  const ports = new Map(
    open.map(({ protocol, port }) => [`${String(port)}/${protocol.toUpperCase()}`, port]),
  );
  return [...ports.entries()].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1)).map(([text]) => text);
}

/**
 * The failsafes of all selected nodes. The configuration of a node outranks those with a nodeSelector, and
 * these outrank the cluster's. The nodes behind such a selector are not resolved, so its ports count
 * everywhere.
 */
function effectiveFailsafes({
  inventory: { felixConfigurations = [] },
  selected,
}: NodeContext): readonly Failsafe[] {
  const nodes = knownOr(selected, []);
  const configured = (name: string) =>
    felixConfigurations.find((each) => each.name === name)?.failsafeInbound;
  const cluster = configured('default') ?? DEFAULTS;
  const bySelector = felixConfigurations
    .filter(({ name }) => name !== 'default' && !name.startsWith('node.'))
    .flatMap(({ failsafeInbound = [] }) => failsafeInbound);
  const shared = [...cluster, ...bySelector];
  if (nodes.length === 0) return shared;
  return nodes.flatMap(({ name }) => configured(`node.${name}`) ?? shared);
}

function isOpenToEveryone(failsafe: Failsafe, openPorts: readonly OpenPort[]): boolean {
  const open = openPorts.filter(({ ports, isEverywhere }) => isEverywhere && coversPort(ports, failsafe));
  if (open.some(({ sources }) => sources === 'anyone')) return true;
  const kinds = new Set(open.flatMap(({ sources }) => (sources === 'anyone' ? [] : [...sources.kinds])));
  return kinds.has('world') && kinds.has('pods') && kinds.has('nodes');
}

/** True for a failsafe that is limited to sources that may always connect. */
function isNarrowed({ protocol, port, net }: Failsafe, context: NodeContext): boolean {
  const to = net === undefined ? undefined : readCidr(net);
  if (to === undefined) return false;
  return narrowedFailsafes(context).some(
    (wanted) =>
      wanted.protocol === protocol.toLowerCase() &&
      wanted.port === port &&
      wanted.net !== undefined &&
      containsCidr(parseCidr(wanted.net), to),
  );
}

/**
 * Undefined for a CIDR with host bits, which other clients may have written. It then does not count as
 * narrow.
 */
function readCidr(text: string): Cidr | undefined {
  try {
    return parseCidr(text);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/**
 * With failsafes: Managed, the ports that Felix keeps open, or the reason why they cannot be computed, for
 * example a break-glass peer without cidrs. With Report, nothing. CIDRs are canonical and protocols are TCP
 * or UDP, because anything else stops every Felix.
 * @param zonePorts see whyNotNarrow
 */
export function managedFailsafes(
  zonePorts: readonly OpenPort[] | undefined,
  context: NodeContext,
): Pick<NodesSummary, 'failsafes' | 'failsafesWaitFor' | 'failsafesKept'> {
  const { nodeFirewall, resolveScope } = context;
  const { failsafes, breakGlass = [], nodeCIDRs } = nodeFirewall.nodes;
  if (failsafes !== 'Managed') return {};
  const { unknown } = breakGlassPorts(context);
  if (unknown.length > 0)
    return {
      failsafesWaitFor: `nodes.failsafes: Managed needs to know the service "${unknown.join('", "')}" in nodes.breakGlassServices: correct the name`,
    };
  const missing = breakGlass.find(({ peer }) => resolveScope.peers.get(peer)?.cidrs === undefined);
  if (missing === undefined && breakGlass.length > 0 && nodeCIDRs !== undefined) {
    const why = whyNotNarrow(zonePorts, context);
    if (context.clusterPorts.isApiServerHeld)
      return {
        failsafesKept: 'nodes.failsafes: Managed changes nothing until the API server’s port is known',
      };
    if (why !== undefined) return { failsafesWaitFor: `nodes.failsafes: Managed ${why}` };
    return { failsafes: narrowedFailsafes(context) };
  }
  const need = missing === undefined ? 'breakGlass and nodeCIDRs' : `cidrs of the peer "${missing.peer}"`;
  return { failsafesWaitFor: `nodes.failsafes: Managed needs ${need} to narrow them` };
}

function narrowedFailsafes(context: NodeContext): readonly Failsafe[] {
  const { nodeFirewall, services, inventory, main } = context;
  const names = new Set((nodeFirewall.nodes.breakGlass ?? []).map(({ peer }) => peer));
  const breakGlass = (main.spec.peers ?? [])
    .filter(({ name }) => names.has(name))
    .flatMap(({ cidrs = [] }) => cidrs);
  const joining = joiningRanges(nodeFirewall.nodes);
  const open = (nets: readonly Cidr[], ...ports: readonly PortValue[]): readonly Failsafe[] =>
    nets.flatMap((net) => numbers(ports).map((each) => ({ ...each, net: formatCidr(net) })));
  const needsDhcp = BASELINE.filter(({ name }) => name === 'dhcp').some((entry) => isOn(entry, context));
  return [
    ...open(unionCidrs(breakGlass.map(parseCidr)), ...breakGlassPorts(context).ports),
    ...open(joining, ...services('kube-apiserver'), ...services('bgp'), ...services('typha')),
    ...open(bgpPeerNets(inventory), ...services('bgp')),
    ...(needsDhcp ? [{ protocol: 'udp', port: 68 }] : []),
  ];
}

/** One entry a port, because Felix takes no ranges here. */
const numbers = (ports: readonly PortValue[]): readonly Failsafe[] =>
  ports.map(parsePort).flatMap((port) => {
    if (port.kind !== 'range' || port.protocol === 'SCTP') return [];
    const { protocol, from, to } = port;
    return Array.from({ length: to - from + 1 }, (_, index) => ({
      protocol: protocol.toLowerCase(),
      port: from + index,
    }));
  });

/** Unknown services are reported where breakGlass is compiled. */
function breakGlassPorts({ nodeFirewall, services }: NodeContext) {
  const unknown: string[] = [];
  const ports = breakGlassServices(nodeFirewall.nodes).flatMap((name) => {
    try {
      return services(name);
    } catch (error) {
      if (!(error instanceof RuleProblem)) throw error;
      unknown.push(name);
      return [];
    }
  });
  return { ports, unknown };
}
