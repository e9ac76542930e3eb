/** The answer to a question, with its reasons. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { Prepared } from '../simulator/prepared.ts';
import { ask, type Answer, type Question } from './ask.ts';
import { candidatesFor, type Addition } from './addition.ts';
import type { Cause } from './cause.ts';
import type { Names } from './ends.ts';
import { nearestRule, type Nearest } from './nearest.ts';
import { decidingPlace, passedAt, type Passed } from './passed.ts';
import type { Provenance } from './provenance.ts';
import { remarksOn } from './remarks.ts';
import { stagedFor, type Staged } from './staged.ts';

export interface Explanation {
  readonly answer: Answer;
  readonly path: readonly Passed[];
  /** The place that denies it; for an allowed flow, the last rule on its way. */
  readonly decidedAt: Passed;
  readonly cause: Cause;
  readonly remarks: readonly string[];
  /** Where the staged policies would decide about it, or change the verdict. */
  readonly staged?: Staged;
  /** For a denial, where a rule differs in one thing alone. */
  readonly nearest?: Nearest;
  /** For a denial that a rule can open. */
  readonly addition?: Addition;
}

export interface Setting {
  readonly prepared: Prepared;
  readonly provenance: Provenance;
  readonly names: Names;
  readonly firewalls: readonly ClusterFirewall[];
  /** The world with its staged policies enforced. Absent where there are none. */
  readonly staged?: () => Prepared;
  /** The world with other firewalls. Absent where nothing is compiled, and no addition can be tried. */
  readonly compiled?: (firewalls: readonly ClusterFirewall[]) => Prepared;
}

/** One explanation for each flow that the question is about. @throws QuestionError */
export function explain(setting: Setting, question: Question): readonly Explanation[] {
  const { prepared, provenance, names, staged } = setting;
  const tried = new Map<string, Addition | undefined>();
  const enforced = staged?.();
  const later = enforced && { prepared: enforced, answers: ask(enforced, question, names) };
  return ask(prepared, question, names).map((answer) => {
    const { steps, decisive } = answer.outcome;
    const path = steps.map((step) => passedAt(prepared, step, provenance));
    const decidedAt = decidingPlace(path, passedAt(prepared, decisive, provenance));
    const whatIf = stagedOf(setting, later, answer);
    const { cause } = decidedAt;
    const explanation = {
      answer,
      path,
      decidedAt,
      cause,
      remarks: remarksOn(prepared, answer),
      ...(whatIf !== undefined && { staged: whatIf }),
    };
    if (cause.verdict !== 'Denied' || cause.denial !== 'unopened') return explanation;
    const nearest = nearestRule(prepared, decisive, answer.header, provenance);
    const addition = smallestAddition(setting, question, answer, tried);
    return {
      ...explanation,
      ...(nearest !== undefined && { nearest }),
      ...(addition !== undefined && { addition }),
    };
  });
}

/** The same flow with staged policies enforced, and what they would do to it. */
function stagedOf(
  { prepared, provenance }: Setting,
  later: { readonly prepared: Prepared; readonly answers: readonly Answer[] } | undefined,
  answer: Answer,
): Staged | undefined {
  const same = later?.answers.filter((each) => isSameFlow(each, answer));
  const then = same?.find(({ entry }) => entry === answer.entry) ?? same?.[0];
  if (later === undefined || then === undefined) return undefined;
  return stagedFor({ now: prepared, later: later.prepared }, answer, then, provenance);
}

/** The first candidate with which the flow is allowed. */
function smallestAddition(
  { prepared, provenance, names, firewalls, compiled }: Setting,
  question: Question,
  answer: Answer,
  tried: Map<string, Addition | undefined>,
): Addition | undefined {
  if (compiled === undefined) return undefined;
  for (const { addition, firewalls: changed } of candidatesFor(prepared, answer, firewalls)) {
    const key = JSON.stringify(addition);
    if (tried.has(key)) return tried.get(key);
    const after = ask(compiled(changed), question, names).filter((each) => isSameFlow(each, answer));
    const works = after.length > 0 && after.every(({ outcome }) => outcome.verdict === 'Allowed');
    const place = provenance.placeOfField(addition.firewall, addition.field);
    const placed = { ...addition, ...(place !== undefined && { place }) };
    tried.set(key, works ? placed : undefined);
    if (works) return placed;
  }
  return undefined;
}

/** Through whichever node it comes in. */
const isSameFlow = (a: Answer, b: Answer): boolean =>
  a.from.name === b.from.name &&
  a.to.name === b.to.name &&
  a.sent.destination === b.sent.destination &&
  a.sent.source === b.sent.source;
