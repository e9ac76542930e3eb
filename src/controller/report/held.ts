/** Says which deleted objects are still stored, because finalizers of others keep them, and what they do. Pure. */
import type { StatusProblem } from '../../api/status.ts';
import { ruleId } from '../../compiler/names.ts';
import type { WriteResult } from '../apply/execute.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';
import type { OwnedObject } from '../objects/live.ts';
import { whenHeld } from '../objects/role.ts';
import { only, type Plan } from '../plan/plan.ts';
import { isHeld, type Step } from '../plan/step.ts';
import { rulePath } from '../../compiler/rule-path.ts';

/** The reason for an object that is deleted, and that finalizers of others keep. */
export const HELD = 'HeldByFinalizer';
/** Finalizers that a message names. */
const NAMED_FINALIZERS = 3;

/** One for each object that is held, rule by rule. */
export function heldProblems(
  { name, validation }: StoredFirewall,
  { plan, outcome }: { readonly plan: Plan; readonly outcome: WriteResult },
): readonly StatusProblem[] {
  const problem = (
    live: OwnedObject,
    message: string,
    kind: Pick<StatusProblem, 'severity' | 'reason'>,
  ): StatusProblem => {
    const [rule = ruleId(name)] = live.rules;
    return { ...kind, rule, path: validation.ok ? rulePath(validation.firewall, rule) : 'spec', message };
  };
  const warning = { severity: 'warning', reason: HELD } as const;
  const isOfFirewall = ({ firewall }: OwnedObject): boolean => firewall === name;
  const leaving = plan.held.filter(isOfFirewall).map((live) => {
    const isRefilled = refilledFields(live, outcome) !== undefined;
    const kind = isRefilled ? ({ severity: 'problem', reason: 'Altered' } as const) : warning;
    return problem(live, heldMessage(live, plan, outcome), kind);
  });
  const wanted = only(plan.comparisons, 'Current')
    .map(({ live }) => live)
    .filter((live) => isOfFirewall(live) && willBeMissing(live))
    .map((live) => problem(live, missingMessage(live), warning));
  return [...leaving, ...wanted];
}

/** True for a deny that was deleted and is wanted again: nobody can take a deletion back. */
const willBeMissing = ({ kind, role, namespace, waitsFor }: OwnedObject): boolean =>
  waitsFor !== undefined && namespace === undefined && whenHeld(kind, role) === 'there';

const missingMessage = (live: OwnedObject): string =>
  `${stillStored(live)}; it is wanted again and refuses traffic, but it will be missing for a moment when they let go, until the operator has made it anew: let that happen when it may`;

/** The fields with which the API server stores an object that was emptied; undefined where it is empty. */
export const refilledFields = (
  { id }: OwnedObject,
  { unwritten }: WriteResult,
): readonly string[] | undefined =>
  unwritten.find(({ step, altered }) => step.action === 'empty' && step.id === id && altered !== undefined)
    ?.altered;

export function heldMessage(live: OwnedObject, { phases }: Plan, outcome: WriteResult): string {
  const step = phases.flat().find((each) => each.action !== 'apply' && each.live === live);
  const text = `${stillStored(live)}; ${effectOf(step)}`;
  const fields = refilledFields(live, outcome);
  return fields === undefined
    ? `${text}: let the owners of these finalizers finish, or remove the finalizers`
    : `${text}, because the API server stores another ${listed(fields)} than was written: ${ALTERED_REMEDY}`;
}

function stillStored({ id, waitsFor = [], foreignManager }: OwnedObject): string {
  const manager = foreignManager === undefined ? '' : ` (last written by ${foreignManager})`;
  return `${id} is deleted and still stored, held by ${listedFinalizers(waitsFor)}${manager}`;
}

const listedFinalizers = (all: readonly string[]): string =>
  `${all.slice(0, NAMED_FINALIZERS).join(', ')}${all.length > NAMED_FINALIZERS ? ' and more' : ''}`;

function effectOf(step: Step | undefined): string {
  if (step === undefined) return 'it has no effect any more';
  return isHeld(step) ? 'it still refuses traffic' : 'it may still let traffic through';
}

/**
 * Says of policies that say that they are ours, and that their finalizers keep, that nothing waits for them. One is
 * named for all, because there may be thousands, and whoever writes them must not make the status change.
 */
export function forgeries(name: string, { lingering }: Plan): readonly StatusProblem[] {
  const [first, ...more] = lingering
    .filter(({ firewall }) => firewall === name)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (first === undefined) return [];
  const which = more.length === 0 ? first.id : `${first.id}, and others`;
  const message = `${which}: the operator did not write this policy as it is, although its labels say so. It is being deleted and waits for the finalizers ${listedFinalizers(first.waitsFor ?? [])}. No rule waits for it: let their owners finish, or remove them`;
  return [{ severity: 'warning', rule: ruleId(name), path: 'spec', reason: 'ForgedPolicy', message }];
}

export const ALTERED_REMEDY =
  'exempt it from the mutating webhook or MutatingAdmissionPolicy that does this; a default of a newer Calico needs a newer operator';

/** The maximum number of fields that a message names. The log has more of them. */
const NAMED = 5;

export function listed(fields: readonly string[]): string {
  return `${fields.slice(0, NAMED).join(', ')}${fields.length > NAMED ? ' and more' : ''}`;
}
