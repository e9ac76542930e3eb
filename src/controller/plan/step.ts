/** One write that a plan asks for. */
import type { DesiredObject } from '../../compiler/types.ts';
import type { OwnedObject } from '../objects/live.ts';

export interface ApplyStep {
  readonly action: 'apply';
  readonly id: string;
  readonly desired: DesiredObject;
  readonly desiredHash: string;
  /** Absent: to be created. */
  readonly live: OwnedObject | undefined;
}

export interface RemoveStep {
  readonly action: 'remove';
  readonly id: string;
  readonly live: OwnedObject;
}

export type Step = ApplyStep | RemoveStep;
