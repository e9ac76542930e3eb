/**
 * Reads the addresses of the API server and the Services that it calls: the kinds that name them, and the
 * Services themselves.
 */
import { valueAt } from '../json.ts';
import { fieldsOf, listOf, type KubernetesObject } from './object.ts';
import { TRANSPORTS } from '../net/ports.ts';
import type { ApiServerBackend, ApiServerSlice, Inventory, ServiceInfo, ServicePort } from './types.ts';
import { FieldReader, type Reading } from './unreadable.ts';

/** A collection, optionally limited to one namespace, like the type in src/cluster. */
interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace?: string;
}

interface BackendSource {
  readonly kind: string;
  readonly resource: Resource;
  /**
   * Objects in each page. A CustomResourceDefinition may have a megabyte, but only four words of it are kept.
   */
  readonly pageSize?: number;
  /** The references to Services in one object. */
  readonly references: (object: KubernetesObject) => readonly unknown[];
}

const ADMISSION = { group: 'admissionregistration.k8s.io', version: 'v1' };

/** The kinds that name Services for the API server to call. */
export const BACKEND_SOURCES: readonly BackendSource[] = [
  {
    kind: 'ValidatingWebhookConfiguration',
    resource: { ...ADMISSION, plural: 'validatingwebhookconfigurations' },
    references: webhookReferences,
  },
  {
    kind: 'MutatingWebhookConfiguration',
    resource: { ...ADMISSION, plural: 'mutatingwebhookconfigurations' },
    references: webhookReferences,
  },
  {
    kind: 'APIService',
    resource: { group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices' },
    references: (object) => [valueAt(object, 'spec', 'service')],
  },
  {
    kind: 'CustomResourceDefinition',
    resource: { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
    pageSize: 20,
    references: (object) => [valueAt(object, 'spec', 'conversion', 'webhook', 'clientConfig', 'service')],
  },
];

export const SERVICES: Resource = { group: '', version: 'v1', plural: 'services' };

/** Ranges of Services. Kubernetes has them since 1.33. */
export const SERVICE_CIDRS: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'servicecidrs',
};

/**
 * Every API server adds itself to a slice of the Service default/kubernetes. All slices of that namespace are
 * watched.
 */
export const API_SERVER_SLICES: Resource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  namespace: 'default',
};
const SERVICE_NAME = 'kubernetes.io/service-name';

/** The default of both clientConfig.service and an APIService's service. */
const DEFAULT_PORT = 443;
/**
 * One shared empty list: most APIServices and CustomResourceDefinitions name no Service, and most slices are
 * not the API server's.
 */
const NONE: readonly never[] = [];

function webhookReferences({ webhooks }: KubernetesObject): readonly unknown[] {
  return listOf(webhooks).map((webhook) => valueAt(webhook, 'clientConfig', 'service'));
}

/** The Services that one object of the source names. */
export function readBackends(
  { kind, references }: BackendSource,
  object: KubernetesObject,
): readonly ApiServerBackend[] {
  const found = references(object).flatMap((reference) => {
    const { namespace, name, port } = fieldsOf(reference);
    if (typeof namespace !== 'string' || typeof name !== 'string') return [];
    const because = `${kind}/${object.metadata.name}`;
    return [{ namespace, service: name, port: typeof port === 'number' ? port : DEFAULT_PORT, because }];
  });
  return found.length === 0 ? NONE : found;
}

export function readService(object: KubernetesObject): Reading<ServiceInfo> {
  const { namespace = '', name } = object.metadata;
  const fields = new FieldReader('Service', object);
  const spec = fieldsOf(object['spec']);
  const { type, selector, clusterIP, clusterIPs = [clusterIP], ports } = spec;
  const isOpenOutside = type === 'NodePort' || type === 'LoadBalancer';
  // An ExternalName is a DNS name outside the cluster. Its selector and ports have no effect.
  if (type === 'ExternalName') return fields.reading({ namespace, name, clusterIPs: NONE, ports: NONE });
  const labels = readSelector(selector, fields);
  const external = externalIPsOf(object, fields);
  const nodePorts = unusualNodePortsOf(ports, fields);
  const [healthCheck] = fields.port(spec['healthCheckNodePort'] || undefined, 'spec.healthCheckNodePort');
  return fields.reading({
    namespace,
    name,
    ...(labels !== undefined && { selector: labels }),
    clusterIPs: listOf(clusterIPs).flatMap((address, index) =>
      address === HEADLESS || address === undefined
        ? []
        : fields.address(address, `spec.clusterIPs[${String(index)}]`),
    ),
    ...(external.length > 0 && { externalIPs: external }),
    ...(isOpenOutside && spec['externalTrafficPolicy'] !== 'Local' && { throughNodes: true }),
    ports: first(ports, 'spec.ports', fields).flatMap((port, index) =>
      readPort(port, `spec.ports[${String(index)}]`, fields),
    ),
    ...(nodePorts.length > 0 && { unusualNodePorts: nodePorts }),
    ...(healthCheck !== undefined && { healthCheckNodePort: healthCheck }),
  });
}

