/** Kinds that the API server of a test serves. */
import type { ServedKind } from './fake-api-server.ts';

export const calico = (kind: string, plural: string, namespaced = false): ServedKind => ({
  group: 'projectcalico.org',
  version: 'v3',
  plural,
  kind,
  namespaced,
});

export const FIREWALLS = {
  group: 'clusterfirewall.io',
  version: 'v1alpha1',
  plural: 'clusterfirewalls',
  kind: 'ClusterFirewall',
};
export const DEPLOYMENTS = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
export const LEASES = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
export const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace' };
export const NODES = { group: '', version: 'v1', plural: 'nodes', kind: 'Node' };
export const POLICIES = calico('GlobalNetworkPolicy', 'globalnetworkpolicies');
