/**
 * Validates one document, for the CLI (a manifest) and for the controller (an object from the API server).
 */
import type { z } from 'zod';
import { isRecord } from '../json.ts';
import { cut } from './cut.ts';
import { describe, unknownField } from './messages.ts';
import type { Path } from './path.ts';
import { placeOf } from './places.ts';
import {
  API_VERSION,
  type ClusterFirewall,
  DEFAULT_FIREWALL,
  FIREWALL_NAME_PATTERN,
  GROUP,
  KIND,
  spec as specSchema,
} from './schema.ts';
import { type Suggest, suggestions } from './suggest.ts';

/** A problem at one path. The message is a predicate of the path, with the remedy. */
export interface Issue {
  readonly path: Path;
  readonly message: string;
}

export type Validation =
  | { readonly ok: true; readonly firewall: ClusterFirewall }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** Misspelt words of one document that get a suggestion. Nobody reads more. */
const MAX_SUGGESTIONS = 200;
/** Characters of a message, which may quote what is written. */
const MAX_MESSAGE = 2048;

const TOP_LEVEL = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

/**
 * Finds all issues of one ClusterFirewall that need no knowledge of others or of the cluster. The compiler
 * checks references between its parts (an unknown peer), rule by rule. Never throws. Reports at most one
 * issue a path.
 */
export function validateDocument(value: unknown): Validation {
  if (!isRecord(value)) {
    return refused([
      { path: [], message: 'is not a Kubernetes object: write apiVersion, kind, metadata and spec' },
    ]);
  }
  const identity = identityIssues(value);
  if (identity.length > 0) return refused(identity);
  const suggest = suggestions(MAX_SUGGESTIONS);
  const parsed = specSchema.safeParse(value['spec'], { error: describe(suggest) });
  const name = nameOf(value['metadata']);
  const isOther = name !== undefined && name !== DEFAULT_FIREWALL;
  const issues = [
    ...topLevelIssues(value, suggest),
    ...nameIssues(value['metadata']),
    ...(parsed.error?.issues ?? []).flatMap((issue) => specIssues(issue, suggest)),
    ...(isOther ? onlyInDefault(value['spec']) : []),
  ];
  if (issues.length > 0 || !parsed.success || name === undefined) return refused(onePerPath(issues));
  return { ok: true, firewall: { metadata: { name }, spec: parsed.data } };
}

const refused = (issues: readonly Issue[]): Validation => ({
  ok: false,
  issues: issues.map(({ path, message }) => ({ path, message: cut(message, MAX_MESSAGE) })),
});

/** Wrong kind or version, in which case nothing else of the document can be checked. */
function identityIssues({ apiVersion, kind }: Readonly<Record<string, unknown>>): Issue[] {
  if (kind !== KIND) return [{ path: ['kind'], message: wrongKind(apiVersion, kind) }];
  if (apiVersion === API_VERSION) return [];
  return [{ path: ['apiVersion'], message: wrongVersion(apiVersion) }];
}

function wrongKind(apiVersion: unknown, kind: unknown): string {
  if (kind === undefined || kind === null) return `is required: write ${KIND}`;
  const of = typeof apiVersion === 'string' ? ` of ${apiVersion}` : '';
  return `is ${JSON.stringify(kind)}${of}: only ${KIND} of ${API_VERSION} belongs here`;
}

function wrongVersion(apiVersion: unknown): string {
  if (apiVersion === undefined || apiVersion === null) return `is required: write ${API_VERSION}`;
  if (typeof apiVersion === 'string' && apiVersion.startsWith(`${GROUP}/`)) {
    return `"${apiVersion}" is a version of ${GROUP} that this release does not know: write ${API_VERSION}`;
  }
  return `is ${JSON.stringify(apiVersion)}: ${KIND} is in ${GROUP}, write ${API_VERSION}`;
}

const topLevelIssues = (value: Readonly<Record<string, unknown>>, suggest: Suggest): Issue[] =>
  Object.keys(value)
    .filter((key) => !TOP_LEVEL.includes(key))
    .map((key) => ({
      path: [key],
      message: unknownField(key, { place: undefined, known: TOP_LEVEL }, suggest),
    }));

/** The twin of the root CEL rule in crd.ts. */
function nameIssues(metadata: unknown): Issue[] {
  if (!isRecord(metadata)) {
    return [
      { path: ['metadata'], message: 'is required: write { name: … }; the main one is called default' },
    ];
  }
  const { name } = metadata;
  const path = ['metadata', 'name'];
  if (name === undefined || name === null) {
    return [{ path, message: 'is required: the main one is called default' }];
  }
  if (typeof name === 'string' && new RegExp(FIREWALL_NAME_PATTERN).test(name)) return [];
  const rule = 'at most 63 lower-case letters, digits and "-", beginning and ending with a letter or digit';
  return [{ path, message: `${JSON.stringify(name)} must be a DNS label without dots: ${rule}` }];
}

/**
 * The twins of the other root CEL rules in crd.ts. They check the raw value, so they report even if something
 * else is wrong.
 */
function onlyInDefault(spec: unknown): Issue[] {
  if (!isRecord(spec)) return [];
  const paths: Path[] = ['defaults', 'guardrails', 'nodes', 'acceptForeign']
    .filter((key) => key in spec)
    .map((key) => ['spec', key]);
  const groups: readonly unknown[] = Array.isArray(spec['namespaces']) ? spec['namespaces'] : [];
  for (const [index, group] of groups.entries()) {
    if (isRecord(group) && 'mode' in group) paths.push(['spec', 'namespaces', index, 'mode']);
  }
  const message = `belongs to the ClusterFirewall called ${DEFAULT_FIREWALL} alone: move it there`;
  return paths.map((path) => ({ path, message }));
}

function specIssues(issue: z.core.$ZodIssue, suggest: Suggest): Issue[] {
  const path = issue.path.map((segment) => (typeof segment === 'number' ? segment : String(segment)));
  if (issue.code !== 'unrecognized_keys') return [{ path: ['spec', ...path], message: issue.message }];
  const where = { place: placeOf(path), known: fieldsAt(specSchema, path) };
  return issue.keys.map((key) => ({
    path: ['spec', ...path, key],
    message: unknownField(key, where, suggest),
  }));
}

/** Names of the fields of the object at this path of the schema. */
function fieldsAt(schema: z.core.$ZodType, path: Path): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'optional') return fieldsAt(def.innerType, path);
  const [first, ...rest] = path;
  if (def.type === 'array' && first !== undefined) return fieldsAt(def.element, rest);
  if (def.type !== 'object') return [];
  if (first === undefined) return Object.keys(def.shape);
  const next = def.shape[first];
  return next === undefined ? [] : fieldsAt(next, rest);
}

function onePerPath(issues: readonly Issue[]): Issue[] {
  const first = new Map<string, Issue>();
  for (const issue of issues) {
    const key = JSON.stringify(issue.path);
    if (!first.has(key)) first.set(key, issue);
  }
  return [...first.values()];
}

function nameOf(metadata: unknown): string | undefined {
  return isRecord(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : undefined;
}
