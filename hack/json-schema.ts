/**
 * The JSON schema of ClusterFirewalls for editors and for checks without a cluster, made from the
 * CustomResourceDefinition. It knows fields, types and patterns. Only `validate` knows what several fields say
 * together.
 */
import { API_VERSION, KIND } from '../src/api/schema.ts';
import { LABEL_KEY_PATTERN } from '../src/api/values.ts';
import { customResourceDefinition } from '../src/api/crd.ts';
import type { StructuralSchema } from '../src/api/structural.ts';

/** From the root of the repository. kubeconform finds it by this pattern of names. */
export const JSON_SCHEMA = 'schemas/clusterfirewall.io/clusterfirewall_v1alpha1.json';

export function jsonSchema(): object {
  const [version] = customResourceDefinition().spec.versions;
  if (version === undefined) throw new Error('the CustomResourceDefinition has no version');
  const { openAPIV3Schema } = version.schema;
  const root = converted(openAPIV3Schema);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: KIND,
    ...root,
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      ...root.properties,
      apiVersion: {
        description: openAPIV3Schema.properties?.['apiVersion']?.description,
        const: API_VERSION,
      },
      kind: { description: openAPIV3Schema.properties?.['kind']?.description, const: KIND },
      status: { description: 'Written by the operator.', type: 'object' },
      metadata: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
    },
  };
}

interface JSONSchema {
  readonly properties?: Readonly<Record<string, object>>;
  readonly [keyword: string]: unknown;
}

/** Kubernetes prunes or refuses unknown fields by itself. A JSON schema has to say that there are none. */
function converted(schema: StructuralSchema): JSONSchema {
  const { properties, items, additionalProperties, not, ...rest } = schema;
  const known = Object.entries(rest).filter(([keyword]) => !/^(x-kubernetes-|default$)/.test(keyword));
  return {
    ...Object.fromEntries(known),
    ...(not !== undefined && 'pattern' in not && { not }),
    ...(schema['x-kubernetes-int-or-string'] === true && { type: ['integer', 'string'] }),
    ...(items !== undefined && { items: converted(items) }),
    // Labels are the only maps.
    ...(additionalProperties !== undefined && {
      propertyNames: { pattern: LABEL_KEY_PATTERN },
      additionalProperties: converted(additionalProperties),
    }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, converted(property)]),
      ),
      additionalProperties: false,
    }),
  };
}
