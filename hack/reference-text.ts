/** The parts of docs/api.md that the schema does not have: sections, defaults and examples. */
import type * as z from 'zod';
import { assertion, assertionDestination, assertionSource } from '../src/api/assertions.ts';
import {
  ceilingDestination,
  ceilingSource,
  guardrailDestination,
  guardrailSource,
  ruleDestination,
  ruleSource,
} from '../src/api/ends.ts';
import {
  connectionRule,
  defaults,
  egressRule,
  group,
  guardrail,
  ingressRule,
  peer,
  spec,
} from '../src/api/schema.ts';
import { ipBlock, labelSelector, portList } from '../src/api/values.ts';

/** One heading of the reference. Where another section has a field of the same shape, it links here. */
export interface Section {
  readonly title: string;
  /** One of the places of the shape in the CRD. */
  readonly path: string;
  /** The schema of the example; a test validates the example. */
  readonly schema: z.ZodType;
  readonly example: unknown;
  /** Replaces the schema's own description, which may be specific to one place. */
  readonly about?: string;
  /** Follows the description. */
  readonly remark?: string;
}

const web = { matchLabels: { app: 'web' } };

/** In the order of the reference. */
export const SECTIONS: readonly Section[] = [
  {
    title: 'spec',
    path: 'spec',
    schema: spec,
    example: { mode: 'Observe' },
    remark:
      'Fields that decide how much a rule allows are required, so an absent field never allows more. Write `{}` or `[All]` to say all.',
  },
  {
    title: 'Peer',
    path: 'spec.peers[]',
    schema: peer,
    example: { name: 'office', cidrs: ['198.51.100.0/24', '2001:db8:1::/48'] },
  },
  {
    title: 'Defaults',
    path: 'spec.defaults',
    schema: defaults,
    example: {
      deny: 'Ingress',
      exempt: { names: ['istio-system'] },
      metadataAPI: { exceptNamespaces: ['dns'] },
    },
  },
  {
    title: 'Guardrail',
    path: 'spec.guardrails[]',
    schema: guardrail,
    example: { name: 'no-corp', pods: {}, to: [{ ipBlock: { cidr: '172.16.0.0/12' } }], ports: ['All'] },
    about: 'A deny that no allow rule can override. Only in the ClusterFirewall called default.',
  },
  {
    title: 'Group',
    path: 'spec.namespaces[]',
    schema: group,
    example: { name: 'blog', namespaces: ['wordpress'], isolation: 'SameNamespace' },
  },
  {
    title: 'Ingress rule',
    path: 'spec.namespaces[].ingress[]',
    schema: ingressRule,
    about: 'An entry of `ingress` or `metrics`. It opens connections to pods of the group, at both ends.',
    example: { name: 'web', pods: web, from: [{ peer: 'office' }], ports: [80, '443/TCP'] },
  },
  {
    title: 'Connection rule',
    path: 'spec.namespaces[].connections[]',
    schema: connectionRule,
    about:
      'An entry of `connections`. It opens connections from pod to pod inside each namespace of the group.',
    example: { name: 'db', fromPods: web, toPods: { matchLabels: { app: 'mariadb' } }, ports: [3306] },
  },
  {
    title: 'Egress rule',
    path: 'spec.namespaces[].egress[]',
    schema: egressRule,
    about: 'An entry of `egress`. It opens connections from pods of the group, at both ends.',
    example: { name: 'smtp', pods: {}, to: [{ entity: 'World' }], ports: [587] },
  },
  {
    title: 'Source',
    path: 'spec.namespaces[].ingress[].from[]',
    schema: ruleSource,
    example: { pods: { namespaceSelector: { matchLabels: { role: 'ingress' } } } },
  },
  {
    title: 'Destination',
    path: 'spec.namespaces[].egress[].to[]',
    schema: ruleDestination,
    example: { entity: 'KubeAPIServer' },
  },
  {
    title: 'Guardrail destination',
    path: 'spec.guardrails[].to[]',
    schema: guardrailDestination,
    example: { ipBlock: { cidr: '172.16.0.0/12' } },
  },
  {
    title: 'Guardrail source',
    path: 'spec.guardrails[].from[]',
    schema: guardrailSource,
    example: { entity: 'World' },
  },
  {
    title: 'Only destination',
    path: 'spec.guardrails[].onlyTo[]',
    schema: ceilingDestination,
    example: { entity: 'SameNamespace' },
  },
  {
    title: 'Only source',
    path: 'spec.guardrails[].onlyFrom[]',
    schema: ceilingSource,
    example: { entity: 'SameNamespace' },
  },
  {
    title: 'Assertion',
    path: 'spec.assertions[]',
    schema: assertion,
    example: {
      name: 'web-to-db',
      from: { pod: { namespace: 'shop', labels: { app: 'web' } } },
      to: { service: { namespace: 'shop', name: 'db' } },
      ports: [5432],
      expect: 'Allowed',
    },
    remark:
      'Ends are examples, so no pod need exist. Both ends are judged, with the policies of others: [assertions](concepts.md#assertions).',
  },
  {
    title: 'Assertion source',
    path: 'spec.assertions[].from',
    schema: assertionSource,
    example: { node: { labels: { 'node-role.kubernetes.io/edge': '' } } },
  },
  {
    title: 'Assertion destination',
    path: 'spec.assertions[].to',
    schema: assertionDestination,
    example: { address: '203.0.113.7' },
  },
  {
    title: 'IP block',
    path: 'spec.namespaces[].ingress[].from[].ipBlock',
    schema: ipBlock,
    example: { cidr: '203.0.113.0/24', except: ['203.0.113.128/25'] },
  },
  {
    title: 'Label selector',
    path: 'spec.namespaces[].ingress[].pods',
    schema: labelSelector,
    example: {
      matchLabels: { app: 'web' },
      matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['test'] }],
    },
    about: 'The selector of Kubernetes. `{}` selects everything, and nothing else does.',
    remark:
      'Keys and values are those that Kubernetes takes. In the rules of groups, the API server checks no key of `matchLabels` but `__proto__`; `clusterfirewall validate` and the operator check all.',
  },
  {
    title: 'Ports',
    path: 'spec.namespaces[].ingress[].ports',
    schema: portList,
    example: [80, '30000-32767/UDP', 'metrics'],
    remark: '`"80"` and `80` are the same port. The protocol is TCP unless it is given.',
  },
];

