/** What docs/api.md says beside the schema: how it is divided, what an absent field means, and examples. */
import type * as z from 'zod';
import {
  connectionRule,
  defaults,
  egressRule,
  group,
  guardrail,
  guardrailDestination,
  ingressRule,
  peer,
  ruleDestination,
  ruleSource,
  spec,
} from '../src/api/schema.ts';
import { ipBlock, labelSelector, portList } from '../src/api/values.ts';

/** One heading of the reference. Where another section has a field of the same shape, it links here. */
export interface Section {
  readonly title: string;
  /** Where the shape stands in the CRD; of several places, one. */
  readonly path: string;
  /** What the example is an example of; the test holds it to it. */
  readonly schema: z.ZodType;
  readonly example: unknown;
  /** Said instead of the schema's own description, which may be that of one place. */
  readonly about?: string;
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
      'Absence never widens: what decides how much a rule allows is required, and says all by `{}` or `[All]`.',
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
    about: 'A deny that no allow can undo. Only in the ClusterFirewall called default.',
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
    about:
      'Opens a connection to pods of the group, at both of its ends. Entries of `ingress` and `metrics`.',
    example: { name: 'web', pods: web, from: [{ peer: 'office' }], ports: [80, '443/TCP'] },
  },
  {
    title: 'Connection rule',
    path: 'spec.namespaces[].connections[]',
    schema: connectionRule,
    about: 'Opens a connection from pod to pod inside each namespace of the group.',
    example: { name: 'db', fromPods: web, toPods: { matchLabels: { app: 'mariadb' } }, ports: [3306] },
  },
  {
    title: 'Egress rule',
    path: 'spec.namespaces[].egress[]',
    schema: egressRule,
    about: 'Opens connections of pods of the group, at both of their ends.',
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
    about: "Kubernetes' own. `{}` selects everything, and is the only way to say so.",
  },
  {
    title: 'Ports',
    path: 'spec.namespaces[].ingress[].ports',
    schema: portList,
    example: [80, '30000-32767/UDP', 'metrics'],
    remark: '`"80"` and `80` are the same port. Without a protocol it is TCP.',
  },
];

/** What an absent field means, as it would be written. The test compiles a spec that says them and one that does not. */
export const DEFAULTS: Readonly<Record<string, unknown>> = {
  'spec.deletionPolicy': 'Remove',
  'spec.nodes.hostEndpoints': 'Auto',
  'spec.nodes.destinations': 'Known',
  'spec.nodes.failsafes': 'Report',
  'spec.namespaces[].isolation': 'Strict',
  'spec.defaults.deny': 'Both',
  'spec.defaults.exempt.systemNamespaces': 'Keep',
  'spec.defaults.exempt.names': [],
  'spec.defaults.dns.namespaceSelector': { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
  'spec.defaults.dns.podSelector': { matchLabels: { 'k8s-app': 'kube-dns' } },
  'spec.defaults.dns.ports': ['53/UDP', '53/TCP'],
  'spec.defaults.dns.nodeLocal': ['169.254.20.10'],
  'spec.defaults.metadataAPI.action': 'Deny',
  'spec.defaults.metadataAPI.addresses': ['169.254.169.254/32', 'fd00:ec2::254/128'],
  'spec.defaults.metadataAPI.exceptNamespaces': [],
  'spec.defaults.apiServerToPods': 'Auto',
};

/** What people call what matches a pattern; patterns that are not here are shown. */
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
