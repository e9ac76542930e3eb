/**
 * Reasons for which failsafes: Managed narrows nothing. Felix's failsafes may be all that lets in what the
 * cluster cannot do without.
 */
import { isControlPlaneOfDistribution } from '../../inventory/distributions.ts';
import { knownOr, UNKNOWN } from '../../inventory/known.ts';
import { parsePort } from '../../net/ports.ts';
import type { ServiceName } from '../../net/services.ts';
import { isControlPlane, isEtcdMember } from '../flows/addresses.ts';
import type { NodeContext, OpenPort } from './context.ts';
import { coversPort } from './failsafe-ports.ts';

/**
 * @param zonePorts ports that zones open; undefined where a zone has a problem, so that its stored policies may
 * open more
 * @returns the end of a sentence, with the remedy
 */
export function whyNotNarrow(
  zonePorts: readonly OpenPort[] | undefined,
  context: NodeContext,
): string | undefined {
  const { nodeFirewall, resolveScope, inventory, services } = context;
  const disabled = nodeFirewall.nodes.baseline?.disable ?? [];
  if (!disabled.includes('etcd') && !resolveScope.isEtcdResolved)
    return 'would cut off etcd, of which no member is known: name its members in nodes.etcd, or add etcd to nodes.baseline.disable if no node runs it';
  const isMarked = knownOr(inventory.nodes, []).some(({ labels }) => isControlPlaneOfDistribution(labels));
  if (isMarked && services('kube-apiserver').length === 0)
    return 'would cut off the API server, which answers at no known address of a node, although a node is marked as control plane: add its address to nodes.extraAddresses';
  if (zonePorts === undefined) return undefined;
  const members = knownOr(inventory.nodes, []).filter(isEtcdMember);
  const areControlPlane = members.every(isControlPlane);
  const isGiven = (service: ServiceName, ...kinds: readonly string[]): boolean =>
    numbersOf(service, context).every((port) =>
      zonePorts.some(
        (open) =>
          open.isEverywhere &&
          coversPort(open.ports, port) &&
          (open.sources === 'anyone' || kinds.some((kind) => hasKind(open, kind))),
      ),
    );
  if (disabled.includes('api-server') && !isGiven('kube-apiserver', 'nodes'))
    return cutOff('api-server', 'the API server', 'kube-apiserver from Nodes');
  const isJudged = inventory.nodes !== UNKNOWN && members.length > 0;
  if (
    disabled.includes('etcd') &&
    isJudged &&
    !isGiven('etcd', 'nodes', ...(areControlPlane ? ['controlPlane'] : []))
  )
    return cutOff('etcd', 'etcd', 'etcd from Nodes');
  return undefined;
}

const cutOff = (entry: string, what: string, zone: string): string =>
  `would cut nodes off from ${what}: take ${entry} out of nodes.baseline.disable, or add a zone on every node that opens ${zone}`;

const hasKind = ({ sources }: OpenPort, kind: string): boolean =>
  sources !== 'anyone' && [...sources.kinds].some((each) => each === kind);

const numbersOf = (service: ServiceName, { services }: NodeContext) =>
  services(service)
    .map(parsePort)
    .flatMap((port) =>
      port.kind === 'range'
        ? [port.from, port.to].map((number) => ({ protocol: port.protocol, port: number }))
        : [],
    );
