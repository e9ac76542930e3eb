/** Reduces the objects of others that may open something to the part that the status shows. Pure. */
import { MAX_FOREIGN, type Status } from '../../api/status.ts';
import { cut } from '../../api/cut.ts';
import { DEFAULT_TIER } from '../../compiler/names.ts';
import type { Foreign, Opening } from '../../compiler/types.ts';
import type { NamespacePolicies } from '../observe/generated-objects.ts';

/** The objects of the cluster. Administrators write them. */
export interface ForeignObjects {
  readonly listed: NonNullable<Status['foreign']>;
  /** How many there are, listed or not. */
  readonly count: { readonly accepted: number; readonly open: number };
  /** The first one that is not accepted. */
  readonly first: Opening | undefined;
}

/** Every field has a bound of its own, so the status never becomes too large. */
export type TenantPolicies = NonNullable<Status['namespacePolicies']>;

export interface ForeignFinding {
  readonly objects: ForeignObjects;
  readonly tenants: TenantPolicies;
}

export function foreignFinding(foreign: Foreign, policies: NamespacePolicies): ForeignFinding {
  const { openings } = foreign;
  const open = openings.filter(({ accepted }) => !accepted);
  return {
    objects: {
      listed: openings.slice(0, MAX_FOREIGN).map(({ object, opens, accepted }) => ({
        object: cut(object, MAX_OBJECT),
        opens: cut(opens, MAX_OPENS),
        ...(accepted && { accepted }),
      })),
      count: { accepted: openings.length - open.length, open: open.length },
      first: open[0],
    },
    tenants: tenantPolicies(foreign, policies),
  };
}

const MAX_OBJECT = 320;
const MAX_OPENS = 512;

/** Counts those that allow something that the default deny closes. */
function tenantPolicies(
  { closed: { deny, namespaces } }: Foreign,
  { policies, isComplete }: NamespacePolicies,
): TenantPolicies {
  const counts = new Map<string, number>();
  for (const { namespace, allows, tier } of policies) {
    const opens = (allows.ingress && deny.ingress) || (allows.egress && deny.egress);
    if (opens && tier === DEFAULT_TIER && namespaces.has(namespace))
      counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  }
  const largest = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, MAX_FOREIGN);
  return {
    policies: [...counts.values()].reduce((sum, each) => sum + each, 0),
    namespaces: counts.size,
    ...(largest.length > 0 && {
      largest: largest.map(([namespace, count]) => ({ namespace, policies: count })),
    }),
    ...(!isComplete && { unlisted: true as const }),
  };
}
