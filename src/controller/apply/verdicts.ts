/**
 * One verdict for each object that a round wants, reached once, after the writes. Status, metrics, the report
 * of the nodes and the next look read it. Pure.
 */
import type { GeneratedKind } from '../../calico/types.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { objectId, type ObjectId } from '../objects/kinds.ts';
import type { Comparison, Plan } from '../plan/plan.ts';
import type { Unwritten } from './execute.ts';

/** The stored objects decide first, then the writes, then the memory of drift. */
type State =
  /** This Calico does not have the kind. */
  | { readonly is: 'NotServed' }
  | Comparison
  /** Its write was refused in this round. `isStored`: it is there with another content. */
  | { readonly is: 'Refused'; readonly message: string; readonly isStored: boolean }
  /** The API server stored other fields than were written. */
  | { readonly is: 'Altered'; readonly fields: readonly string[] }
  /** It was not written in this round, because it needs what was refused or altered. */
  | { readonly is: 'NeedsRefused'; readonly isStored: boolean }
  /** Another client changes it again and again. `isCurrent`: it is as desired at this moment. */
  | { readonly is: 'Contested'; readonly isCurrent: boolean; readonly manager?: string };

export type Verdict = State & {
  readonly id: ObjectId;
  readonly desired: DesiredObject;
  /** True for a bridge or a shadow. It is there for a transition only, and counts nowhere. */
  readonly isTemporary: boolean;
};

export interface VerdictsInput {
  /** The compiled objects. */
  readonly desired: readonly DesiredObject[];
  /** Computed after the writes. */
  readonly plan: Pick<Plan, 'comparisons'>;
  readonly unwritten: readonly Unwritten[];
  readonly serves: (kind: GeneratedKind) => boolean;
  readonly isContested: (id: ObjectId) => boolean;
  /** The field manager that changes a contested object. */
  readonly contestant?: (id: ObjectId) => string | undefined;
}

/**
 * One for each object that is desired, and for each temporary one that the plan wants or that could not be
 * written.
 */
export function verdictsOf(input: VerdictsInput): readonly Verdict[] {
  const { desired, plan, serves } = input;
  const compiled = new Set(desired);
  const unwritten = new Map(
    input.unwritten.flatMap(({ step, ...why }) =>
      step.action === 'apply' ? [[step.id, { ...why, step }] as const] : [],
    ),
  );
  const common = (each: DesiredObject) => ({
    id: objectId(each.object.kind, each.object.metadata),
    desired: each,
    isTemporary: !compiled.has(each),
  });
  const verdicts: readonly Verdict[] = [
    ...plan.comparisons.map((comparison) => ({
      ...stateOf(comparison, unwritten.get(comparison.id), input),
      ...common(comparison.desired),
    })),
    ...desired
      .filter(({ object }) => !serves(object.kind))
      .map((each) => ({ is: 'NotServed' as const, ...common(each) })),
  ];
  const known = new Set(verdicts.map(({ id }) => id));
  const others = [...unwritten.values()]
    .filter(({ step }) => !known.has(step.id))
    .map((each) => ({ ...failureOf(each), ...common(each.step.desired) }));
  return [...verdicts, ...others];
}

function stateOf(
  comparison: Comparison,
  unwritten: Unwritten | undefined,
  { isContested, contestant }: VerdictsInput,
): State {
  const { is, id } = comparison;
  if (is !== 'Pending' && is !== 'Current') return comparison;
  if (is === 'Pending' && unwritten !== undefined) return failureOf(unwritten);
  if (!isContested(id)) return comparison;
  const manager = contestant?.(id);
  return { is: 'Contested', isCurrent: is === 'Current', ...(manager !== undefined && { manager }) };
}

function failureOf({
  step,
  refusal,
  altered,
}: Unwritten): Extract<State, { is: 'Refused' | 'Altered' | 'NeedsRefused' }> {
  if (altered !== undefined) return { is: 'Altered', fields: altered };
  const isStored = step.live !== undefined;
  return refusal === undefined
    ? { is: 'NeedsRefused', isStored }
    : { is: 'Refused', message: refusal, isStored };
}

/**
 * True for an object that status and metrics count. One that waits does not, and neither does a temporary
 * one.
 */
export const isCounted = ({ is, isTemporary }: Verdict): boolean => is !== 'Waiting' && !isTemporary;

/** True for an object that is stored with the content it should have, or must keep while a problem holds it. */
export const isInPlace = (verdict: Verdict): boolean =>
  verdict.is === 'Current' || verdict.is === 'Frozen' || (verdict.is === 'Contested' && verdict.isCurrent);

/**
 * True for an object that should be stored and is not, or has another content. One that waits or is not served
 * does not count.
 */
export const isMissing = (verdict: Verdict): boolean =>
  verdict.is !== 'Waiting' && verdict.is !== 'NotServed' && !isInPlace(verdict);
