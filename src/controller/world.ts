import type { Inventory } from '../inventory/types.ts';
import type { StoredNode } from './observe/cluster-state.ts';
import type { CalicoApi } from './observe/calico-api.ts';
import type { StoredFirewall } from './observe/firewalls.ts';
import type { GeneratedObjects } from './observe/generated-objects.ts';
import type { LabelPlan } from './nodes/enforcement-labels.ts';
import type { FailsafeGoal } from './nodes/failsafe-goal.ts';
import type { StoredFailsafes } from './observe/stored-failsafes.ts';
import type { DesiredState } from './plan/desired-state.ts';
import type { Step } from './plan/step.ts';

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
  readonly gating: LabelPlan;
  /** Milliseconds, as the round began, until an enforcement label may be written and until an object is contested no more. */
  readonly waits: readonly number[];
  /** What of nodes waits for something that is not in the plan. */
  readonly isKeptBack: (step: Step) => boolean;
  readonly aim: FailsafeGoal;
  readonly failsafes: StoredFailsafes | undefined;
}

export interface Finalizers {
  /** Adds ours where it is missing, and takes it away from a firewall that is being deleted: by then all that had to go is gone. */
  settle(firewall: StoredFirewall): Promise<void>;
}
