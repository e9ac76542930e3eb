/**
 * Turns a plan into one that changes no flow's verdict on the way: with bridges, shadows and waves where they
 * are needed. Pure.
 */
import type { DesiredObject } from '../../compiler/types.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { objectId, type ObjectId } from '../objects/kinds.ts';
import type { LiveObject, OwnedObject } from '../objects/live.ts';
import { familyOf, type Family } from '../objects/role.ts';
import { oldBridges, withFreeName } from './bridges.ts';
import { confinedPolicies } from './confined.ts';
import { nodeShadows } from './node-shadows.ts';
import { nodeChange } from './node-transition.ts';
import { plan, type Plan, type PlanInput } from './plan.ts';
import { podChange } from './pod-transition.ts';
import { isOpen, type Step } from './step.ts';

export interface Transition {
  /** Temporary policies included. */
  readonly plan: Plan;
  /** True when its waves wait for one another. */
  readonly staged: boolean;
  /** True when policies are wanted that are made of what is stored, and `fromStored` was not given. */
  readonly needsStored: boolean;
}

/** The policies that are stored, and the temporary ones that are made of them: see oldBridges and nodeShadows. */
export interface FromStored {
  readonly policies: readonly KubernetesObject[];
  readonly bridges: readonly DesiredObject[];
  readonly shadows: ReadonlyMap<string, DesiredObject>;
}

/** @param policies whole objects as the API server returns them */
export const fromStored = (policies: readonly KubernetesObject[]): FromStored => ({
  policies,
  bridges: oldBridges(policies),
  shadows: nodeShadows(policies),
});

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
export function transition(given: TransitionInput): Transition {
  const live = [...given.live];
  const temporary = new Set<LiveObject>([...ofFamily(live, 'bridge'), ...ofFamily(live, 'shadow')]);
  // One that another client deletes may be gone at any moment, so no change relies on it.
  const leaving = live.filter((object) => object.ours && object.waitsFor !== undefined);
  const lasting = live.filter((object) => !leaving.includes(object));
  const [bridges, shadows] = [ofFamily(lasting, 'bridge'), ofFamily(lasting, 'shadow')];
  const lasts = live.filter((object) => !temporary.has(object));
  const { strays } = plan({ ...given, live: lasts });
  const input = { ...given, desired: withConfined(given, strays) };
  const bare = plan({ ...input, live: lasts });
  const steps = bare.phases.flat().filter((step) => !isOpen(step) && !input.ignoresWaves(step));
  const { desired, fromStored } = input;
  const pods = podChange({ bare, steps, bridges, oldBridges: fromStored?.bridges });
  const nodes = nodeChange({ steps, stored: shadows, shadows: fromStored?.shadows });
  const kept = new Set<LiveObject>([...pods.kept, ...nodes.kept]);
  const isLeaving = new Set(leaving.map(({ id }) => id));
  const wanted = [...pods.wanted.map((bridge) => withFreeName(bridge, isLeaving)), ...nodes.wanted];
  const isBare = temporary.size === 0 && wanted.length === 0;
  return {
    plan: isBare
      ? bare
      : plan({
          ...input,
          desired: [...desired, ...wanted],
          live: live.filter((object) => !kept.has(object)),
        }),
    staged: pods.staged || nodes.staged,
    needsStored: pods.needsStored || nodes.needsStored || (strays.size > 0 && fromStored === undefined),
  };
}

/** The desired objects, and the strays among the stored ones with the fields that have to change. */
function withConfined(
  { desired, fromStored }: TransitionInput,
  strays: Plan['strays'],
): readonly DesiredObject[] {
  if (strays.size === 0 || fromStored === undefined) return desired;
  const policies = confinedPolicies(fromStored.policies, strays);
  const ids = new Set(policies.map(idOf));
  return [...desired.filter((each) => !ids.has(idOf(each))), ...policies];
}

const idOf = ({ object }: DesiredObject): ObjectId => objectId(object.kind, object.metadata);

const ofFamily = (live: readonly LiveObject[], family: Family): readonly OwnedObject[] =>
  live.filter((object): object is OwnedObject => object.ours && familyOf(object.role) === family);
