/** The kinds that the compiler makes, as collections of the API server. */
import type { GeneratedKind, ObjectMeta } from '../../calico/types.ts';
import type { Resource } from '../../cluster/resource.ts';

export const CALICO_GROUP = 'projectcalico.org';
export const CALICO_VERSION = 'v3';

/** Kinds of Calico's that are only read, each where it is served. */
export const READ_KINDS = {
  IPPool: 'ippools',
  FelixConfiguration: 'felixconfigurations',
  BGPPeer: 'bgppeers',
  KubeControllersConfiguration: 'kubecontrollersconfigurations',
} as const;

export type ReadKind = keyof typeof READ_KINDS;

interface KindInfo {
  readonly plural: string;
  readonly namespaced: boolean;
}

export const GENERATED_KINDS: Readonly<Record<GeneratedKind, KindInfo>> = {
  Tier: { plural: 'tiers', namespaced: false },
  HostEndpoint: { plural: 'hostendpoints', namespaced: false },
  GlobalNetworkSet: { plural: 'globalnetworksets', namespaced: false },
  GlobalNetworkPolicy: { plural: 'globalnetworkpolicies', namespaced: false },
  NetworkPolicy: { plural: 'networkpolicies', namespaced: true },
  StagedGlobalNetworkPolicy: { plural: 'stagedglobalnetworkpolicies', namespaced: false },
  StagedNetworkPolicy: { plural: 'stagednetworkpolicies', namespaced: true },
};

/** The seven kinds, in an order that never changes. */
export const generatedKinds: readonly GeneratedKind[] = [
  'Tier',
  'HostEndpoint',
  'GlobalNetworkSet',
  'GlobalNetworkPolicy',
  'NetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'StagedNetworkPolicy',
];

/** The collection of a kind, across the cluster or in one namespace. */
export function kindResource(kind: GeneratedKind, namespace?: string): Resource {
  const { plural } = GENERATED_KINDS[kind];
  const scope = namespace === undefined ? {} : { namespace };
  return { group: CALICO_GROUP, version: CALICO_VERSION, plural, ...scope };
}

declare const brand: unique symbol;

/**
 * `Kind/name` or `Kind/namespace/name`: names one object among all that are generated, in logs and messages
 * too.
 */
export type ObjectId = string & { readonly [brand]: 'ObjectId' };

export function objectId(kind: GeneratedKind, metadata: Pick<ObjectMeta, 'name' | 'namespace'>): ObjectId {
  const { name, namespace } = metadata;
  const parts = namespace === undefined || namespace === '' ? [kind, name] : [kind, namespace, name];
  return parts.join('/') as ObjectId;
}
