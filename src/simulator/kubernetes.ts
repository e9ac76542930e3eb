/** Reads Kubernetes' own objects. Every reader throws a FieldError. */
import { LABEL_METADATA_NAME } from '../calico/labels.ts';
import { FieldError, Fields, readNet, type ObjectFields } from '../calico/read/fields.ts';
import type { NamedPort } from '../calico/read/objects.ts';
import { PROTOCOL, readProtocol } from '../calico/read/protocols.ts';
import { formatAddress, formatCidr } from '../net/cidr.ts';
import type {
  Backend,
  EndpointSlice,
  HostPort,
  Namespace,
  Node,
  NodeInterface,
  Pod,
  Service,
  ServiceAccount,
} from './world.ts';

/** The API server sets the label with the name. A manifest may lack it. */
export const readNamespace = ({ metadata }: ObjectFields): Namespace => ({
  name: metadata.name,
  labels: { ...metadata.labels, [LABEL_METADATA_NAME]: metadata.name },
});

export const readServiceAccount = ({ metadata }: ObjectFields): ServiceAccount => ({
  namespace: namespaceOf(metadata),
  name: metadata.name,
  labels: metadata.labels,
});

function namespaceOf({ namespace }: ObjectFields['metadata']): string {
  if (namespace === undefined) throw new FieldError('metadata.namespace', 'is missing');
  return namespace;
}

const addressOf = (text: string, field: string): string => formatAddress(readNet(text, field));

/**
 * Undefined for a pod that Calico has no endpoint for: in its node's network, not scheduled, without addresses,
 * or finished (libcalico-go, conversion.go).
 */
export function readPod({ metadata, fields }: ObjectFields): Pod | undefined {
  const [spec, status] = [fields.object('spec'), fields.object('status')];
  const node = spec.text('nodeName');
  const isFinished = ['Succeeded', 'Failed'].includes(status.text('phase'));
  if (spec.flag('hostNetwork') || node === '' || isFinished) return undefined;
  const texts = status.has('podIPs')
    ? status.list('podIPs').map((each) => each.text('ip'))
    : [status.text('podIP')];
  const addresses = texts.filter((text) => text !== '').map((text) => addressOf(text, 'status.podIPs'));
  if (addresses.length === 0) return undefined;
  const containers = [...spec.list('containers'), ...spec.list('initContainers')];
  const ports = containers.flatMap((container) => container.list('ports'));
  return {
    namespace: namespaceOf(metadata),
    name: metadata.name,
    labels: metadata.labels,
    serviceAccount: spec.text('serviceAccountName'),
    node,
    addresses,
    ports: ports.flatMap(namedPort),
    hostPorts: ports.flatMap(hostPort),
  };
}

function namedPort(port: Fields): readonly NamedPort[] {
  const [name, number] = [port.text('name'), port.number('containerPort') ?? 0];
  if (name === '' || number === 0) return [];
  return [{ name, protocol: readProtocol(port, 'protocol') ?? PROTOCOL.TCP, port: number }];
}

function hostPort(port: Fields): readonly HostPort[] {
  const [host, number] = [port.number('hostPort') ?? 0, port.number('containerPort') ?? 0];
  if (host === 0 || number === 0) return [];
  const hostIP = port.text('hostIP');
  const isSpecific = hostIP !== '' && hostIP !== '0.0.0.0' && hostIP !== '::';
  return [
    {
      protocol: readProtocol(port, 'protocol') ?? PROTOCOL.TCP,
      hostPort: host,
      port: number,
      ...(isSpecific && { hostIP: addressOf(hostIP, port.at('hostIP')) }),
    },
  ];
}

const CALICO = 'projectcalico.org/';
/** calico-node writes them (libcalico-go/lib/backend/k8s/resources/node.go). */
const OWN = [`${CALICO}IPv4Address`, `${CALICO}IPv6Address`];
const VXLAN = [`${CALICO}IPv4VXLANTunnelAddr`, `${CALICO}IPv6VXLANTunnelAddr`];
const OTHER = [
  `${CALICO}IPv4IPIPTunnelAddr`,
  `${CALICO}IPv4WireguardInterfaceAddr`,
  `${CALICO}IPv6WireguardInterfaceAddr`,
];

