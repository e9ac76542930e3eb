import type { Inventory } from '../inventory/types.ts';
import type { StoredNode } from './observe/cluster-state.ts';
import type { CalicoApi } from './observe/calico-api.ts';
import type { StoredFirewall } from './observe/firewalls.ts';
import type { GeneratedObjects } from './observe/generated-objects.ts';

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
