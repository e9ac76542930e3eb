/**
 * Which host endpoint polices which interface of a node. Source: felix/dataplane/linux/endpoint_mgr.go
 * (resolveHostEndpoints, updateHostEndpoints).
 */
import type { StoredHostEndpoint } from '../calico/read/objects.ts';
import { formatAddress } from '../net/cidr.ts';
import type { Node, World } from './world.ts';

export type InterfaceKind = 'workload' | 'host' | 'tunnel' | 'lo';

/** A network interface of a node. */
export interface Interface {
  readonly kind: InterfaceKind;
  /** Absent where nobody has told it. */
  readonly name?: string;
  readonly addresses: readonly string[];
}

export interface NodeInterfaces {
  /** The first is the one towards other nodes. */
  readonly host: readonly [Interface, ...Interface[]];
  readonly tunnel: Interface;
  readonly lo: Interface;
}

export const WORKLOAD: Interface = { kind: 'workload', addresses: [] };
const LOOPBACK = ['127.0.0.1', '::1'];
/** Felix's own name for its VXLAN devices. */
const TUNNEL_NAMES = ['vxlan.calico', 'vxlan-v6.calico'];

export function interfacesOf(node: Node): NodeInterfaces {
  const tunnel: Interface = { kind: 'tunnel', name: 'vxlan.calico', addresses: node.tunnels };
  const lo: Interface = { kind: 'lo', name: 'lo', addresses: LOOPBACK };
  const known = node.interfaces
    ?.filter(({ name }) => name !== 'lo' && !TUNNEL_NAMES.includes(name))
    .map(({ name, addresses }): Interface => ({ kind: 'host', name, addresses }));
  const own = node.addresses.filter((address) => !node.tunnels.includes(address));
  const [main] = own;
  const sorted = known?.toSorted(
    (a, b) => Number(b.addresses.includes(main ?? '')) - Number(a.addresses.includes(main ?? '')),
  );
  const [first = { kind: 'host', addresses: own } as const, ...others] = sorted ?? [];
  return { host: [first, ...others], tunnel, lo };
}

/** The endpoint of one interface. */
export type Resolved =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'endpoint';
      readonly endpoint: StoredHostEndpoint;
      readonly isWildcard: boolean;
      /** Why another endpoint may be the one. */
      readonly unknown?: string;
    };

const NONE: Resolved = { kind: 'none' };

/** Endpoints of one node, the one whose name comes first in front. */
export const endpointsOf = ({ hostEndpoints }: World, node: string): readonly StoredHostEndpoint[] =>
  hostEndpoints
    .filter((each) => each.node === node)
    .sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));

/**
 * @param endpoints of the node, sorted by name
 * @param counts false for an endpoint that has no policy for this layer, which then passes over it
 */
export function resolve(
  endpoints: readonly StoredHostEndpoint[],
  interfaceOf: Interface,
  counts: (endpoint: StoredHostEndpoint) => boolean,
): Resolved {
  const specific = interfaceOf.kind === 'workload' ? NONE : specificOf(endpoints, interfaceOf, counts);
  if (specific.kind === 'endpoint' && (specific.unknown !== undefined || counts(specific.endpoint)))
    return specific;
  const wildcard = endpoints.find(({ interfaceName }) => interfaceName === '*');
  if (wildcard === undefined || !counts(wildcard)) return NONE;
  return { kind: 'endpoint', endpoint: wildcard, isWildcard: true };
}

function specificOf(
  endpoints: readonly StoredHostEndpoint[],
  { name, kind, addresses }: Interface,
  counts: (endpoint: StoredHostEndpoint) => boolean,
): Resolved {
  const candidates = endpoints.filter(({ interfaceName }) => interfaceName !== '*');
  const isNamed = (endpoint: StoredHostEndpoint): boolean => endpoint.interfaceName === name;
  const isAddressed = ({ interfaceName, expectedIPs }: StoredHostEndpoint): boolean =>
    interfaceName === undefined && expectedIPs.some((cidr) => addresses.includes(formatAddress(cidr)));
  if (name === undefined) {
    const others = candidates.filter(
      ({ interfaceName = '' }) => !['', 'lo', ...TUNNEL_NAMES].includes(interfaceName),
    );
    const [other] = others;
    // Whichever it is, this layer passes over it.
    if (other !== undefined && ![...others, ...candidates.filter(isAddressed)].some(counts)) return NONE;
    if (other !== undefined)
      return {
        kind: 'endpoint',
        endpoint: other,
        isWildcard: false,
        unknown: `the host endpoint ${other.name} names an interface, and the node's interfaces are not known`,
      };
  }
  const found = candidates.find((each) =>
    kind === 'lo' ? isNamed(each) : isNamed(each) || isAddressed(each),
  );
  return found === undefined ? NONE : { kind: 'endpoint', endpoint: found, isWildcard: false };
}
