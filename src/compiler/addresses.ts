/** Entities that are addresses of the cluster's own machines. */
import type { Inventory } from './types.ts';

/** kubeadm's, and the one before it that older clusters still have. */
const CONTROL_PLANE_LABELS = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Undefined while the cluster is not known (offline render). */
export function nodeAddresses({ nodes }: Inventory): readonly string[] | undefined {
  return nodes?.flatMap(({ addresses }) => addresses);
}

/**
 * Labelled nodes with all their addresses, since a packet to a pod of another node bears the tunnel's, and where the API server itself
 * says that it is: in a managed cluster no Node stands for it. Undefined while neither is known.
 */
export function controlPlaneAddresses({
  nodes,
  apiServerEndpoints,
}: Inventory): readonly string[] | undefined {
  if (nodes === undefined && apiServerEndpoints === undefined) return undefined;
  const labelled = (nodes ?? []).filter(({ labels }) =>
    CONTROL_PLANE_LABELS.some((label) => labels[label] !== undefined),
  );
  return [...labelled.flatMap(({ addresses }) => addresses), ...(apiServerEndpoints ?? [])];
}

/** False where the cluster is known and has no such address: then a rule would mean nobody, and a negation everybody. */
export const isResolved = (addresses: readonly string[] | undefined): boolean => addresses?.length !== 0;