/** Ports that Services have on nodes. */
export function portsOfServices(
  services: readonly Pick<ServiceInfo, 'unusualNodePorts' | 'healthCheckNodePort'>[],
): Pick<Inventory, 'unusualNodePorts' | 'healthCheckNodePorts'> {
  const nodePorts = [...new Set(services.flatMap(({ unusualNodePorts: ports = [] }) => ports))].sort();
  const health = services.flatMap(({ healthCheckNodePort: port }) => (port === undefined ? [] : [port]));
  return {
    ...(nodePorts.length > 0 && { unusualNodePorts: nodePorts }),
    ...(health.length > 0 && { healthCheckNodePorts: [...new Set(health)].sort((a, b) => a - b) }),
  };
}

/** kube-apiserver gives out others only with its flag --service-node-port-range. */
const unusualNodePortsOf = (ports: unknown, fields: FieldReader): readonly string[] =>
  nodePortsOf(ports, fields).filter((text) => {
    const port = Number.parseInt(text, 10);
    return port < USUAL.from || port > USUAL.to;
  });

/** NodePorts of a Service, as `30080/TCP`. */
export const readNodePorts = (object: KubernetesObject): readonly string[] =>
  nodePortsOf(fieldsOf(object['spec'])['ports'], new FieldReader('Service', object));

function nodePortsOf(ports: unknown, fields: FieldReader): readonly string[] {
  return listOf(ports)
    .slice(0, MOST)
    .flatMap((entry, index) => {
      const { protocol = 'TCP', nodePort } = fieldsOf(entry);
      const named = TRANSPORTS.find((each) => each === protocol);
      if (named === undefined || nodePort === 0) return [];
      return fields
        .port(nodePort, `spec.ports[${String(index)}].nodePort`)
        .map((port) => `${String(port)}/${named}`);
    });
}

/** The default of --service-node-port-range. */
const USUAL = { from: 30_000, to: 32_767 };

/**
 * Ports, and external addresses, that are kept of one Service. Tenants write Services, and the operator keeps
 * something of each.
 */
const MOST = 500;
/** Labels of a selector: no pod has that many. */
const MOST_LABELS = 64;

function first(values: unknown, field: string, fields: FieldReader): readonly unknown[] {
  const all = listOf(values);
  if (all.length <= MOST) return all;
  fields.refuse(field, `has more than ${String(MOST)} entries`);
  return all.slice(0, MOST);
}

/** A load balancer may have a name instead of an address. */
function externalIPsOf({ spec, status }: KubernetesObject, fields: FieldReader): readonly string[] {
  return [
    ...first(fieldsOf(spec)['externalIPs'], 'spec.externalIPs', fields).flatMap((address, index) =>
      fields.address(address, `spec.externalIPs[${String(index)}]`),
    ),
    ...first(
      valueAt({ status }, 'status', 'loadBalancer', 'ingress'),
      'status.loadBalancer.ingress',
      fields,
    ).flatMap((entry, index) => {
      const { ip = '' } = fieldsOf(entry);
      return ip === '' ? [] : fields.address(ip, `status.loadBalancer.ingress[${String(index)}].ip`);
    }),
  ];
}

/** The ranges of a ServiceCIDR. */
export function readServiceCIDR(object: KubernetesObject): Reading<readonly string[]> {
  const fields = new FieldReader('ServiceCIDR', object);
  const { cidrs } = fieldsOf(object['spec']);
  return fields.reading(
    listOf(cidrs).flatMap((cidr, index) => fields.cidr(cidr, `spec.cidrs[${String(index)}]`)),
  );
}

