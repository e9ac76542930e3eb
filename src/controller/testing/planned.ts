/** Plans of tests, and the words in which tests tell them. */
import type { DesiredObject } from '../../compiler/types.ts';
import { only, plan, type Comparison, type Plan, type PlanInput } from '../plan/plan.ts';
import type { Step } from '../plan/step.ts';

/** A plan in which all that is not given is empty. */
export const planned = (input: Partial<PlanInput>): Plan =>
  plan({
    desired: [],
    live: [],
    frozen: [],
    firewalls: new Set(['default', 'team']),
    isClosedNamespace: () => false,
    ...input,
  });

/** The object under another name. */
export const renamed = ({ object }: DesiredObject, name: string): DesiredObject['object'] => ({
  ...object,
  metadata: { ...object.metadata, name },
});

export const idsOf = ({ comparisons }: Plan, is: Comparison['is']): readonly string[] =>
  only(comparisons, is).map(({ id }) => id);

/** Ids of the steps, phase by phase: + creates, ~ changes, - removes. */
export const phasesOf = (result: Plan): readonly (readonly string[])[] =>
  result.phases.map((steps) => steps.map(shown));

const shown = (step: Step): string =>
  `${step.action === 'remove' ? '-' : step.live === undefined ? '+' : '~'}${step.id}`;
