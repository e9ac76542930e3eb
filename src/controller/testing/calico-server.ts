/** A cluster with Calico, as far as the operator sees it. */
import { API_VERSION, KIND, type Spec } from '../../api/schema.ts';
import { FakeApiServer, type ServedKind } from '../../cluster/testing/fake-api-server.ts';
import { NAMESPACES, NODES } from '../../cluster/testing/served-kinds.ts';
import { web } from '../../compiler/testing/examples.ts';
import { API_SERVER_SLICES, BACKEND_SOURCES, SERVICE_CIDRS, SERVICES } from '../../inventory/api-server.ts';
import type { KubernetesObject, Resource } from '../../cluster/resource.ts';
import type { Finalizers } from '../apply/finalizers.ts';
import { mergePatch } from '../../cluster/objects/apply.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { ADMIN_POLICY_GROUP, ADMIN_POLICY_KINDS } from '../../inventory/admin-policies.ts';
import type { ServedCalico } from '../observe/calico-api.ts';
import { NETWORK_POLICIES } from '../observe/other-policies.ts';
import { REVISIONS } from '../gate/revisions.ts';
import { FINALIZER, FIREWALLS } from '../observe/firewalls.ts';
import {
  CALICO_GROUP,
  CALICO_VERSION,
  GENERATED_KINDS,
  generatedKinds,
  kindResource,
  READ_KINDS,
} from '../objects/kinds.ts';

export const OPERATOR_NAMESPACE = 'clusterfirewall-system';

export { NAMESPACES, NODES };
export const EVENTS: ServedKind = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
export const ADMIN_POLICIES: ServedKind = {
  group: ADMIN_POLICY_GROUP,
  version: 'v1alpha1',
  plural: ADMIN_POLICY_KINDS.AdminNetworkPolicy,
  kind: 'AdminNetworkPolicy',
};
const readResource = (kind: keyof typeof READ_KINDS): Resource => ({
  group: CALICO_GROUP,
  version: CALICO_VERSION,
  plural: READ_KINDS[kind],
});
export const FELIX = readResource('FelixConfiguration');
export const CONTROLLERS = readResource('KubeControllersConfiguration');

const ofCalico: readonly ServedKind[] = [
  ...generatedKinds.map((kind) => ({
    ...kindResource(kind),
    kind,
    namespaced: GENERATED_KINDS[kind].namespaced,
  })),
  ...Object.entries(READ_KINDS).map(([kind, plural]) => ({
    group: CALICO_GROUP,
    version: CALICO_VERSION,
    plural,
    kind,
  })),
];

/** @param isServed false leaves Calico's kinds out */
export const calicoServer = (isServed = true): FakeApiServer =>
  new FakeApiServer([
    { ...FIREWALLS, kind: KIND },
    NAMESPACES,
    NODES,
    { ...SERVICES, kind: 'Service', namespaced: true },
    { ...API_SERVER_SLICES, kind: 'EndpointSlice', namespaced: true },
    ...BACKEND_SOURCES.map(({ resource, kind }) => ({ ...resource, kind })),
    EVENTS,
    { ...NETWORK_POLICIES, kind: 'NetworkPolicy', namespaced: true },
    ADMIN_POLICIES,
    { ...SERVICE_CIDRS, kind: 'ServiceCIDR' },
    { ...REVISIONS, kind: 'ControllerRevision', namespaced: true },
    ...(isServed ? ofCalico : []),
  ]);

/** The answer of detectCalico on calicoServer. */
export const CALICO: ServedCalico = {
  served: true,
  mode: 'Native',
  version: undefined,
  kinds: new Set(generatedKinds),
  read: new Set(['IPPool', 'FelixConfiguration', 'BGPPeer', 'KubeControllersConfiguration']),
  adminPolicies: { AdminNetworkPolicy: 'v1alpha1' },
  hasServiceCIDRs: true,
  isInstallation: false,
};

export const namespaceObject = (
  name: string,
  labels?: Readonly<Record<string, string>>,
): KubernetesObject => ({
  metadata: { name, ...(labels !== undefined && { labels }) },
});

export const nodeObject = (
  name: string,
  address: string,
  labels: Readonly<Record<string, string>> = {},
): KubernetesObject => ({
  metadata: { name, labels },
  status: { addresses: [{ type: 'InternalIP', address }] },
});

/** The slice that the API server keeps about itself. */
export const apiServerSlice = (port: number, ...addresses: readonly string[]): KubernetesObject => ({
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': 'kubernetes' },
  },
  endpoints: [{ addresses }],
  ports: [{ name: 'https', port, protocol: 'TCP' }],
});

/** A firewall that the operator has seen, so it has our finalizer. */
export const firewallObject = (
  spec: Partial<Spec> = {},
  name = 'default',
  metadata: Partial<KubernetesObject['metadata']> = { finalizers: [FINALIZER] },
): KubernetesObject => ({
  apiVersion: API_VERSION,
  kind: KIND,
  metadata: { ...metadata, name },
  spec: { mode: 'Enforce', ...spec },
});

/** Works like the operator (src/operator.ts). */
export const finalizersOf = (transport: Transport): Finalizers => ({
  async settle({ name, resourceVersion, finalizers, deleting }) {
    const others = finalizers.filter((each) => each !== FINALIZER);
    const wanted = deleting ? others : [...others, FINALIZER];
    await mergePatch(transport, FIREWALLS, name, { metadata: { finalizers: wanted, resourceVersion } });
  },
});

/**
 * Namespaces blog, default, kube-system and the operator's, the node `a` of the control plane, where the API
 * server is, and the firewall called default.
 */
export function blogCluster(spec: Partial<Spec> = { namespaces: [web] }): FakeApiServer {
  const server = calicoServer();
  for (const name of ['blog', 'default', 'kube-system', OPERATOR_NAMESPACE])
    server.put(NAMESPACES, namespaceObject(name));
  server.put(NODES, nodeObject('a', '10.0.0.1', { 'node-role.kubernetes.io/control-plane': '' }));
  server.put(API_SERVER_SLICES, apiServerSlice(6443, '10.0.0.1'));
  server.put(FIREWALLS, firewallObject(spec));
  return server;
}

/** For FakeApiServer.fault: the error for every write of an object whose name contains `part`. */
export const refusing =
  (part: string, error: Error): FakeApiServer['fault'] =>
  ({ method, path }) =>
    method !== 'GET' && path.includes(part) ? error : undefined;
