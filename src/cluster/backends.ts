/** What the API server itself calls in the cluster, and where it is: read of the kinds that say so. */
import { isRecord, valueAt } from '../json.ts';
import type { KubernetesObject, Resource } from './resource.ts';

/** A Service that the API server calls. */
export interface Backend {
  readonly namespace: string;
  readonly service: string;
  /** The Service's. */
  readonly port: number;
  /** `Kind/name` of the object that names the Service. */
  readonly because: string;
}

/** A Service as far as calls go: `selector` is absent where labels do not tell what is behind it. */
export interface CalledService {
  readonly namespace: string;
  readonly name: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly port: number; readonly targetPort: number | string }[];
}

interface BackendSource {
  readonly kind: string;
  readonly resource: Resource;
  /** Objects a page: a CustomResourceDefinition may have a megabyte, of which four words are wanted. */
  readonly pageSize?: number;
  /** The references to Services in one object. */
  readonly references: (object: KubernetesObject) => readonly unknown[];
}

/** The kinds that name Services for the API server to call. */
export const BACKEND_SOURCES: readonly BackendSource[] = [
  {
    kind: 'ValidatingWebhookConfiguration',
    resource: {
      group: 'admissionregistration.k8s.io',
      version: 'v1',
      plural: 'validatingwebhookconfigurations',
    },
    references: webhookReferences,
  },
  {
    kind: 'MutatingWebhookConfiguration',
    resource: {
      group: 'admissionregistration.k8s.io',
      version: 'v1',
      plural: 'mutatingwebhookconfigurations',
    },
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

/** The slices among which every API server enters itself, those of the Service default/kubernetes: all of the namespace are watched. */
export const API_SERVER_SLICES: Resource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  namespace: 'default',
};
const SERVICE_NAME = 'kubernetes.io/service-name';

/** Of clientConfig.service and of an APIService's alike. */
const DEFAULT_PORT = 443;
const NONE: readonly Backend[] = [];

function webhookReferences({ webhooks }: KubernetesObject): readonly unknown[] {
  return Array.isArray(webhooks)
    ? webhooks.map((webhook) => valueAt(webhook, 'clientConfig', 'service'))
    : [];
}

/** What one object of the source names; most APIServices and CustomResourceDefinitions name nothing. */
export function backendsOf(
  { kind, references }: BackendSource,
  object: KubernetesObject,
): readonly Backend[] {
  const found = references(object).flatMap((reference) => {
    if (!isRecord(reference)) return [];
    const { namespace, name, port } = reference;
    if (typeof namespace !== 'string' || typeof name !== 'string') return [];
    const because = `${kind}/${object.metadata.name}`;
    return [{ namespace, service: name, port: typeof port === 'number' ? port : DEFAULT_PORT, because }];
  });
  return found.length === 0 ? NONE : found;
}

export function projectService({ metadata, spec }: KubernetesObject): CalledService {
  const { namespace = '', name } = metadata;
  const fields = isRecord(spec) ? spec : {};
  // It stands for a name outside, whatever else it says.
  if (fields['type'] === 'ExternalName') return { namespace, name, ports: [] };
  const selector = isRecord(fields['selector']) ? fields['selector'] : {};
  const labels = Object.entries(selector).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const ports: readonly unknown[] = Array.isArray(fields['ports']) ? fields['ports'] : [];
  return {
    namespace,
    name,
    ...(labels.length > 0 && { selector: Object.fromEntries(labels) }),
    ports: ports.flatMap(portOf),
  };
}

/** Absent or 0, the targetPort is the port (Service API). */
function portOf(value: unknown): CalledService['ports'] {
  if (!isRecord(value) || typeof value['port'] !== 'number') return [];
  const { port, targetPort } = value;
  const isGiven = (typeof targetPort === 'string' || typeof targetPort === 'number') && targetPort !== 0;
  return [{ port, targetPort: isGiven ? targetPort : port }];
}

export const isApiServerSlice = ({ metadata }: KubernetesObject): boolean =>
  metadata.namespace === API_SERVER_SLICES.namespace && metadata.labels?.[SERVICE_NAME] === 'kubernetes';

/** Addresses in an EndpointSlice, ready or not: one that is starting calls too. */
export function sliceAddresses({ endpoints }: KubernetesObject): readonly string[] {
  const list: readonly unknown[] = Array.isArray(endpoints) ? endpoints : [];
  return list.flatMap((endpoint) => {
    const addresses = valueAt(endpoint, 'addresses');
    return Array.isArray(addresses) ? addresses.filter((each) => typeof each === 'string') : [];
  });
}
