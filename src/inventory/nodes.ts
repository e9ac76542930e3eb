/** Reads Nodes with the annotations of Calico and flannel. */
import { valueAt } from '../json.ts';
import {
  AddressError,
  containsCidr,
  formatAddress,
  parseAddress,
  parseCidr,
  type Cidr,
} from '../net/cidr.ts';
import { distributionsOf } from './distributions.ts';
import { fieldsOf, listOf, type KubernetesObject } from './object.ts';
import type { NodeInfo } from './types.ts';
import { FieldReader, isLinkLocal, type Reading } from './unreadable.ts';

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

export function readNode(object: KubernetesObject): Reading<NodeInfo> {
  const { name, labels = {}, annotations = {} } = object.metadata;
  const fields = new FieldReader('Node', object);
  const flannel = Object.keys(annotations).some((key) => key.startsWith(FLANNEL_PREFIX));
  const addresses = addressesOf(annotations, object['status'], fields);
  const interfaceAddresses = interfaceAddressesOf(annotations[INTERFACES] ?? '');
  const podCIDRs = podCIDRsOf(object['spec'], fields);
  const distributions = distributionsOf(labels, valueAt(object, 'status', 'nodeInfo', 'osImage'));
  const kubeletPort = valueAt(object, 'status', 'daemonEndpoints', 'kubeletEndpoint', 'Port');
  return fields.reading({
    name,
    labels,
    addresses: sorted([...addresses, ...(flannel ? podCIDRs.flatMap(ownAddresses) : [])]),
    ...(interfaceAddresses.length > 0 && { interfaceAddresses }),
    ...(flannel && { flannel }),
    ...(podCIDRs.length > 0 && { podCIDRs }),
    ...(isPortNumber(kubeletPort) && { kubeletPort }),
    ...(distributions.length > 0 && { distributions }),
  });
}

/**
 * With flannel a node itself has the first two addresses of the range of its pods: flannel.1 has the first, and
 * a bridge or Calico's tunnel the second (flannel's backend/vxlan, libcalico-go's getStaticTunnelAddress). The
 * plugin host-local never gives them to pods.
 */
function ownAddresses(podCIDR: string): readonly string[] {
  const { family, value } = parseCidr(podCIDR);
  const prefix = family === 4 ? 32 : 128;
  return [value, value + 1n].map((address) => formatAddress({ family, value: address, prefix }));
}

const INTERFACES = 'projectcalico.org/Interfaces';

/**
 * calico-node lists the interfaces that are not of pods, containers and tunnels, as JSON (fillAllInterfaces in
 * libcalico-go's node.go). A text that it did not write says nothing. Addresses that are no machine's alone are
 * left out.
 */
function interfaceAddressesOf(text: string): readonly string[] {
  const addresses = listOf(parsedJson(text)).flatMap((each) => listOf(fieldsOf(each)['addresses']));
  return sorted(
    addresses.flatMap((address) => {
      const parsed = typeof address === 'string' ? parsedAddress(address) : undefined;
      return parsed === undefined || OF_NO_MACHINE.some((net) => containsCidr(net, parsed))
        ? []
        : [formatAddress(parsed)];
    }),
  );
}

/** Unspecified, loopback and link-local addresses. A DNS cache has one of the last on every node. */
const OF_NO_MACHINE = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '::/127', 'fe80::/10'].map(parseCidr);

function parsedJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parsedAddress(text: string): Cidr | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

const sorted = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();

/** An odd port is no flaw: a kubelet writes it, and nothing may wait for it. */
const isPortNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;

/** `podCIDR` is the first of `podCIDRs`, and older than it. */
function podCIDRsOf(spec: unknown, fields: FieldReader): readonly string[] {
  const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = fieldsOf(spec);
  return listOf(podCIDRs).flatMap((cidr, index) =>
    cidr === '' ? [] : fields.cidr(cidr, `spec.podCIDRs[${String(index)}]`),
  );
}

/**
 * Every address of a node that a policy may match: canonical, without a mask, sorted, without duplicates. An
 * empty text and an address with a zone are no flaws. calico-node writes the first, and no packet filter could
 * match the second.
 */
function addressesOf(
  annotations: Readonly<Record<string, string>>,
  status: unknown,
  fields: FieldReader,
): readonly string[] {
  const read = (value: unknown, field: string): readonly string[] => {
    const address = typeof value === 'string' ? value.replace(/\/.*$/, '') : value;
    return address === '' || (typeof address === 'string' && isLinkLocal(address))
      ? []
      : fields.address(address, field);
  };
  const found = [
    ...listOf(fieldsOf(status)['addresses']).flatMap((entry, index) => {
      const { type, address } = fieldsOf(entry);
      return STATUS_TYPES.has(type) ? read(address, `status.addresses[${String(index)}].address`) : [];
    }),
    ...ANNOTATIONS.flatMap((key) => read(annotations[key] ?? '', `metadata.annotations["${key}"]`)),
  ];
  return sorted(found);
}
