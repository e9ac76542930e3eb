import { get, type CallOptions } from './apply.ts';
import { isNotFound } from '../errors.ts';
import { isRecord } from '../../json.ts';
import type { Transport } from '../http/transport.ts';

export interface ServedGroup {
  readonly name: string;
  /** Sorted by preference, like the server's answer. */
  readonly versions: readonly string[];
}

export interface ServedResource {
  /** Plural name, without subresources. */
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** The server of a group and version. */
export type ApiService =
  | { readonly served: 'Absent' }
  /** The API server itself, with built-in types or a CustomResourceDefinition. */
  | { readonly served: 'Local' }
  /** Another server behind a Service. `message` says why it is not available. */
  | { readonly served: 'Aggregated'; readonly available: boolean; readonly message: string };

const API_SERVICES = { group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices' };

/**
 * All named groups (`GET /apis`), sorted by name. They include the groups of an aggregated server that is
 * down.
 */
export async function servedGroups(
  transport: Transport,
  options: CallOptions = {},
): Promise<readonly ServedGroup[]> {
  const { body } = await transport.request({ method: 'GET', path: '/apis', signal: options.signal });
  return records(body, 'groups')
    .map((group) => ({
      name: text(group['name']),
      versions: records(group, 'versions').map((version) => text(version['version'])),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Resources of one group and version, sorted by name. Undefined if it is not served.
 * @throws ApiError 503 while the aggregated server behind it is down
 */
export async function servedResources(
  transport: Transport,
  group: string,
  version: string,
  options: CallOptions = {},
): Promise<readonly ServedResource[] | undefined> {
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  let body: unknown;
  try {
    ({ body } = await transport.request({ method: 'GET', path, signal: options.signal }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  return records(body, 'resources')
    .map((resource) => ({
      name: text(resource['name']),
      kind: text(resource['kind']),
      namespaced: resource['namespaced'] === true,
      verbs: strings(resource['verbs']),
    }))
    .filter((resource) => !resource.name.includes('/'))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Reads the APIService object `VERSION.GROUP`. kube-apiserver also makes one for each version of a
 * CustomResourceDefinition.
 */
export async function apiService(
  transport: Transport,
  group: string,
  version: string,
  options: CallOptions = {},
): Promise<ApiService> {
  const object = await get(transport, API_SERVICES, `${version}.${group}`, options);
  if (object === undefined) return { served: 'Absent' };
  const spec = isRecord(object['spec']) ? object['spec'] : {};
  if (!isRecord(spec['service'])) return { served: 'Local' };
  const available = condition(object['status'], 'Available');
  return {
    served: 'Aggregated',
    available: available?.['status'] === 'True',
    message: text(available?.['message']),
  };
}

function condition(status: unknown, type: string): Readonly<Record<string, unknown>> | undefined {
  return records(status, 'conditions').find((entry) => entry['type'] === type);
}

function records(value: unknown, field: string): readonly Readonly<Record<string, unknown>>[] {
  const entries = isRecord(value) ? value[field] : undefined;
  return Array.isArray(entries) ? entries.filter(isRecord) : [];
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
