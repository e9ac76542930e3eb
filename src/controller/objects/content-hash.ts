/**
 * The normal form of a generated object and its hash: equal hashes mean that nothing has to be written. Only
 * different spellings of the same thing are folded in. A missing `types`, `tier` or `selector` is a difference,
 * because its meaning depends on how Calico is served. For example, a policy without `types` is Ingress only
 * behind the aggregated API, and both directions for Felix reading a native CRD.
 */
import { createHash } from 'node:crypto';
import type { GeneratedObject } from '../../calico/types.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { isOwnKey } from './ownership.ts';
import { readOnce } from '../../compiler/read-once.ts';

type Fields = Readonly<Record<string, unknown>>;

const isEmptyRecord = (value: unknown): boolean => isRecord(value) && Object.keys(value).length === 0;
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const without = (fields: Fields, drop: (key: string, value: unknown) => boolean): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key, value]) => !drop(key, value)));

/**
 * The aggregated API writes `source: {}` and `destination: {}` where a rule has none (Go's omitempty does not
 * drop structs).
 */
const normalRule = (rule: unknown): unknown =>
  isRecord(rule)
    ? without(rule, (key, value) => (key === 'source' || key === 'destination') && isEmptyRecord(value))
    : rule;

/** List-type `set` in Calico's CRDs: server-side apply may merge them in another order. */
const sorted = (value: unknown): unknown =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.toSorted() : value;

function normalField(key: string, value: unknown): unknown {
  switch (key) {
    case 'ingress':
    case 'egress':
      return Array.isArray(value) ? value.map(normalRule) : value;
    case 'nets':
    case 'profiles':
    case 'types':
      return sorted(value);
    default:
      return value;
  }
}

/**
 * The spec as both ways of being served would write it. An empty list of rules is dropped: the aggregated API
 * does not keep it.
 */
export function normalSpec(spec: unknown): Fields {
  if (!isRecord(spec)) return {};
  const kept = without(spec, (key, value) => (key === 'ingress' || key === 'egress') && isEmptyList(value));
  return Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, normalField(key, value)]));
}

/** JSON with sorted keys; absent, undefined and null are the same. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) =>
    isRecord(field)
      ? Object.fromEntries(
          Object.entries(field)
            .filter(([, each]) => each !== null && each !== undefined)
            .toSorted(([a], [b]) => (a < b ? -1 : 1)),
        )
      : field,
  );
}

const own = (entries: Readonly<Record<string, string>> = {}): Fields =>
  without(entries, (key) => !isOwnKey(key));

/**
 * Policies select a host endpoint by its labels, so each label of ours is ours to decide, whoever put it
 * there.
 */
export const ownsLabels = ({ spec }: KubernetesObject | GeneratedObject): boolean =>
  isRecord(spec) && 'interfaceName' in spec;

/** SHA-256 (hex) of the spec in normal form and of those labels and annotations that are ours to decide. */
export function contentHash(object: KubernetesObject | GeneratedObject): string {
  const { labels, annotations } = object.metadata;
  const content = {
    spec: normalSpec(object.spec),
    labels: ownsLabels(object) ? labels : own(labels),
    annotations: own(annotations),
  };
  return createHash('sha256').update(stableJson(content)).digest('hex');
}

/** contentHash of an object that is never changed: computed once. */
export const desiredHash: (object: GeneratedObject) => string = readOnce(contentHash);
