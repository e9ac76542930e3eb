/** The answer to a question, with its reasons. */
import type { ClusterFirewall } from '../api/schema.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { Step } from '../simulator/trail.ts';
import { podName } from '../simulator/world.ts';
import { ask, type Answer, type Question } from './ask.ts';
import { candidatesFor, type Addition } from './addition.ts';
import { causeOf, type Cause } from './cause.ts';
import type { Names } from './ends.ts';
import { nearestRule, type Nearest } from './nearest.ts';
import type { Provenance } from './provenance.ts';
import { remarksOn } from './remarks.ts';

/** A place on the way, and what it decided. */
export interface Passed {
  readonly step: Step;
  /** `NAMESPACE/NAME` of the pod that is judged, or that gets the packet. Absent for a node. */
  readonly pod?: string;
  readonly cause: Cause;
}

export interface Explanation {
  readonly answer: Answer;
  readonly path: readonly Passed[];
  /** The place that denies it; for an allowed flow, the last rule on its way. */
  readonly decidedAt: Passed;
  readonly cause: Cause;
  readonly remarks: readonly string[];
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
  const later = staged === undefined ? [] : ask(staged(), question, names);
  return ask(prepared, question, names).map((answer) => {
    const { steps, decisive } = answer.outcome;
    const path = steps.map((step) => passedAt(prepared, step, provenance));
    const isAllowed = answer.outcome.verdict === 'Allowed';
    const decidedAt = (isAllowed ? lastOpener(path) : undefined) ?? passedAt(prepared, decisive, provenance);
    const { cause } = decidedAt;
    const explanation = {
      answer,
      path,
      decidedAt,
      cause,
      remarks: [...remarksOn(prepared, answer), ...wouldBe(answer, later, provenance)],
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

/** The last rule on the way of an allowed flow, or a failsafe where there is none. */
const lastOpener = (path: readonly Passed[]): Passed | undefined =>
  path.findLast(({ cause }) => cause.policies.length > 0) ??
  path.findLast(({ step }) => step.decision.by.kind === 'failsafe');

function passedAt(prepared: Prepared, step: Step, provenance: Provenance): Passed {
  const { layer, source, destination } = step;
  const isSender = layer === 'pod egress' || layer === 'pod to its node';
  const place = prepared.placeOf(isSender ? source : destination);
  const isAtPod = layer.startsWith('pod ') || layer === 'delivery';
  const pod = isAtPod && place?.kind === 'pod' ? podName(place.pod) : undefined;
  return { step, cause: causeOf(step, provenance), ...(pod !== undefined && { pod }) };
}

/** The verdict with staged policies enforced, where it is another one. */
function wouldBe(answer: Answer, later: readonly Answer[], provenance: Provenance): readonly string[] {
  const same = later.filter((each) => isSameFlow(each, answer));
  const then = same.find(({ entry }) => entry === answer.entry) ?? same[0];
  if (then === undefined || then.outcome.verdict === answer.outcome.verdict) return [];
  const { text } = causeOf(then.outcome.decisive, provenance);
  return [`with the staged policies enforced it would be ${then.outcome.verdict}: ${text}`];
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
