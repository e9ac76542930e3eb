/** Whether changes of the policies of pods need bridges and pauses. Pure. */
import type { PolicyType } from '../../calico/types.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { OwnedObject } from '../objects/live.ts';
import type { Role } from '../objects/role.ts';
import { newBridges } from './bridges.ts';
import { isNodeStep } from './order.ts';
import type { Plan } from './plan.ts';
import { kindOf, namespaceOf, mayGain, mayLose, replaces, type Step } from './step.ts';

export interface PodChange {
  /** Bridges to be written. */
  readonly wanted: readonly DesiredObject[];
  /** Stored bridges that stay as they are. */
  readonly kept: readonly OwnedObject[];
  /** True when its waves wait for one another. */
  readonly staged: boolean;
  /** True when bridges from what is stored are wanted that were not given. */
  readonly needsStored: boolean;
}

export interface PodChangeInput {
  /** The plan without bridges. */
  readonly bare: Plan;
  /** Its steps that wait for waves. */
  readonly steps: readonly Step[];
  /** Stored ones. */
  readonly bridges: readonly OwnedObject[];
  /** The result of oldBridges. Undefined: the stored policies were not read. */
  readonly oldBridges: readonly DesiredObject[] | undefined;
}

export function podChange({ bare, steps: all, bridges, oldBridges }: PodChangeInput): PodChange {
  const steps = all.filter((step) => !isNodeStep(step));
  const changes = steps.filter(isChange);
  const careful = isCareful(steps);
  const staged = careful || bridges.length > 0;
  if (changes.length === 0) return { wanted: [], kept: [], staged, needsStored: false };
  // The rest needs no bridges, but a transition ends as it began.
  if (!careful) return { wanted: [], kept: bridges, staged, needsStored: false };
  const known = bridges.filter(({ role }) => role !== 'bridgeNew');
  const isKnown = known.some(({ role }) => role === 'bridgeOldComplete');
  const wantsOld = !isKnown && changes.some(leavesBehind);
  return {
    wanted: [...newBridges(inTheEnd(bare)), ...(wantsOld ? (oldBridges ?? []) : [])],
    kept: isKnown ? known : [],
    staged,
    needsStored: wantsOld && oldBridges === undefined,
  };
}

const isEnforced = (step: Step): boolean =>
  kindOf(step) === 'GlobalNetworkPolicy' || kindOf(step) === 'NetworkPolicy';

/** Changes what passes. The removal of a guardrail comes after all of these. */
function isChange(step: Step): boolean {
  if (!isEnforced(step)) return false;
  const { role } = step;
  return role === 'allow' || role === 'defaultDeny' || (role === 'guardrail' && step.action === 'apply');
}

/** Takes something out of force that a bridge has to keep in force. */
const leavesBehind = (step: Step): boolean =>
  (step.role === 'defaultDeny' && mayLose(step)) || (step.role === 'guardrail' && replaces(step));

/**
 * False where any order of single writes is safe, as long as new allows come before old ones go: one write
 * alone, allows that only come, allows that only go. Safe means that no flow gets a verdict that it has
 * neither before nor after.
 */
function isCareful(steps: readonly Step[]): boolean {
  const enforced = steps.filter(isEnforced);
  const of = (role: Role): readonly Step[] => enforced.filter((step) => step.role === role);
  const [allows, denies, guardrails] = [of('allow'), of('defaultDeny'), of('guardrail')];
  const sets = steps.filter((step) => step.role === 'set' && !replaces(step));
  // A policy without its set says something else, more where it names the set in a negation.
  if (sets.some(mayGain) && enforced.some(mayGain)) return true;
  if (!sets.every(mayGain) && enforced.some(mayLose)) return true;
  if (denies.length > 0 && allows.length + guardrails.length + denies.length > 1) return true;
  if (guardrails.length > 0 && allows.length > 0) return true;
  return mayExchange(allows) || (guardrails.some(replaces) && guardrails.length > 1);
}

/**
 * True when a flow may go from one allow to another: one loses, another gains, in the same direction. Policies in
 * two namespaces select no pod in common.
 */
function mayExchange(allows: readonly Step[]): boolean {
  return allows.some(
    (loser) =>
      mayLose(loser) &&
      allows.some(
        (gainer) =>
          gainer !== loser &&
          mayGain(gainer) &&
          maySelectTheSame(loser, gainer) &&
          typesOf(loser).some((type) => typesOf(gainer).includes(type)),
      ),
  );
}

function maySelectTheSame(a: Step, b: Step): boolean {
  const [here, there] = [namespaceOf(a), namespaceOf(b)];
  return here === undefined || there === undefined || here === there;
}

function typesOf(step: Step): readonly PolicyType[] {
  if (step.action === 'apply' && 'types' in step.desired.object.spec) return step.desired.object.spec.types;
  return ['Ingress', 'Egress'];
}

/** Objects that will be in force at the end, without those that wait, are frozen or whose name is taken. */
const inTheEnd = ({ comparisons }: Plan): readonly DesiredObject[] =>
  comparisons.filter(({ is }) => is === 'Current' || is === 'Pending').map(({ desired }) => desired);
