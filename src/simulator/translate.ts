/** Destination NAT of kube-proxy and the portmap plugin on one node. */
import type { Entry, ServiceIndex, Target } from './services.ts';

export interface Sent {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly port: number;
  /** Where it is translated. */
  readonly node: string;
  /** True for an address of that node. */
  readonly isLocal: boolean;
  /** The kind of sender that kube-proxy sees. */
  readonly from: 'pod' | 'node' | 'outside';
}

export type Translation =
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly name: string; readonly why: string }
  | { readonly kind: 'unknown'; readonly name: string; readonly why: string }
  | {
      readonly kind: 'translated';
      readonly name: string;
      /** At least one; kube-proxy chooses at random. */
      readonly targets: readonly Target[];
      /** True where the next node sees this node's address as the source. */
      readonly masquerade: boolean;
    };

const NONE: Translation = { kind: 'none' };

export function translate(services: ServiceIndex, sent: Sent): Translation {
  const { destination, protocol, port, node, isLocal } = sent;
  const entry =
    services.at(destination, protocol, port) ?? (isLocal ? services.nodePort(protocol, port) : undefined);
  if (entry !== undefined) return ofService(services, entry, sent);
  if (!isLocal) return NONE;
  const target = services.hostPort(node, destination, protocol, port);
  if (target === undefined) return NONE;
  return { kind: 'translated', name: `hostPort ${String(port)}`, targets: [target], masquerade: false };
}

/** k8s.io/kubernetes/pkg/proxy/iptables, proxier.go: KUBE-SVC, KUBE-SVL and KUBE-EXT chains. */
function ofService(services: ServiceIndex, entry: Entry, { destination, node, from }: Sent): Translation {
  const { service, port, isExternal } = entry;
  const name = `Service ${service.namespace}/${service.name}:${String(port.port)}`;
  if (services.isUnseen(service))
    return { kind: 'unknown', name, why: `the EndpointSlices of ${name} are missing` };
  // Pods and the node itself reach external addresses of a Service as they reach its cluster IP.
  const isLocalOnly = isExternal ? service.externalLocal && from === 'outside' : service.internalLocal;
  const family = destination.includes(':') ? 6 : 4;
  const targets = services.backends(entry, family, isLocalOnly ? node : undefined);
  if (targets.length === 0)
    return {
      kind: 'refused',
      name,
      why: `${name} has no ready endpoint${isLocalOnly ? ' on this node' : ''}`,
    };
  const masquerade = isExternal ? !(service.externalLocal && from !== 'node') : from !== 'pod';
  return { kind: 'translated', name, targets, masquerade };
}
