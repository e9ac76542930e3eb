/** Says of each node whether the policies of nodes are in force there. Pure. */
import type { StoredObject } from '../cluster/resource.ts';
import { FIELD_MANAGER } from '../cluster/objects/apply.ts';
import { LABEL_ENFORCED } from '../compiler/names.ts';
import { isOwned } from '../controller/objects/ownership.ts';
import { fieldsOf, textOf } from '../inventory/object.ts';
import type { ClosingPolicy } from './stored-policies.ts';

export interface NodeStanding {
  readonly name: string;
  /** `open`: no host endpoint of the node is under the policies. */
  readonly state: 'enforced' | 'observed' | 'open';
  /** When its endpoint was made, or its Node labelled; RFC 3339. */
  readonly since?: string;
}

/**
 * Sorted by name.
 * @param nodes Nodes
 * @param endpoints HostEndpoints, of everyone
 */
export function nodeStandings(
  nodes: readonly StoredObject[],
  endpoints: readonly StoredObject[],
  policies: readonly ClosingPolicy[],
): readonly NodeStanding[] {
  return nodes
    .map((node) =>
      standingOf(
        node,
        endpoints.filter(({ spec }) => isOfNode(spec, node.metadata.name)),
        policies,
      ),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The interface lo has endpoints of its own, which let everything pass. */
const isOfNode = (spec: unknown, node: string): boolean => {
  const { node: its, interfaceName } = fieldsOf(spec);
  return its === node && interfaceName !== 'lo';
};

function standingOf(
  node: StoredObject,
  endpoints: readonly StoredObject[],
  policies: readonly ClosingPolicy[],
): NodeStanding {
  const { name } = node.metadata;
  const under = (role: ClosingPolicy['role']): StoredObject | undefined =>
    endpoints.find(({ metadata: { labels = {} } }) =>
      policies.some((policy) => policy.role === role && policy.selectsEndpoint(labels)),
    );
  const denied = under('finalDeny');
  const endpoint = denied ?? under('finalObserve');
  if (endpoint === undefined) return { name, state: 'open' };
  const since = isOwned(endpoint.metadata) ? endpoint.metadata.creationTimestamp : labelledAt(node);
  return {
    name,
    state: denied === undefined ? 'observed' : 'enforced',
    ...(since !== undefined && { since }),
  };
}

/** The time at which the operator last wrote its label, as far as managedFields tell. */
function labelledAt({ metadata: { managedFields = [] } }: StoredObject): string | undefined {
  const entry = managedFields.find(
    ({ manager, fieldsV1 }) =>
      manager === FIELD_MANAGER && JSON.stringify(fieldsV1 ?? {}).includes(`f:${LABEL_ENFORCED}`),
  );
  const time = textOf(entry?.time);
  return time === '' ? undefined : time;
}
