/** CustomResourceDefinitions of `projectcalico.org/v3`: as much of them as the operator can tell from Calico's own. */

interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly scope: 'Cluster' | 'Namespaced';
  readonly spec?: object;
}

const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
/** As in Calico 3.32: under server-side apply, what others add to a set stays. */
const stringSet = { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' };
const policy = { ...open, properties: { types: stringSet, tier: { type: 'string', default: 'default' } } };

const KINDS: readonly Kind[] = [
  { kind: 'Tier', plural: 'tiers', scope: 'Cluster' },
  {
    kind: 'GlobalNetworkSet',
    plural: 'globalnetworksets',
    scope: 'Cluster',
    spec: { type: 'object', properties: { nets: stringSet } },
  },
  { kind: 'GlobalNetworkPolicy', plural: 'globalnetworkpolicies', scope: 'Cluster', spec: policy },
  { kind: 'NetworkPolicy', plural: 'networkpolicies', scope: 'Namespaced', spec: policy },
  {
    kind: 'StagedGlobalNetworkPolicy',
    plural: 'stagedglobalnetworkpolicies',
    scope: 'Cluster',
    spec: policy,
  },
  { kind: 'StagedNetworkPolicy', plural: 'stagednetworkpolicies', scope: 'Namespaced', spec: policy },
  { kind: 'IPPool', plural: 'ippools', scope: 'Cluster' },
  { kind: 'ClusterInformation', plural: 'clusterinformations', scope: 'Cluster' },
];

export const nativeCrds: readonly object[] = KINDS.map(({ kind, plural, scope, spec = open }) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.projectcalico.org` },
  spec: {
    group: 'projectcalico.org',
    scope,
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        name: 'v3',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
      },
    ],
  },
}));
