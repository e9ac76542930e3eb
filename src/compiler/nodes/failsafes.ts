/** Ports that Felix opens before any policy is asked (felix/config/config_params.go, FailsafeInboundHostPorts). */
import type { PortValue } from '../../api/schema.ts';
import type { Cidr } from '../../net/cidr.ts';
import { AddressError, containsCidr, formatCidr, parseCidr, unionCidrs } from '../../net/cidr.ts';
import { parsePort } from '../../net/ports.ts';
import type { FelixConfigurationInfo } from '../../inventory/types.ts';
import type { NodesSummary } from '../types.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { isOn, routers } from './baseline-rules.ts';
import { BASELINE } from './baseline.ts';

type Failsafe = NonNullable<FelixConfigurationInfo['failsafeInbound']>[number];

const DEFAULTS: readonly Failsafe[] = [
  ...[22, 179, 2379, 2380, 5473, 6443, 6666, 6667].map((port) => ({ protocol: 'tcp', port })),
  { protocol: 'udp', port: 68 },
];

/**
 * Ports that stay open to somebody whom no rule lets in: `6443/TCP`, sorted by number. What only pods or only nodes might do beyond the
 * rules counts as well.
 */
export function failsafesOpen(openings: readonly OpenPort[], context: NodeContext): readonly string[] {
  const open = effective(context).filter(
    (failsafe) => !everyoneMay(failsafe, openings) && !isForFriends(failsafe, context),
  );
  const ports = new Map(
    open.map(({ protocol, port }) => [`${String(port)}/${protocol.toUpperCase()}`, port]),
  );
  return [...ports.entries()].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1)).map(([text]) => text);
}

/**
 * Those of every selected node together. The configuration of a node outranks those with a nodeSelector, and these the cluster's; which
 * nodes a selector means is not asked, so what one of them opens counts everywhere.
 */
function effective({
  inventory: { felixConfigurations = [] },
  selected = [],
}: NodeContext): readonly Failsafe[] {
  const said = (name: string) => felixConfigurations.find((each) => each.name === name)?.failsafeInbound;
  const cluster = said('default') ?? DEFAULTS;
  const bySelector = felixConfigurations
    .filter(({ name }) => name !== 'default' && !name.startsWith('node.'))
    .flatMap(({ failsafeInbound = [] }) => failsafeInbound);
  const shared = [...cluster, ...bySelector];
  if (selected.length === 0) return shared;
  return selected.flatMap(({ name }) => said(`node.${name}`) ?? shared);
}

function everyoneMay(failsafe: Failsafe, openings: readonly OpenPort[]): boolean {
  const open = openings.filter(({ ports, everywhere }) => everywhere && covers(ports, failsafe));
  if (open.some(({ sources }) => sources === 'anyone')) return true;
  const kinds = new Set(open.flatMap(({ sources }) => (sources === 'anyone' ? [] : [...sources.kinds])));
  return kinds.has('world') && kinds.has('pods') && kinds.has('nodes');
}

const covers = (ports: readonly PortValue[], { protocol, port }: Failsafe): boolean =>
  ports
    .map(parsePort)
    .some(
      (each) =>
        each.kind === 'all' ||
        (each.kind === 'range' &&
          each.protocol === protocol.toUpperCase() &&
          each.from <= port &&
          port <= each.to),
    );

/** Narrowed to those who always get in. */
function isForFriends({ protocol, port, net }: Failsafe, context: NodeContext): boolean {
  const to = net === undefined ? undefined : readCidr(net);
  if (to === undefined) return false;
  return narrowed(context).some(
    (wanted) =>
      wanted.protocol === protocol.toLowerCase() &&
      wanted.port === port &&
      wanted.net !== undefined &&
      containsCidr(parseCidr(wanted.net), to),
  );
}

/** Others may have written it with host bits: then it is not taken for narrow. */
function readCidr(text: string): Cidr | undefined {
  try {
    return parseCidr(text);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/**
 * What is to stay open with failsafes: Managed, or why that cannot be told: while a way in is missing that was promised. Nothing with
 * Report. Canonical CIDRs, TCP and UDP only: anything else stops every Felix.
 */
export function managedFailsafes(context: NodeContext): Pick<NodesSummary, 'failsafes' | 'failsafesWaitFor'> {
  const { hosts, ends } = context;
  const { failsafes, breakGlass = [], nodeCIDRs = [] } = hosts.nodes;
  if (failsafes !== 'Managed') return {};
  const missing = breakGlass.find(({ peer }) => ends.peers.get(peer)?.cidrs === undefined);
  if (missing === undefined && breakGlass.length > 0 && nodeCIDRs.length > 0)
    return { failsafes: narrowed(context) };
  const what = missing === undefined ? 'breakGlass and nodeCIDRs' : `cidrs of the peer "${missing.peer}"`;
  return { failsafesWaitFor: `nodes.failsafes: Managed needs ${what} to narrow them` };
}

function narrowed(context: NodeContext): readonly Failsafe[] {
  const { hosts, services, inventory, main } = context;
  const names = new Set((hosts.nodes.breakGlass ?? []).map(({ peer }) => peer));
  const people = (main.spec.peers ?? [])
    .filter(({ name }) => names.has(name))
    .flatMap(({ cidrs = [] }) => cidrs);
  const nodes = unionCidrs((hosts.nodes.nodeCIDRs ?? []).map(parseCidr));
  const open = (nets: readonly Cidr[], ...ports: readonly PortValue[]): readonly Failsafe[] =>
    nets.flatMap((net) => numbers(ports).map((each) => ({ ...each, net: formatCidr(net) })));
  const dhcp = BASELINE.filter(({ name }) => name === 'dhcp').some((entry) => isOn(entry, context));
  return [
    ...open(unionCidrs(people.map(parseCidr)), ...services('ssh'), ...services('kube-apiserver')),
    ...open(nodes, ...services('kube-apiserver'), ...services('bgp'), ...services('typha')),
    ...open(routers(inventory), ...services('bgp')),
    ...(dhcp ? [{ protocol: 'udp', port: 68 }] : []),
  ];
}

/** Felix takes no ranges here. */
const numbers = (ports: readonly PortValue[]): readonly Failsafe[] =>
  ports.map(parsePort).flatMap((port) => {
    if (port.kind !== 'range' || port.protocol === 'SCTP') return [];
    const { protocol, from, to } = port;
    return Array.from({ length: to - from + 1 }, (_, index) => ({
      protocol: protocol.toLowerCase(),
      port: from + index,
    }));
  });