export function readNode({ metadata, fields }: ObjectFields): Node {
  const { annotations } = metadata;
  const given = (keys: readonly string[]): readonly (readonly [string, string])[] =>
    keys.flatMap((key) => {
      const text = annotations[key] ?? '';
      return text === '' ? [] : [[text, `metadata.annotations["${key}"]`] as const];
    });
  const read = ([text, field]: readonly [string, string]): string =>
    addressOf(text.replace(/\/.*$/, ''), field);
  const tunnels = given(VXLAN).map(read);
  const ofStatus = fields
    .object('status')
    .list('addresses')
    .filter((each) => ['InternalIP', 'ExternalIP'].includes(each.text('type')))
    .map((each) => addressOf(each.text('address'), each.at('address')));
  const own = given(OWN);
  const interfaces = readInterfaces(annotations[INTERFACES]);
  const known = interfaces?.flatMap(({ addresses }) => addresses) ?? [];
  return {
    name: metadata.name,
    labels: metadata.labels,
    addresses: [...new Set([...own.map(read), ...ofStatus, ...tunnels, ...given(OTHER).map(read), ...known])],
    tunnels,
    subnets: own.map(([text, field]) => formatCidr(readNet(text, field))),
    ...(interfaces !== undefined && { interfaces }),
  };
}

/** calico-node lists the interfaces and their addresses here, as JSON. */
const INTERFACES = `${CALICO}Interfaces`;

function readInterfaces(text: string | undefined): readonly NodeInterface[] | undefined {
  if (text === undefined || text === '') return undefined;
  const field = `metadata.annotations["${INTERFACES}"]`;
  return new Fields({ interfaces: parsed(text, field) }, field).list('interfaces').map((each) => ({
    name: each.text('name'),
    addresses: each.texts('addresses').map((address) => addressOf(address.replace(/\/.*$/, ''), field)),
  }));
}

function parsed(text: string, field: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FieldError(field, 'is no JSON');
  }
}

/** Without cluster IPs for a headless Service, and for one that is only a name. */
export function readService({ metadata, fields }: ObjectFields): Service {
  const spec = fields.object('spec');
  const addresses = (texts: readonly string[], key: string): readonly string[] =>
    texts.filter((text) => text !== '' && text !== 'None').map((text) => addressOf(text, spec.at(key)));
  const clusterIPs = spec.has('clusterIPs') ? spec.texts('clusterIPs') : [spec.text('clusterIP')];
  const ingress = fields.object('status').object('loadBalancer').list('ingress');
  const balancers = ingress.map((each) => each.text('ip'));
  return {
    namespace: namespaceOf(metadata),
    name: metadata.name,
    clusterIPs: addresses(clusterIPs, 'clusterIPs'),
    externalIPs: addresses([...spec.texts('externalIPs'), ...balancers], 'externalIPs'),
    ports: spec.list('ports').map((port) => {
      const nodePort = port.number('nodePort') ?? 0;
      return {
        name: port.text('name'),
        protocol: readProtocol(port, 'protocol') ?? PROTOCOL.TCP,
        port: port.number('port') ?? 0,
        ...(nodePort !== 0 && { nodePort }),
      };
    }),
    externalLocal: spec.text('externalTrafficPolicy') === 'Local',
    internalLocal: spec.text('internalTrafficPolicy') === 'Local',
  };
}

/** Undefined for a slice of names, and for one that belongs to no Service. */
export function readEndpointSlice({ metadata, fields }: ObjectFields): EndpointSlice | undefined {
  const service = metadata.labels['kubernetes.io/service-name'];
  if (service === undefined || fields.text('addressType') === 'FQDN') return undefined;
  const ports = fields.list('ports');
  const backends = fields.list('endpoints').flatMap((endpoint): readonly Backend[] => {
    const node = endpoint.text('nodeName');
    const conditions = endpoint.object('conditions');
    const ready = !conditions.has('ready') || conditions.flag('ready');
    return endpoint.texts('addresses').flatMap((text) =>
      ports.map((port) => {
        const number = port.number('port');
        return {
          address: addressOf(text, endpoint.at('addresses')),
          protocol: readProtocol(port, 'protocol') ?? PROTOCOL.TCP,
          ...(number !== undefined && { port: number }),
          portName: port.text('name'),
          ...(node !== '' && { node }),
          ready,
        };
      }),
    );
  });
  return { service: `${namespaceOf(metadata)}/${service}`, backends };
}
