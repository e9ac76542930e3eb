import type { LeftOutObject } from '../cluster/informer/left-out.ts';
import type { Inventory } from '../inventory/types.ts';
import type { StoredNode } from './observe/cluster-state.ts';
import type { CalicoApi } from './observe/calico-api.ts';
import type { StoredFirewall } from './observe/firewalls.ts';
import type { GeneratedObjects } from './observe/generated-objects.ts';

/**
 * Both parts of the cluster as one, for the compiler.
 * @param leftOut objects that are in neither part as they are stored
 */
export function inventoryOf(
  state: Omit<Inventory, 'operatorNamespace'>,
  stored: Pick<GeneratedObjects, 'inventory'> | undefined,
  operatorNamespace: string,
  leftOut: readonly LeftOutObject[],
): Inventory {
  const calico = stored?.inventory() ?? {};
  const unreadable = [
    ...(state.unreadable ?? []),
    ...(calico.unreadable ?? []),
    ...leftOut.map(({ isKnown, ...flaw }) => ({ ...flaw, isLost: !isKnown })),
  ];
  return { ...state, ...calico, unreadable, operatorNamespace };
}

/** The state that a round works on. Each round reads it anew. */
export interface World {
  readonly firewalls: readonly StoredFirewall[];
  readonly inventory: Inventory;
  readonly nodes: readonly StoredNode[];
  readonly isClosedNamespace: (namespace: string) => boolean;
  readonly calico: CalicoApi;
  /** Absent while Calico is not served or not yet listed. */
  readonly stored: GeneratedObjects | undefined;
}
