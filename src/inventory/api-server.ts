/**
 * Reads the addresses of the API server and the Services that it calls: the kinds that name them, and the
 * Services themselves.
 */
import { valueAt } from '../json.ts';
import { fieldsOf, listOf, type KubernetesObject } from './object.ts';
import type { ApiServerBackend, ServiceInfo } from './types.ts';

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

export function readService({ metadata, spec }: KubernetesObject): ServiceInfo {
  const { namespace = '', name } = metadata;
  const { type, selector, ports } = fieldsOf(spec);
  // An ExternalName is a DNS name outside the cluster. Its selector and ports have no effect.
  if (type === 'ExternalName') return { namespace, name, ports: [] };
  const labels = Object.entries(fieldsOf(selector)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    namespace,
    name,
    ...(labels.length > 0 && { selector: Object.fromEntries(labels) }),
    ports: listOf(ports).flatMap(readPort),
  };
}

/** An absent targetPort, or 0, means the port (Service API). */
function readPort(value: unknown): ServiceInfo['ports'] {
  const { port, targetPort } = fieldsOf(value);
  if (typeof port !== 'number') return [];
  const isGiven = (typeof targetPort === 'string' || typeof targetPort === 'number') && targetPort !== 0;
  return [{ port, targetPort: isGiven ? targetPort : port }];
}

/**
 * Addresses of the API server in an EndpointSlice. A slice of another Service has none. Readiness does not
 * count, because a starting API server already calls webhooks.
 */
export function readApiServerSlice({ metadata, endpoints }: KubernetesObject): readonly string[] {
  const isApiServer =
    metadata.namespace === API_SERVER_SLICES.namespace && metadata.labels?.[SERVICE_NAME] === 'kubernetes';
  if (!isApiServer) return NONE;
  return listOf(endpoints).flatMap((endpoint) =>
    listOf(fieldsOf(endpoint)['addresses']).filter((address) => typeof address === 'string'),
  );
}
