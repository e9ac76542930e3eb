/**
 * The kinds and fields of a snapshot: everything that the compiler and the simulator read, and nothing else. A
 * field that is not here never leaves the cluster.
 */

/**
 * `true`: the whole value. A list: the same of each item. A regular expression: the keys that it matches, with
 * their whole values.
 */
export type Kept = true | RegExp | readonly [Kept] | { readonly [key: string]: Kept };

export interface SnapshotKind {
  readonly kind: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Besides apiVersion, kind, metadata.name and metadata.namespace. */
  readonly kept: { readonly [key: string]: Kept };
  /** Every cluster has objects of it, so a file without one lacks the kind. */
  readonly isEverywhere?: true;
  /** Objects of it decide about packets, and a cluster may have none. */
  readonly decides?: true;
}

const CALICO = { group: 'projectcalico.org', version: 'v3' };
const CORE = { group: '', version: 'v1' };
const ADMISSION = { group: 'admissionregistration.k8s.io', version: 'v1' };
const ADMIN = { group: 'policy.networking.k8s.io', version: 'v1alpha1' };

const labels = { labels: true } as const;
const specOf = (...fields: readonly string[]): { readonly [key: string]: Kept } =>
  Object.fromEntries(fields.map((field) => [field, true]));

/** The rules that an object of ours carries, and the firewall and the operator that it belongs to. */
const OURS = {
  labels: /^(?:app\.kubernetes\.io\/managed-by|clusterfirewall\.io\/firewall)$/,
  annotations: /^clusterfirewall\.io\/rules$/,
};
const calicoPolicy = (more: readonly string[] = []) => ({
  metadata: OURS,
  spec: specOf('tier', 'order', 'selector', 'serviceAccountSelector', 'types', 'ingress', 'egress', ...more),
});
const GLOBAL = ['namespaceSelector', 'preDNAT', 'doNotTrack', 'applyOnForward'];
const kubernetesPolicy = { spec: specOf('podSelector', 'policyTypes', 'ingress', 'egress') };
const adminPolicy = { spec: specOf('tier', 'priority', 'subject', 'ingress', 'egress') };
const webhooks = { webhooks: [{ clientConfig: { service: true } }] } as const;
const containers = [{ ports: true }] as const;

