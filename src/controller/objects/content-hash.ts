/**
 * The normal form of a generated object and its hash: equal hashes mean that nothing has to be written.
 *
 * The normal form leaves out what a server may fill in or drop without changing the meaning:
 * - labels and annotations of others, except labels of a host endpoint, and Calico's labels of a set
 * - an empty `source` or `destination` of a rule (Calico's API server)
 * - `nets` of an empty set (Calico's API server), or its spec (native CRDs, after a server-side apply)
 *
 * Nothing else belongs on this list unless e2e/integration/controller-server-forms.suite.ts shows it. A missing
 * `types`, `tier` or `selector` is a difference, because its meaning depends on how Calico is served. For
 * example, a policy without `types` is Ingress only behind the aggregated API, and both directions for Felix
 * reading a native CRD.
 */
import { createHash } from 'node:crypto';
import type { GeneratedObject } from '../../calico/types.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { isCalicosLabel } from '../../calico/labels.ts';
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

/** The spec as both ways of being served would write it. Go's omitempty drops `nets` of an empty set. */
export function normalSpec(spec: unknown): Fields {
  if (!isRecord(spec)) return {};
  const kept = without(spec, (key, value) => key === 'nets' && isEmptyList(value));
  return Object.fromEntries(
    Object.entries(kept).map(([key, value]) => [key, isRules(key) ? normalRules(value) : value]),
  );
}

const isRules = (key: string): boolean => key === 'ingress' || key === 'egress';
const normalRules = (rules: unknown): unknown => (Array.isArray(rules) ? rules.map(normalRule) : rules);

/** JSON with sorted keys; absent and undefined are the same. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) =>
    isRecord(field)
      ? Object.fromEntries(
          Object.entries(field)
            .filter(([, each]) => each !== undefined)
            .toSorted(([a], [b]) => (a < b ? -1 : 1)),
        )
      : field,
  );
}

type Entries = Readonly<Record<string, string>>;
const only = (entries: Entries = {}, isDecisive: (key: string) => boolean): Fields =>
  without(entries, (key) => !isDecisive(key));

/**
 * The labels that are ours to decide, whoever put them there. Policies select a host endpoint by each of its
 * labels. Rules select a set by ours, and where it has one of Calico's it no longer counts as a set: for World,
 * nodes would be strangers.
 */
export function decisiveLabels({ spec }: KubernetesObject | GeneratedObject): (key: string) => boolean {
  // An empty set may be stored without a spec.
  const fields = isRecord(spec) ? spec : {};
  if ('interfaceName' in fields) return () => true;
  const isSet = Object.keys(fields).every((key) => key === 'nets');
  return isSet ? (key) => isOwnKey(key) || isCalicosLabel(key) : isOwnKey;
}

/** The fields that decide: the spec in normal form, and those labels and annotations that are ours. */
function contentOf(object: KubernetesObject | GeneratedObject): Fields {
  const { labels, annotations } = object.metadata;
  return {
    spec: normalSpec(object.spec),
    metadata: { labels: only(labels, decisiveLabels(object)), annotations: only(annotations, isOwnKey) },
  };
}

/** SHA-256 (hex) of the fields that decide. */
export const contentHash = (object: KubernetesObject | GeneratedObject): string =>
  createHash('sha256')
    .update(stableJson(contentOf(object)))
    .digest('hex');

/** A policy may have thousands of rules. */
const MAX_DIFFERENCES = 100;

/**
 * Names the fields that decide and differ, such as `spec.ingress[0].source.notNets`, at most MAX_DIFFERENCES.
 * Empty exactly when the hashes are equal. A list that has another length is named as a whole.
 */
export const differences = (
  desired: GeneratedObject,
  stored: KubernetesObject | GeneratedObject,
): readonly string[] => differing(contentOf(desired), contentOf(stored), '').slice(0, MAX_DIFFERENCES);

function differing(desired: unknown, stored: unknown, path: string): readonly string[] {
  if (isRecord(desired) && isRecord(stored)) {
    const keys = new Set([...Object.keys(desired), ...Object.keys(stored)]);
    return [...keys].flatMap((key) =>
      differing(valueOf(desired, key), valueOf(stored, key), join(path, key)),
    );
  }
  if (isListOfRecords(desired) && isListOfRecords(stored) && desired.length === stored.length)
    return desired.flatMap((each, index) => differing(each, stored[index], `${path}[${String(index)}]`));
  return stableJson({ desired }) === stableJson({ desired: stored }) ? [] : [path];
}

/** Never what a prototype has under the name. */
const valueOf = (fields: Fields, key: string): unknown =>
  Object.hasOwn(fields, key) ? fields[key] : undefined;

const isListOfRecords = (value: unknown): value is readonly Fields[] =>
  Array.isArray(value) && value.length > 0 && value.every(isRecord);

const PLAIN_KEY = /^[A-Za-z]+$/;
const join = (path: string, key: string): string => {
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
};

/** contentHash of an object that is never changed: computed once. */
export const desiredHash: (object: GeneratedObject) => string = readOnce(contentHash);