/**
 * The labels of a Service's pods, or undefined without any. One label less would select more pods, so all of
 * them count or none.
 */
function readSelector(selector: unknown, fields: FieldReader): ServiceInfo['selector'] {
  const labels = Object.entries(fieldsOf(selector));
  if (labels.length > MOST_LABELS) {
    fields.refuse('spec.selector', `has more than ${String(MOST_LABELS)} labels`);
    return undefined;
  }
  const texts = labels.filter(
    (entry): entry is [string, string] =>
      LABEL_KEY.test(entry[0]) && typeof entry[1] === 'string' && LABEL_VALUE.test(entry[1]),
  );
  if (texts.length < labels.length) {
    fields.refuse('spec.selector', 'is no mapping of labels to texts');
    return undefined;
  }
  return labels.length === 0 ? undefined : Object.fromEntries(texts);
}

/** Stands in place of an address. */
const HEADLESS = 'None';

/** As Kubernetes limits them: a prefix of 253 characters, a slash and a name of 63. */
const LABEL_KEY = /^[A-Za-z0-9_./-]{1,317}$/;
const LABEL_VALUE = /^[A-Za-z0-9_.-]{0,63}$/;

/** Kubernetes limits it like this. A text of digits would be a range of Calico's. */
const PORT_NAME = /^(?=.*[a-z])[a-z0-9-]{1,15}$/;

/** An absent targetPort, or 0, means the port (Service API). */
function readPort(value: unknown, at: string, fields: FieldReader): readonly ServicePort[] {
  const { protocol: text = 'TCP', port, targetPort } = fieldsOf(value);
  const protocol = TRANSPORTS.find((each) => each === text);
  if (protocol === undefined) {
    fields.refuse(`${at}.protocol`, 'is none of TCP, UDP and SCTP');
    return NONE;
  }
  const [number] = fields.port(port, `${at}.port`);
  if (number === undefined) return NONE;
  if (typeof targetPort === 'string') {
    if (PORT_NAME.test(targetPort)) return [{ protocol, port: number, targetPort }];
    fields.refuse(`${at}.targetPort`, 'is no name of a port');
    return NONE;
  }
  const [target] = targetPort === 0 ? [number] : fields.port(targetPort ?? number, `${at}.targetPort`);
  return target === undefined ? NONE : [{ protocol, port: number, targetPort: target }];
}

export const NOT_THE_API_SERVER: ApiServerSlice = { addresses: NONE, targets: NONE };
const OF_OTHERS: Reading<ApiServerSlice> = { value: NOT_THE_API_SERVER, flaws: NONE };

/** The API server keeps the slice with this name (kubernetes/pkg/controlplane/reconcilers). */
const SLICE_OF_PORTS = 'kubernetes';

/**
 * Addresses of the API server in an EndpointSlice. A slice of another Service has none. Readiness does not
 * count, because a starting API server already calls webhooks. Ports count in one slice only: whoever adds
 * another one opens no port on nodes.
 */
export function readApiServerSlice(object: KubernetesObject): Reading<ApiServerSlice> {
  const { name, namespace, labels } = object.metadata;
  const isApiServer = namespace === API_SERVER_SLICES.namespace && labels?.[SERVICE_NAME] === 'kubernetes';
  if (!isApiServer) return OF_OTHERS;
  const fields = new FieldReader('EndpointSlice', object);
  const addresses = listOf(object['endpoints']).flatMap((endpoint, index) =>
    listOf(fieldsOf(endpoint)['addresses']).flatMap((address, position) =>
      fields.address(address, `endpoints[${String(index)}].addresses[${String(position)}]`),
    ),
  );
  const ports = name === SLICE_OF_PORTS ? slicePorts(object, fields) : [];
  return fields.reading({
    addresses,
    targets: addresses.flatMap((address) => ports.map((port) => ({ address, port }))),
  });
}

/** Those of TCP, which is the default. */
function slicePorts(object: KubernetesObject, fields: FieldReader): readonly number[] {
  return listOf(object['ports']).flatMap((entry, index) => {
    const { protocol = 'TCP', port } = fieldsOf(entry);
    return protocol === 'TCP' ? fields.port(port, `ports[${String(index)}].port`) : [];
  });
}
