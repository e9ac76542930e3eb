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

/**
 * The object is deleted, and finalizers of others keep it stored. It is written so that it selects nothing,
 * which does what its removal would have done.
 */
export interface EmptyStep {
  readonly action: 'empty';
  readonly id: ObjectId;
  readonly role: Role;
  readonly live: OwnedObject;
}

export type Step = ApplyStep | RemoveStep | EmptyStep;

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

export const emptyStep = (live: OwnedObject): EmptyStep => ({
  action: 'empty',
  id: live.id,
  role: live.role,
  live,
});

interface HeldStep extends RemoveStep {
  readonly live: OwnedObject & { readonly waitsFor: readonly string[] };
}

/**
 * True for an object that is deleted already and has to be waited for. There is nothing to write: others have
 * to let go of it.
 */
export const isHeld = (step: Step): step is HeldStep =>
  step.action === 'remove' && step.live.waitsFor !== undefined;

/** Tells one content that a step writes from another. */
export const contentOf = (step: ApplyStep | EmptyStep): string =>
  step.action === 'apply' ? step.desiredHash : `emptied ${step.live.uid}`;

export const desiredRole = ({ object: { kind, spec }, rules }: DesiredObject): Role =>
  roleOf({ kind, spec, rules });

export type Change = 'create' | 'update' | 'remove';

/**
 * The change that a step makes in its role. An object that takes on another role, such as a final policy that
 * begins to deny, is new in that role. So is one that selected nothing.
 */
export function changeOf(step: Step): Change {
  if (step.action !== 'apply') return 'remove';
  return step.live?.role === step.role && step.live.isEmptied !== true ? 'update' : 'create';
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
export const mayLose = (step: Step): boolean => step.action !== 'apply' || replaces(step);
/** True when something may come into force with the step. */
export const mayGain = (step: Step): boolean => step.action === 'apply';
