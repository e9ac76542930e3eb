/** Reads Nodes with the annotations of Calico and flannel. */
import { valueAt } from '../json.ts';
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
  const podCIDRs = podCIDRsOf(object['spec'], fields);
  const distributions = distributionsOf(labels, valueAt(object, 'status', 'nodeInfo', 'osImage'));
  return fields.reading({
    name,
    labels,
    addresses,
    ...(flannel && { flannel }),
    ...(podCIDRs.length > 0 && { podCIDRs }),
    ...(distributions.length > 0 && { distributions }),
  });
}

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
  return [...new Set(found)].sort();
}
