/** Reads Nodes with the annotations of Calico and flannel. */
import { AddressError, formatAddress, parseAddress } from '../net/cidr.ts';
import { fieldsOf, listOf, textOf, type KubernetesObject } from './object.ts';
import type { NodeInfo } from './types.ts';

const STATUS_TYPES: ReadonlySet<unknown> = new Set(['InternalIP', 'ExternalIP']);

/**
 * Annotations with the addresses of a node and its tunnels, written by calico-node. A packet from a node to a
 * remote pod has the tunnel's address as its source. Source: libcalico-go/lib/backend/k8s/resources/node.go.
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

/** flannel writes its backend to every node that it serves. Together with Calico that is Canal. */
const FLANNEL_PREFIX = 'flannel.alpha.coreos.com/';

export function readNode({ metadata, status }: KubernetesObject): NodeInfo {
  const { name, labels = {}, annotations = {} } = metadata;
  const flannel = Object.keys(annotations).some((key) => key.startsWith(FLANNEL_PREFIX));
  return { name, labels, addresses: addressesOf(annotations, status), ...(flannel && { flannel }) };
}

/**
 * Every address of a node that a policy may match: canonical, without a mask, sorted, without duplicates.
 * Other texts (an empty annotation, an address with a zone) are left out, because no packet filter could
 * match them.
 */
function addressesOf(annotations: Readonly<Record<string, string>>, status: unknown): readonly string[] {
  const ofStatus = listOf(fieldsOf(status)['addresses'])
    .map(fieldsOf)
    .filter(({ type }) => STATUS_TYPES.has(type))
    .map(({ address }) => textOf(address));
  const found = [...ofStatus, ...ANNOTATIONS.map((key) => annotations[key] ?? '')];
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
