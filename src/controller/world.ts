import type { Inventory } from '../inventory/types.ts';
import type { StoredNode } from './observe/cluster-state.ts';
import type { CalicoApi } from './observe/calico-api.ts';
import type { StoredFirewall } from './observe/firewalls.ts';
import type { GeneratedObjects } from './observe/generated-objects.ts';
import type { NodeRound } from './nodes/rollout.ts';
import type { DesiredState } from './plan/desired-state.ts';

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

/** One round's view of the world, and the decisions it begins with. */
export interface Round {
  readonly world: World;
  readonly stored: GeneratedObjects;
  readonly intent: DesiredState;
  /** Aborted when the operator stops, and when the round has taken too long. */
  readonly signal: AbortSignal;
  readonly nodes: NodeRound;
}

export interface Finalizers {
  /** Adds ours where it is missing, and takes it away from a firewall that is being deleted: by then all that had to go is gone. */
  settle(firewall: StoredFirewall): Promise<void>;
}