/** Sorted as a snapshot is written. */
export const SNAPSHOT_KINDS: readonly SnapshotKind[] = [
  {
    ...CORE,
    kind: 'Namespace',
    plural: 'namespaces',
    isEverywhere: true,
    kept: { metadata: { ...labels, deletionTimestamp: true } },
  },
  {
    ...CORE,
    kind: 'Node',
    plural: 'nodes',
    isEverywhere: true,
    kept: {
      metadata: { ...labels, annotations: /^(?:projectcalico\.org|flannel\.alpha\.coreos\.com)\// },
      spec: specOf('podCIDR', 'podCIDRs'),
      status: { addresses: true, nodeInfo: { osImage: true }, daemonEndpoints: true },
    },
  },
  {
    ...CORE,
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    decides: true,
    kept: { metadata: labels },
  },
  {
    ...CORE,
    kind: 'Pod',
    plural: 'pods',
    isEverywhere: true,
    kept: {
      metadata: labels,
      spec: {
        ...specOf('nodeName', 'hostNetwork', 'serviceAccountName'),
        containers,
        initContainers: containers,
      },
      status: specOf('phase', 'podIP', 'podIPs'),
    },
  },
  {
    ...CORE,
    kind: 'Service',
    plural: 'services',
    decides: true,
    kept: {
      spec: specOf(
        'type',
        'selector',
        'clusterIP',
        'clusterIPs',
        'externalIPs',
        'ports',
        'externalTrafficPolicy',
        'internalTrafficPolicy',
        'healthCheckNodePort',
      ),
      status: { loadBalancer: { ingress: [{ ip: true }] } },
    },
  },
  {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    decides: true,
    kept: {
      metadata: { labels: /^kubernetes\.io\/service-name$/ },
      addressType: true,
      ports: true,
      endpoints: [{ addresses: true, nodeName: true, conditions: { ready: true } }],
    },
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'ServiceCIDR',
    plural: 'servicecidrs',
    kept: { spec: specOf('cidrs') },
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'NetworkPolicy',
    decides: true,
    plural: 'networkpolicies',
    kept: kubernetesPolicy,
  },
  { ...ADMIN, kind: 'AdminNetworkPolicy', plural: 'adminnetworkpolicies', kept: adminPolicy },
  { ...ADMIN, kind: 'BaselineAdminNetworkPolicy', plural: 'baselineadminnetworkpolicies', kept: adminPolicy },
  {
    ...ADMIN,
    version: 'v1alpha2',
    kind: 'ClusterNetworkPolicy',
    plural: 'clusternetworkpolicies',
    kept: adminPolicy,
  },
  {
    ...CALICO,
    kind: 'Tier',
    plural: 'tiers',
    decides: true,
    kept: { metadata: OURS, spec: specOf('order', 'defaultAction') },
  },
  {
    ...CALICO,
    kind: 'GlobalNetworkPolicy',
    decides: true,
    plural: 'globalnetworkpolicies',
    kept: calicoPolicy(GLOBAL),
  },
  { ...CALICO, kind: 'NetworkPolicy', decides: true, plural: 'networkpolicies', kept: calicoPolicy() },
  {
    ...CALICO,
    kind: 'StagedGlobalNetworkPolicy',
    plural: 'stagedglobalnetworkpolicies',
    kept: calicoPolicy([...GLOBAL, 'stagedAction']),
  },
  {
    ...CALICO,
    kind: 'StagedNetworkPolicy',
    plural: 'stagednetworkpolicies',
    kept: calicoPolicy(['stagedAction']),
  },
  {
    ...CALICO,
    kind: 'StagedKubernetesNetworkPolicy',
    plural: 'stagedkubernetesnetworkpolicies',
    kept: { spec: { ...kubernetesPolicy.spec, stagedAction: true } },
  },
  {
    ...CALICO,
    kind: 'GlobalNetworkSet',
    decides: true,
    plural: 'globalnetworksets',
    kept: { metadata: { ...labels, annotations: OURS.annotations }, spec: specOf('nets') },
  },
  {
    ...CALICO,
    kind: 'NetworkSet',
    decides: true,
    plural: 'networksets',
    kept: { metadata: labels, spec: specOf('nets') },
  },
  {
    ...CALICO,
    kind: 'HostEndpoint',
    decides: true,
    plural: 'hostendpoints',
    kept: { metadata: labels, spec: specOf('node', 'interfaceName', 'expectedIPs', 'profiles', 'ports') },
  },
  {
    ...CALICO,
    kind: 'IPPool',
    decides: true,
    plural: 'ippools',
    kept: { spec: specOf('cidr', 'natOutgoing', 'vxlanMode', 'ipipMode', 'allowedUses', 'disabled') },
  },
  {
    ...CALICO,
    kind: 'FelixConfiguration',
    plural: 'felixconfigurations',
    decides: true,
    kept: {
      spec: specOf(
        'failsafeInboundHostPorts',
        'failsafeOutboundHostPorts',
        'defaultEndpointToHostAction',
        'nftablesMode',
        'bpfEnabled',
        'vxlanPort',
        'wireguardEnabled',
        'wireguardEnabledV6',
        'wireguardListeningPort',
        'wireguardListeningPortV6',
        'natOutgoingExclusions',
        'disableConntrackInvalidCheck',
        'allowVXLANPacketsFromWorkloads',
        'allowIPIPPacketsFromWorkloads',
        'iptablesFilterAllowAction',
        'logActionRateLimit',
        'nodeSelector',
      ),
    },
  },
  { ...CALICO, kind: 'BGPPeer', plural: 'bgppeers', kept: { spec: specOf('peerIP') } },
  {
    ...CALICO,
    kind: 'KubeControllersConfiguration',
    plural: 'kubecontrollersconfigurations',
    kept: {
      spec: { controllers: { node: { hostEndpoint: specOf('autoCreate', 'createDefaultHostEndpoint') } } },
    },
  },
  {
    ...ADMISSION,
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    kept: webhooks,
  },
  {
    ...ADMISSION,
    kind: 'MutatingWebhookConfiguration',
    plural: 'mutatingwebhookconfigurations',
    kept: webhooks,
  },
  {
    group: 'apiregistration.k8s.io',
    version: 'v1',
    kind: 'APIService',
    plural: 'apiservices',
    kept: { spec: { service: true } },
  },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    kept: { spec: { conversion: { webhook: { clientConfig: { service: true } } } } },
  },
  {
    group: 'clusterfirewall.io',
    version: 'v1alpha1',
    kind: 'ClusterFirewall',
    plural: 'clusterfirewalls',
    kept: { spec: true },
  },
];

export const apiVersionOf = ({ group, version }: SnapshotKind): string =>
  group === '' ? version : `${group}/${version}`;
