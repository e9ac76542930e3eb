import type { GeneratedKind } from '../../calico/types.ts';
import { list } from '../../cluster/objects/apply.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { LABEL_MANAGED_BY, MANAGED_BY } from '../../compiler/names.ts';
import type { Authorship } from '../objects/authorship.ts';
import { kindResource } from '../objects/kinds.ts';

const ENFORCED: readonly GeneratedKind[] = ['GlobalNetworkPolicy', 'NetworkPolicy'];

/**
 * Reads our stored policies in force as whole objects, because informers keep only hashes. Those in namespaces
 * that may be others' work are left out.
 * @throws ApiError or TransportError
 */
export async function wholePolicies(
  transport: Transport,
  authorship: Pick<Authorship, 'wrote'>,
  signal: AbortSignal,
): Promise<readonly KubernetesObject[]> {
  const labelSelector = `${LABEL_MANAGED_BY}=${MANAGED_BY}`;
  const lists = await Promise.all(
    ENFORCED.map(async (kind) => {
      const items = await list(transport, kindResource(kind), { labelSelector, signal });
      return items.filter((item) => authorship.wrote(kind, item)).map((item) => ({ ...item, kind }));
    }),
  );
  return lists.flat();
}
