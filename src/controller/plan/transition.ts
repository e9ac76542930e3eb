/**
 * Turns a plan into one that changes no flow's verdict on the way: with bridges, shadows and waves where they
 * are needed. Pure.
 */
import type { DesiredObject } from '../../compiler/types.ts';
import type { LiveObject, OwnedObject } from '../objects/live.ts';
import { familyOf, type Family } from '../objects/role.ts';
import { nodeChange } from './node-transition.ts';
import { plan, type Plan, type PlanInput } from './plan.ts';
import { podChange } from './pod-transition.ts';
import { isOpen, type Step } from './step.ts';

export interface Transition {
  /** Temporary policies included. */
  readonly plan: Plan;
  /** True when its waves wait for one another. */
  readonly staged: boolean;
  /**
   * True when temporary policies are wanted that are made of what is stored, and `fromStored` was not given.
   */
  readonly needsStored: boolean;
}

/** Temporary policies that are made of what is stored: see oldBridges and nodeShadows. */
export interface FromStored {
  readonly bridges: readonly DesiredObject[];
  readonly shadows: ReadonlyMap<string, DesiredObject>;
}

export interface TransitionInput extends PlanInput {
  /**
   * Repairs of drift, which wait for nothing, and steps that the API server refuses. No transition is made
   * for either.
   */
  readonly ignoresWaves: (step: Step) => boolean;
  /** Undefined: not read. */
  readonly fromStored: FromStored | undefined;
}

/** The plan with the temporary policies that it needs, and without those that it no longer needs. */
export function transition(input: TransitionInput): Transition {
  const live = [...input.live];
  const temporary = new Set<LiveObject>([...ofFamily(live, 'bridge'), ...ofFamily(live, 'shadow')]);
  // One that another client deletes may be gone at any moment, so no change relies on it.
  const lasting = live.filter((object) => object.ours && object.waitsFor === undefined);
  const [bridges, shadows] = [ofFamily(lasting, 'bridge'), ofFamily(lasting, 'shadow')];
  const bare = plan({ ...input, live: live.filter((object) => !temporary.has(object)) });
  const steps = bare.phases.flat().filter((step) => !isOpen(step) && !input.ignoresWaves(step));
  const { desired, fromStored } = input;
  const pods = podChange({ bare, steps, bridges, oldBridges: fromStored?.bridges });
  const nodes = nodeChange({ steps, stored: shadows, shadows: fromStored?.shadows });
  const kept = new Set<LiveObject>([...pods.kept, ...nodes.kept]);
  const isBare = temporary.size === 0 && pods.wanted.length + nodes.wanted.length === 0;
  return {
    plan: isBare
      ? bare
      : plan({
          ...input,
          desired: [...desired, ...pods.wanted, ...nodes.wanted],
          live: live.filter((object) => !kept.has(object)),
        }),
    staged: pods.staged || nodes.staged,
    needsStored: pods.needsStored || nodes.needsStored,
  };
}

const ofFamily = (live: readonly LiveObject[], family: Family): readonly OwnedObject[] =>
  live.filter((object): object is OwnedObject => object.ours && familyOf(object.role) === family);
