import { AddressError, formatAddress, parseAddress } from '../net/cidr.ts';

/** What is read of a Kubernetes Node. */
export interface NodeObject {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
  };
}

/** flannel notes its backend on every node that it serves: beside Calico, that is Canal. */
export const hasFlannel = ({ metadata }: NodeObject): boolean =>
  Object.keys(metadata?.annotations ?? {}).some((key) => key.startsWith('flannel.alpha.coreos.com/'));

const STATUS_TYPES: ReadonlySet<string> = new Set(['InternalIP', 'ExternalIP']);

/**
 * Where calico-node notes a node's own and its tunnels' addresses: a packet from a node to a remote pod bears the tunnel's.
 * Source: libcalico-go/lib/backend/k8s/resources/node.go.
 */
const ANNOTATIONS = [
  'projectcalico.org/IPv4Address',
  'projectcalico.org/IPv6Address',
  'projectcalico.org/IPv4IPIPTunnelAddr',
  'projectcalico.org/IPv4VXLANTunnelAddr',
  'projectcalico.org/IPv6VXLANTunnelAddr',
  'projectcalico.org/IPv4WireguardInterfaceAddr',
  'projectcalico.org/IPv6WireguardInterfaceAddr',
];

/**
 * Every address of a node that policy may meet, canonical, without a mask, sorted and each once. What is no address (an empty
 * annotation, one with a zone) is left out: no packet filter could match it.
 */
export function nodeAddresses(node: NodeObject): readonly string[] {
  const annotations = node.metadata?.annotations ?? {};
  const found = [
    ...(node.status?.addresses ?? [])
      .filter(({ type }) => STATUS_TYPES.has(type))
      .map(({ address }) => address),
    ...ANNOTATIONS.map((key) => annotations[key] ?? ''),
  ];
  return [...new Set(found.flatMap(canonical))].sort();
}

function canonical(text: string): readonly string[] {
  try {
    return [formatAddress(parseAddress(text.replace(/\/.*$/, '')))];
  } catch (error) {
    if (error instanceof AddressError) return [];
    throw error;
  }
}
