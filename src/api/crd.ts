/** The CustomResourceDefinition, built from the zod schemas. hack/generate.ts writes it to crds/. */
import {
  API_VERSION,
  DEFAULT_FIREWALL,
  FIREWALL_NAME_PATTERN,
  GROUP,
  KIND,
  PLURAL,
  VERSION,
  spec,
} from './schema.ts';
import type { CelRule } from './shapes.ts';
import { status } from './status.ts';
import { type StructuralSchema, structural } from './structural.ts';

const onlyDefault = (field: string, condition: string): CelRule => ({
  rule: `self.metadata.name == '${DEFAULT_FIREWALL}' || ${condition}`,
  message: `${field} belongs to the ClusterFirewall called ${DEFAULT_FIREWALL} alone: move it there`,
});

/** validate.ts checks the same, for the CLI and for objects that are older than a rule. */
const ROOT_RULES: CelRule[] = [
  {
    rule: `self.metadata.name.matches('${FIREWALL_NAME_PATTERN}')`,
    message:
      'metadata.name must be a DNS label of at most 63 characters: it becomes part of policy names and a label value',
  },
  { ...onlyDefault('defaults', '!has(self.spec.defaults)'), fieldPath: '.spec.defaults' },
  { ...onlyDefault('guardrails', '!has(self.spec.guardrails)'), fieldPath: '.spec.guardrails' },
  { ...onlyDefault('nodes', '!has(self.spec.nodes)'), fieldPath: '.spec.nodes' },
  {
    ...onlyDefault('acceptForeign', '!has(self.spec.acceptForeign)'),
    fieldPath: '.spec.acceptForeign',
  },
  {
    ...onlyDefault(
      'mode of a group',
      '!has(self.spec.namespaces) || self.spec.namespaces.all(g, !has(g.mode))',
    ),
    fieldPath: '.spec.namespaces',
  },
];

/** `kubectl explain` has its own descriptions of apiVersion, kind and metadata. */
const rootSchema = (): StructuralSchema => ({
  description:
    'Says who may talk to whom: pods, namespaces, nodes and the outside. The operator turns it into Calico policies and repairs them when they change.',
  type: 'object',
  required: ['spec'],
  properties: {
    apiVersion: { description: `Always ${API_VERSION}.`, type: 'string' },
    kind: { description: `Always ${KIND}.`, type: 'string' },
    metadata: { type: 'object' },
    spec: structural(spec, 'spec'),
    status: { ...structural(status, 'status'), default: { observedGeneration: -1 } },
  },
  'x-kubernetes-validations': ROOT_RULES,
});

const conditionPath = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`;
const readyCondition = (field: string) => conditionPath('Ready', field);

const printerColumns = [
  { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
  { name: 'Ready', type: 'string', jsonPath: readyCondition('status') },
  { name: 'Reason', type: 'string', jsonPath: readyCondition('reason') },
  { name: 'Policies', type: 'string', jsonPath: '.status.policies.summary' },
  { name: 'Namespaces', type: 'string', jsonPath: '.status.namespaces.summary' },
  { name: 'Nodes', type: 'string', jsonPath: '.status.nodes.summary' },
  // Next to the counts, because nobody who reads them may take them for closed.
  { name: 'Foreign', type: 'string', jsonPath: conditionPath('ForeignPolicies', 'reason') },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  // An operator that is gone leaves READY as it was, and then these two differ after the next edit.
  { name: 'Generation', type: 'integer', jsonPath: '.metadata.generation', priority: 1 },
  { name: 'Observed', type: 'integer', jsonPath: '.status.observedGeneration', priority: 1 },
  { name: 'Failsafes', type: 'string', jsonPath: conditionPath('FailsafesOpen', 'reason'), priority: 1 },
  { name: 'Assertions', type: 'string', jsonPath: conditionPath('AssertionsHold', 'status'), priority: 1 },
  { name: 'Message', type: 'string', jsonPath: readyCondition('message'), priority: 1 },
];

/** @throws NotStructuralError when a CRD cannot express the zod schema */
export const customResourceDefinition = () => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${PLURAL}.${GROUP}`, labels: { 'app.kubernetes.io/name': 'clusterfirewall' } },
  spec: {
    group: GROUP,
    names: {
      kind: KIND,
      listKind: `${KIND}List`,
      plural: PLURAL,
      singular: KIND.toLowerCase(),
      shortNames: ['cfw'],
    },
    scope: 'Cluster',
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: printerColumns,
        schema: { openAPIV3Schema: rootSchema() },
      },
    ],
  },
});
