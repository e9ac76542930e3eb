/**
 * Combinators that declare the same condition twice: for zod as a refinement, and for the API server as
 * schema metadata.
 */
import * as z from 'zod';

type AnyObject = z.ZodObject;

/** CEL validations and structural bounds that the CRD walker copies unchanged. */
export interface CrdMeta {
  description?: string;
  format?: 'date-time';
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  pattern?: string;
  minProperties?: number;
  maxProperties?: number;
  not?: { required: string[] } | { pattern: string };
  'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic';
  'x-kubernetes-validations'?: CelRule[];
  'x-kubernetes-int-or-string'?: true;
}

/**
 * For objects and lists that have a meaning when they are empty. Server-side apply owns leaves, and an empty
 * value has none. It would refuse a selector that becomes `{}`, and drop a list that becomes `[]`.
 * Kubernetes' own LabelSelector is atomic, too.
 */
export const ATOMIC = { 'x-kubernetes-map-type': 'atomic' } satisfies CrdMeta;

/** One entry of `x-kubernetes-validations`. `fieldPath` is relative to the schema that contains it. */
export interface CelRule {
  rule: string;
  message: string;
  fieldPath?: string;
}

const given = (value: object): string[] =>
  Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .map(([k]) => k);

/**
 * zod skips the checks of an object or a list once something inside it is wrong. These checks run
 * nevertheless, so one pass reports every problem. An unknown key is the exception: a misspelt `peer` must
 * not be reported as a missing one, too.
 */
const evenIfPartsFail = {
  when: ({ value, issues }: z.core.ParsePayload) =>
    typeof value === 'object' &&
    value !== null &&
    !issues.some((issue) => (issue.path ?? []).length === 0 && issue.code !== 'custom'),
};

/** At least one of its keys is present. */
export function nonEmpty<T extends AnyObject>(schema: T): T {
  const keys = Object.keys(schema.shape).join(' or ');
  return schema
    .superRefine((value, context) => {
      if (given(value).length > 0) return;
      context.addIssue({ code: 'custom', message: `must not be empty: give ${keys}` });
    }, evenIfPartsFail)
    .meta({ minProperties: 1 } satisfies CrdMeta);
}

/** An object with exactly one of its keys (API conventions: a union without a discriminator). */
export function oneKey<T extends AnyObject>(schema: T): T {
  const keys = Object.keys(schema.shape).join(', ');
  return schema
    .superRefine((value, context) => {
      const found = given(value);
      if (found.length === 1) return;
      const problem = found.length === 0 ? 'is empty' : `has ${found.join(' and ')}`;
      const remedy = found.length === 0 ? '' : '; two entries mean whatever is in either, never in both';
      context.addIssue({ code: 'custom', message: `${problem}: give exactly one of ${keys}${remedy}` });
    }, evenIfPartsFail)
    .meta({ minProperties: 1, maxProperties: 1 } satisfies CrdMeta);
}

/** Exactly one of the named fields is present. Other fields are independent. */
export function exactlyOneOf<T extends AnyObject>(schema: T, fields: readonly [string, ...string[]]): T {
  const message = `must have exactly one of ${fields.slice(0, -1).join(', ')} and ${fields.at(-1) ?? ''}`;
  return schema
    .superRefine((value, context) => {
      const found = given(value).filter((key) => fields.includes(key));
      if (found.length === 1) return;
      context.addIssue({
        code: 'custom',
        message: `${message}: ${found.length === 0 ? 'it has none' : `it has ${found.join(' and ')}; write one entry for each, because they do not narrow each other`}`,
      });
    }, evenIfPartsFail)
    .meta({
      'x-kubernetes-validations': [
        { rule: `${fields.map((field) => `(has(self.${field}) ? 1 : 0)`).join(' + ')} == 1`, message },
      ],
    } satisfies CrdMeta);
}

/** A list whose items have a unique `name`. Server-side apply merges them by name. */
export function namedList<T extends AnyObject>(item: T, max: number) {
  return z
    .array(item)
    .max(max)
    .superRefine((items, context) => {
      for (const { index, value } of repeated(items.map(nameOf))) {
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `"${value}" is used twice in this list: names are unique, rename one`,
        });
      }
    }, evenIfPartsFail)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] } satisfies CrdMeta);
}

/** A list of strings without repetition. Server-side apply merges it by value. */
export function stringSet<T extends z.ZodString>(item: T, { min = 0, max }: { min?: number; max: number }) {
  const list = z.array(item).max(max);
  return (min === 0 ? list : list.min(min))
    .superRefine((items, context) => {
      for (const { index, value } of repeated(items)) {
        context.addIssue({
          code: 'custom',
          path: [index],
          message: `"${value}" occurs twice in this list: drop one`,
        });
      }
    }, evenIfPartsFail)
    .meta({ 'x-kubernetes-list-type': 'set' } satisfies CrdMeta);
}

const nameOf = (item: unknown): unknown =>
  typeof item === 'object' && item !== null && 'name' in item ? item.name : undefined;

/** Strings that occur earlier in the list, with their later index. */
function repeated(values: readonly unknown[]): { index: number; value: string }[] {
  const seen = new Set<string>();
  const found: { index: number; value: string }[] = [];
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'string') continue;
    if (seen.has(value)) found.push({ index, value });
    seen.add(value);
  }
  return found;
}
