import type { Api } from './api.ts';
import { CALICO_API_SERVER } from './control-plane.ts';

const GROUP = 'rbac.authorization.k8s.io';
const read = ['get', 'list', 'watch'];

/** From manifests/apiserver.yaml of Calico 3.31. */
const rules = [
  { apiGroups: ['crd.projectcalico.org'], resources: ['*'], verbs: [...read, 'create', 'update', 'delete'] },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: read },
  { apiGroups: [''], resources: ['nodes', 'namespaces', 'pods', 'serviceaccounts'], verbs: read },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: ['extension-apiserver-authentication'],
    verbs: read,
  },
  {
    apiGroups: [GROUP],
    resources: ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'],
    verbs: read,
  },
  // It evaluates ValidatingAdmissionPolicies and calls webhooks itself, with the user who asks.
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: [
      'validatingadmissionpolicies',
      'validatingadmissionpolicybindings',
      'mutatingwebhookconfigurations',
      'validatingwebhookconfigurations',
    ],
    verbs: read,
  },
];

/** Gives Calico's API server the rights that Calico's own manifests give it, and no other. */
export async function grantCalicoApiServerRights(api: Api): Promise<void> {
  const name = CALICO_API_SERVER;
  const apply = (plural: string, kind: string, of: string, object: object): Promise<void> =>
    api.apply(`/apis/${GROUP}/v1/${plural}/${of}`, {
      apiVersion: `${GROUP}/v1`,
      kind,
      metadata: { name: of },
      ...object,
    });
  const bind = (role: string): Promise<void> =>
    apply('clusterrolebindings', 'ClusterRoleBinding', `${name}:${role}`, {
      roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: GROUP, kind: 'User', name }],
    });
  await Promise.all([
    apply('clusterroles', 'ClusterRole', name, { rules }),
    bind(name),
    bind('system:auth-delegator'),
  ]);
}
