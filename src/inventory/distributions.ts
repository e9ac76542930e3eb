/**
 * Signs of distributions on Nodes. A kubelet writes labels and status of its own Node, so a sign never opens
 * more than joining needs (src/compiler/nodes/joining.ts, docs/nodes.md).
 */

/** k3s and RKE2 share their label of etcd's members, and are one here. */
export type Distribution = 'k3s/RKE2' | 'microk8s' | 'k0s' | 'Talos' | 'kOps';

interface Sign {
  readonly of: Distribution;
  readonly on: (labels: Readonly<Record<string, string>>, osImage: unknown) => boolean;
}

const INSTANCE_TYPE = 'node.kubernetes.io/instance-type';
const ETCD_ROLE = 'node-role.kubernetes.io/etcd';

const SIGNS: readonly Sign[] = [
  // The cloud provider that both bring names the program:
  // https://github.com/k3s-io/k3s/blob/master/pkg/cloudprovider/instances.go. Another provider names machines.
  // https://docs.rke2.io/install/server_roles has the label of etcd.
  {
    of: 'k3s/RKE2',
    on: ({ [INSTANCE_TYPE]: type, [ETCD_ROLE]: etcd }) =>
      type === 'k3s' || type === 'rke2' || etcd !== undefined,
  },
  // https://github.com/canonical/microk8s/blob/master/scripts/wrappers/join.py
  {
    of: 'microk8s',
    on: (labels) =>
      labels['node.kubernetes.io/microk8s-controlplane'] !== undefined ||
      labels['microk8s.io/cluster'] !== undefined,
  },
  // https://docs.k0sproject.io/stable/labels/
  { of: 'k0s', on: (labels) => labels['node.k0sproject.io/role'] !== undefined },
  // `Talos (v1.11.0)`: https://docs.siderolabs.com/talos/v1.11/getting-started/getting-started
  { of: 'Talos', on: (_, osImage) => typeof osImage === 'string' && osImage.startsWith('Talos') },
  // https://github.com/kubernetes/kops/blob/master/pkg/nodelabels/builder.go: on control-plane Nodes.
  { of: 'kOps', on: (labels) => labels['kops.k8s.io/kops-controller-pki'] !== undefined },
];

/**
 * True for labels by which microk8s and k0s mark their control plane, whether they set a role or not.
 */
export const isControlPlaneOfDistribution = (labels: Readonly<Record<string, string>>): boolean =>
  labels['node.kubernetes.io/microk8s-controlplane'] !== undefined ||
  labels['node.k0sproject.io/role'] === 'control-plane';

/** One shared empty list: most Nodes have no sign. */
const NONE: readonly never[] = [];

/** Sorted as in SIGNS. */
export function distributionsOf(
  labels: Readonly<Record<string, string>>,
  osImage: unknown,
): readonly Distribution[] {
  const found = SIGNS.filter(({ on }) => on(labels, osImage)).map(({ of }) => of);
  return found.length === 0 ? NONE : found;
}
