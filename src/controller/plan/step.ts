/** One write that a plan asks for. */
import type { GeneratedKind } from '../../calico/types.ts';
import type { RuleId } from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { desiredHash } from '../objects/content-hash.ts';
import { objectId, type ObjectId } from '../objects/kinds.ts';
import type { OwnedObject } from '../objects/live.ts';
import { roleOf, type Role } from '../objects/role.ts';

export interface ApplyStep {
  readonly action: 'apply';
  readonly id: ObjectId;
  /** The role of the desired object. */
  readonly role: Role;
  readonly desired: DesiredObject;
  readonly desiredHash: string;
  /** Absent: to be created. */
  readonly live: OwnedObject | undefined;
}

export interface RemoveStep {
  readonly action: 'remove';
  readonly id: ObjectId;
  readonly role: Role;
  readonly live: OwnedObject;
}

export type Step = ApplyStep | RemoveStep;

export const applyStep = (desired: DesiredObject, live: OwnedObject | undefined): ApplyStep => ({
  action: 'apply',
  id: objectId(desired.object.kind, desired.object.metadata),
  role: desiredRole(desired),
  desired,
  desiredHash: desiredHash(desired.object),
  live,
});

export const removeStep = (live: OwnedObject): RemoveStep => ({
  action: 'remove',
  id: live.id,
  role: live.role,
  live,
});

export const desiredRole = ({ object: { kind, spec }, rules }: DesiredObject): Role =>
  roleOf({ kind, spec, rules });

export type Change = 'create' | 'update' | 'remove';

/**
 * The change that a step makes in its role. An object that takes on another role, such as a final policy that
 * begins to deny, is new in that role.
 */
export function changeOf(step: Step): Change {
  if (step.action === 'remove') return 'remove';
  return step.live?.role === step.role ? 'update' : 'create';
}

export const rulesOf = (step: Step): readonly RuleId[] =>
  step.action === 'apply' ? step.desired.rules : step.live.rules;

/** Undefined for an object of the cluster. */
export const namespaceOf = (step: Step): string | undefined =>
  step.action === 'apply' ? step.desired.object.metadata.namespace : step.live.namespace;

export const kindOf = (step: Step): GeneratedKind =>
  step.action === 'apply' ? step.desired.object.kind : step.live.kind;

/**
 * True for the removal or the replacement of a policy that may be a tenant's work. Nothing waits for such a step,
 * and it begins no transition.
 */
export const isOpen = ({ live }: Step): boolean => live?.isOpen === true;

/** True when another content takes the place of the stored one. */
export const replaces = (step: Step): boolean => step.action === 'apply' && step.live !== undefined;
/** True when something that is in force may end with the step. */
export const mayLose = (step: Step): boolean => step.action === 'remove' || replaces(step);
/** True when something may come into force with the step. */
export const mayGain = (step: Step): boolean => step.action === 'apply';