/** Default values. A test compiles a spec with all of them and one with none. */
export const DEFAULTS: Readonly<Record<string, unknown>> = {
  'spec.deletionPolicy': 'Remove',
  'spec.nodes.hostEndpoints': 'Auto',
  'spec.nodes.destinations': 'Known',
  'spec.nodes.failsafes': 'Report',
  'spec.nodes.breakGlassServices': ['ssh', 'kube-apiserver'],
  'spec.nodes.log': 'None',
  'spec.assertions[].from.pod.serviceAccount': 'default',
  'spec.assertions[].to.pod.serviceAccount': 'default',
  'spec.namespaces[].isolation': 'Strict',
  'spec.guardrails[].defaults': 'Open',
  'spec.defaults.deny': 'Both',
  'spec.defaults.exempt.systemNamespaces': 'Keep',
  'spec.defaults.exempt.names': [],
  'spec.defaults.dns.namespaceSelector': { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
  'spec.defaults.dns.podSelector': { matchLabels: { 'k8s-app': 'kube-dns' } },
  'spec.defaults.dns.ports': ['53/UDP', '53/TCP'],
  'spec.defaults.dns.nodeLocal': ['169.254.20.10', '169.254.25.10'],
  'spec.defaults.metadataAPI.action': 'Deny',
  'spec.defaults.metadataAPI.addresses': ['169.254.169.254/32', 'fd00:ec2::254/128'],
  'spec.defaults.metadataAPI.exceptNamespaces': [],
  'spec.defaults.podsToAPIServer': 'None',
  'spec.defaults.apiServerToPods': 'Auto',
};

/** Names for patterns. A pattern that is not here is shown itself. */
export const PATTERNS: ReadonlyMap<string, string> = new Map([
  ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'DNS label'],
  ['^[0-9A-Fa-f:.]+/[0-9]{1,3}$', 'CIDR'],
  ['^[0-9A-Fa-f:.]+$', 'IP address'],
  ['^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$', 'label value'],
  [
    '^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$',
    'label key',
  ],
  ['^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$', 'CamelCase word'],
  [
    '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
    'condition type',
  ],
]);
