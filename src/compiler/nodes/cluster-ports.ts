/**
 * Ports of built-in services as the cluster tells them: the API server's from its EndpointSlice, kubelet's
 * from Nodes, NodePorts and health checks from Services. `override` in nodes.services replaces them.
 */
import type { Nodes, PortValue } from '../../api/schema.ts';
import { knownOr, UNKNOWN } from '../../inventory/known.ts';
import { isControlPlaneOfDistribution } from '../../inventory/distributions.ts';
import type { Inventory, NodeInfo } from '../../inventory/types.ts';
import { containsCidr, formatAddress, parseAddress, parseCidr } from '../../net/cidr.ts';
import { formatPort, parsePort } from '../../net/ports.ts';
import { SERVICES, type ServiceName } from '../../net/services.ts';
import { isControlPlane } from '../flows/addresses.ts';
import { listed } from './listed.ts';
import { covers, rangesOf } from './port-ranges.ts';

export interface ClusterPorts {
  /** Those that differ from the usual ones. */
  readonly ports: Partial<Record<ServiceName, readonly PortValue[]>>;
  /**
   * True while the API server's port is not known. Stored rules for it stay, because the cluster needs them, and
   * its usual port is opened only where nothing is stored.
   */
  readonly isApiServerHeld: boolean;
  /** Sentences for people. */
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

type ClusterPort = Omit<ClusterPorts, 'ports' | 'isApiServerHeld'> & {
  readonly ports?: readonly PortValue[];
};

const USUAL: ClusterPort = { warnings: [], notes: [] };

export function clusterPorts(
  nodes: Pick<Nodes, 'services' | 'extraAddresses'>,
  inventory: Inventory,
): ClusterPorts {
  const replaced = new Set((nodes.services ?? []).filter(({ override }) => override).map(({ name }) => name));
  const told = (name: ServiceName, tell: () => ClusterPort): ClusterPort =>
    replaced.has(name) ? USUAL : tell();
  const apiServer = told('kube-apiserver', () => apiServerPorts(nodes, inventory));
  const kubelet = told('kubelet', () => kubeletPort(apiServer.ports, inventory));
  const found: ClusterPorts['ports'] = {
    ...(apiServer.ports && { 'kube-apiserver': apiServer.ports }),
    ...(kubelet.ports && { kubelet: kubelet.ports }),
    ...more('nodeports', inventory.unusualNodePorts),
    ...more('service-health', inventory.healthCheckNodePorts),
    ...more('etcd', isSeen('kOps', inventory) ? KOPS_ETCD : []),
  };
  return {
    ports: Object.fromEntries(Object.entries(found).filter(([name]) => !replaced.has(name))),
    isApiServerHeld: !replaced.has('kube-apiserver') && inventory.apiServerTargets?.length === 0,
    warnings: [...apiServer.warnings, ...kubelet.warnings],
    notes: [...apiServer.notes, ...kubelet.notes],
  };
}

/**
 * kOps runs two clusters of etcd, whose clients ask at 4001 and 4002, and the peers of the second one at 2381
 * (https://pkg.go.dev/k8s.io/kops/pkg/wellknownports, pkg/model/components/etcdmanager).
 */
const KOPS_ETCD: readonly PortValue[] = ['2381', '4001-4002'];

function more(
  name: ServiceName,
  added: readonly PortValue[] = [],
): Partial<Record<ServiceName, readonly PortValue[]>> {
  return added.length === 0 ? {} : { [name]: [...SERVICES[name], ...distinct(added)] };
}

const distinct = (ports: readonly PortValue[]): readonly PortValue[] =>
  [...new Set(ports.map(parsePort).map(formatPort))].sort();

const isSeen = (distribution: string, { nodes }: Inventory): boolean =>
  knownOr(nodes, []).some(({ distributions = [] }) => distributions.some((each) => each === distribution));

/**
 * Ports of the endpoints that are at nodes. A managed control plane answers elsewhere, mostly at 443: that port
 * must not open on nodes because of it.
 */
function apiServerPorts(
  { extraAddresses = [] }: Pick<Nodes, 'extraAddresses'>,
  { nodes, apiServerTargets }: Inventory,
): ClusterPort {
  if (apiServerTargets?.length === 0) return { ...USUAL, notes: [HELD] };
  if (nodes === UNKNOWN || apiServerTargets === undefined) return USUAL;
  const own = new Set(nodes.flatMap(({ addresses }) => addresses));
  const extra = extraAddresses.map(parseCidr);
  const here = apiServerTargets.filter(({ address }) => {
    const parsed = parseAddress(address);
    return own.has(formatAddress(parsed)) || extra.some((net) => containsCidr(net, parsed));
  });
  if (here.length > 0) return { ...USUAL, ports: distinct(here.map(({ port }) => port)) };
  const counting = nodes.some(isControlPlane)
    ? apiServerTargets
    : apiServerTargets.filter(({ port }) => port !== HTTPS && nodes.some(bearsSign));
  if (counting.length === 0) return { ...USUAL, ports: [], notes: [ELSEWHERE] };
  const elsewhere = [...new Set(counting.map(({ address }) => address))].sort();
  return {
    ...USUAL,
    ports: distinct(counting.map(({ port }) => port)),
    warnings: [
      `the API server answers at ${listed(elsewhere)}, which is no known address of a node, although a node is marked as control plane: add it to nodes.extraAddresses if it is a node's`,
    ],
  };
}

const HELD =
  'the port of the API server is not known, because the EndpointSlice default/kubernetes is empty or gone: stored rules for it stay, and where there is none, 6443 is opened';
const ELSEWHERE =
  'the API server answers at no node (a managed control plane), so its baseline and kube-apiserver open no port on nodes';

/** A kubelet may write such a label, so it never opens the port of a managed control plane. */
const bearsSign = ({ labels }: NodeInfo): boolean => isControlPlaneOfDistribution(labels);

const HTTPS = 443;

/**
 * A kubelet writes the status of its own Node. So all have to agree, and none may name a port of another
 * service, which would then be closed to all but the control plane.
 */
function kubeletPort(apiServer: readonly PortValue[] | undefined, { nodes }: Inventory): ClusterPort {
  const telling = knownOr(nodes, []).filter(({ kubeletPort: port }) => port !== undefined);
  const ports = [...new Set(telling.map(({ kubeletPort: port }) => port))];
  const [port] = ports;
  if (port === undefined || (ports.length === 1 && port === KUBELET)) return USUAL;
  if (ports.length === 1 && !isOfOthers(port, apiServer)) return { ...USUAL, ports: [port] };
  const names = telling.flatMap(({ name, kubeletPort: own }) =>
    own === KUBELET ? [] : [`${name} (${String(own)})`],
  );
  return {
    ...USUAL,
    warnings: [
      `kubelet counts as port ${String(KUBELET)}, for not all nodes have the same other one that is free: ${listed(names.sort())}; if they are right, replace the service kubelet in nodes.services`,
    ],
  };
}

const KUBELET = 10_250;

function isOfOthers(port: number, apiServer: readonly PortValue[] = []): boolean {
  const others = Object.entries(SERVICES).flatMap(([name, ports]) => (name === 'kubelet' ? [] : ports));
  const piece = { kind: 'range', protocol: 'TCP', from: port, to: port } as const;
  return covers(rangesOf([...others, ...apiServer, ...KOPS_ETCD]), piece);
}
