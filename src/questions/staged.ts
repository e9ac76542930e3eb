/** The verdict that the staged policies would give a packet, if they were enforced. */
import type { StoredPolicy } from '../calico/read/policy.ts';
import type { Decision, Verdict } from '../simulator/decision.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { Step } from '../simulator/trail.ts';
import type { Answer } from './ask.ts';
import { decidingPlace, passedAt, type Passed } from './passed.ts';
import type { PolicyPlace, Provenance } from './provenance.ts';
import { namesake, removalsIn } from './world.ts';

export interface Staged {
  /** All of them together would give it. */
  readonly verdict: Verdict;
  /** The place that would decide. */
  readonly decidedAt: Passed;
  /** Staged policies that would remove one that judges the packet now. */
  readonly removals: readonly PolicyPlace[];
}

/**
 * Undefined where the staged policies would change nothing, and decide nothing.
 * @param later the same flow with staged policies enforced
 */
export function stagedFor(
  { now, later }: { readonly now: Prepared; readonly later: Prepared },
  answer: Answer,
  then: Answer,
  provenance: Provenance,
): Staged | undefined {
  const removals = removalsOf(now, answer.outcome.steps);
  const { verdict, steps, decisive } = then.outcome;
  const own = steps.findLast(({ decision }) => isByStaged(decision));
  const isNew = verdict !== answer.outcome.verdict;
  if (own === undefined && removals.length === 0 && !isNew) return undefined;
  const path = steps.map((step) => passedAt(later, step, provenance));
  // Several places may let it pass, and a reader asks for the one that a staged policy decides.
  const isOwn = verdict === 'Allowed' && own !== undefined;
  return {
    verdict,
    decidedAt: isOwn
      ? passedAt(later, own, provenance)
      : decidingPlace(path, passedAt(later, decisive, provenance)),
    removals: removals.map((policy) => provenance.policyPlace(policy)),
  };
}

const isStaged = ({ kind }: StoredPolicy): boolean => kind.startsWith('Staged');

const isByStaged = ({ by }: Decision): boolean =>
  (by.kind === 'rule' && isStaged(by.policy)) || (by.kind === 'endOfTier' && by.policies.some(isStaged));

function removalsOf({ world }: Prepared, steps: readonly Step[]): readonly StoredPolicy[] {
  const removals = removalsIn(world);
  const judging = steps.flatMap(({ asked = [] }) => asked.map(({ policy }) => namesake(policy)));
  return [...new Set(judging)].flatMap((name) => removals.get(name) ?? []);
}
