/**
 * Turns zod schemas into structural OpenAPI schemas for CustomResourceDefinitions:
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 *
 * It is an allow-list: a construct that this file does not know has no faithful counterpart in a CRD, and
 * throws rather than being dropped silently. Refinements are the exception. They belong to zod alone by
 * design, and leave no trace here.
 */
import * as z from 'zod';
import type { CelRule, CrdMeta } from './shapes.ts';

export interface StructuralSchema extends Omit<CrdMeta, 'x-kubernetes-validations'> {
  type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  enum?: (string | true)[];
  minLength?: number;
  minItems?: number;
  maxItems?: number;
  items?: StructuralSchema;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  default?: unknown;
  'x-kubernetes-validations'?: CelRule[];
}

/** A CRD cannot express the zod schema. */
export class NotStructuralError extends Error {
  override readonly name = 'NotStructuralError';

  constructor(path: string, what: string) {
    super(`${path}: ${what}`);
  }
}

const META_KEYS: ReadonlySet<string> = new Set<keyof CrdMeta>([
  'description',
  'format',
  'minimum',
  'maximum',
  'maxLength',
  'pattern',
  'minProperties',
  'maxProperties',
  'not',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
  'x-kubernetes-int-or-string',
]);

/**
 * @throws NotStructuralError at the first construct that has no counterpart, is not bounded or lacks a
 * description
 */
export function structural(schema: z.core.$ZodType, path: string): StructuralSchema {
  // Metadata comes first, so a reader of the YAML meets the description before the bounds.
  const meta = metadata(schema, path);
  return { ...meta, ...keywords(schema, meta, path) };
}

function metadata(schema: z.core.$ZodType, path: string): CrdMeta {
  const meta = z.globalRegistry.get(schema) ?? {};
  for (const key of Object.keys(meta)) {
    if (!META_KEYS.has(key)) throw new NotStructuralError(path, `metadata "${key}" is unknown`);
  }
  const known = meta as CrdMeta;
  for (const pattern of [known.pattern, known.not && 'pattern' in known.not ? known.not.pattern : undefined])
    if (pattern !== undefined) re2(new RegExp(pattern), path);
  return known;
}

function keywords(schema: z.core.$ZodType, meta: CrdMeta, path: string): StructuralSchema {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
      return structural(def.innerType, path);
    case 'pipe':
      // z.preprocess: the first part is a refinement that needs the value before zod reads it.
      if (isTransform(def.in)) return structural(def.out, path);
      throw new NotStructuralError(path, 'is a pipe');
    case 'object':
      return objectKeywords(def, path);
    case 'record':
      return { type: 'object', additionalProperties: structural(def.valueType, `${path}[*]`) };
    case 'array':
      return arrayKeywords(def, path);
    case 'string':
      return stringKeywords(def, meta, path);
    case 'number':
      return integerKeywords(def, path);
    case 'enum':
      return { type: 'string', enum: Object.values(def.entries).map(String) };
    case 'literal':
      // Only ever `true`: a switch is present or absent.
      if (def.values.length === 1 && def.values[0] === true) return { type: 'boolean', enum: [true] };
      throw new NotStructuralError(path, 'is a literal other than true');
    case 'union':
      // The only union in a structural schema. Its bounds come from the metadata.
      if (meta['x-kubernetes-int-or-string'] === true) return {};
      throw new NotStructuralError(path, 'is a union');
    default:
      throw new NotStructuralError(path, `zod type "${def.type}" is unknown`);
  }
}

function objectKeywords(def: z.core.$ZodObjectDef, path: string): StructuralSchema {
  if (def.catchall?._zod.def.type !== 'never') {
    throw new NotStructuralError(path, 'must be a strictObject: the API server knows no other');
  }
  const properties: Record<string, StructuralSchema> = {};
  const required: string[] = [];
  for (const [key, value] of Object.entries(def.shape)) {
    const property = structural(value, `${path}.${key}`);
    if (property.description === undefined) {
      throw new NotStructuralError(`${path}.${key}`, 'has no description');
    }
    properties[key] = property;
    if (value._zod.def.type !== 'optional') required.push(key);
  }
  return { type: 'object', ...(required.length > 0 && { required }), properties };
}

function arrayKeywords(def: z.core.$ZodArrayDef, path: string): StructuralSchema {
  const bounds: StructuralSchema = {};
  for (const check of checksOf(def)) {
    if (check.check === 'min_length') bounds.minItems = check.minimum;
    else if (check.check === 'max_length') bounds.maxItems = check.maximum;
    else throw unknownCheck(path, check.check);
  }
  // Without this bound, the cost of every CEL rule below is estimated for as many items as fit into a
  // request.
  if (bounds.maxItems === undefined) throw new NotStructuralError(path, 'has no maximum of items');
  return { type: 'array', ...bounds, items: structural(def.element, `${path}[]`) };
}

function stringKeywords(def: z.core.$ZodStringDef, meta: CrdMeta, path: string): StructuralSchema {
  const bounds: StructuralSchema = {};
  for (const check of checksOf(def)) {
    if (check.check === 'min_length') bounds.minLength = check.minimum;
    else if (check.check === 'max_length') bounds.maxLength = check.maximum;
    else if (check.check === 'string_format' && check.format === 'regex') {
      bounds.pattern = re2(check.pattern, path);
    } else throw unknownCheck(path, check.check);
  }
  if ((bounds.maxLength ?? meta.maxLength) === undefined) {
    throw new NotStructuralError(path, 'has no maximum length');
  }
  return { type: 'string', ...bounds };
}

function integerKeywords(def: z.core.$ZodNumberDef, path: string): StructuralSchema {
  if (!('format' in def) || def.format !== 'safeint') throw new NotStructuralError(path, 'must be an int');
  const bounds: StructuralSchema = {};
  for (const check of checksOf(def)) {
    if (check.check === 'greater_than' && check.inclusive) bounds.minimum = Number(check.value);
    else if (check.check === 'less_than' && check.inclusive) bounds.maximum = Number(check.value);
    else throw unknownCheck(path, check.check);
  }
  return { type: 'integer', ...bounds };
}

const isTransform = (schema: z.core.$ZodType): boolean => schema._zod.def.type === 'transform';

/** All checks but refinements, each with its own definition. */
const checksOf = (def: z.core.$ZodTypeDef): z.core.$ZodChecks['_zod']['def'][] =>
  (def.checks ?? [])
    .map((check) => (check as z.core.$ZodChecks)._zod.def)
    .filter((check) => (check.check as string) !== 'custom');

const unknownCheck = (path: string, check: string) =>
  new NotStructuralError(path, `check "${check}" is unknown`);

/** The API server compiles patterns with Go's RE2, which has no look-around and no back-references. */
function re2(pattern: RegExp | undefined, path: string): string {
  if (pattern === undefined) throw new NotStructuralError(path, 'has a format without a pattern');
  if (pattern.flags !== '') throw new NotStructuralError(path, `pattern has flags "${pattern.flags}"`);
  if (/\(\?(?!:)|\\[1-9]|\\k</.test(pattern.source)) {
    throw new NotStructuralError(path, `pattern ${pattern.source} is not RE2`);
  }
  return pattern.source.replaceAll('\\/', '/');
}
