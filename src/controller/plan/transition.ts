/** When a plan needs bridges and pauses, and what of it may be done now. Pure, but for the clock in WaveTimer. */
import type { PolicyType } from '../../calico/types.ts';
import type { Clock } from '../../cluster/clock.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { bridgesTo, closesBridges } from './bridges.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject, OwnedObject } from '../objects/live.ts';
import { isStoredCopy, nodeChange } from './node-transition.ts';
import { plan, type Plan, type PlanInput } from './plan.ts';
import type { Step } from './step.ts';
import {
  ENDPOINTS_COME,
  ENDPOINTS_LEAVE,
  isNodeStep,
  LATE,
  phaseOf,
  stageOf,
  STAGES,
  type Stage,
} from './waves.ts';

/**
 * Felix watches each kind by itself: of two writes to different kinds, nodes may learn the second one first. A stage begins when the one
 * before it has been stored for so long.
 */
export const SETTLE_MS = 1000;

/**
 * How much later than we nodes may hear of the API server again, after an outage. While it starts it sends clients away for 5 s (503 with
 * Retry-After: k8s.io/apiserver pkg/util/notfoundhandler), which each watch of Felix waits out; then each lists its kind anew, on every
 * node at once.
 */
const OUTAGE_GRACE_MS = 10_000;

export interface Transition {
  /** Bridges included. */
  readonly plan: Plan;
  /** True when its stages wait for one another. */
  readonly staged: boolean;
  /** True when bridges from what is stored are wanted, and `from` did not have them. */
  readonly needsStored: boolean;
}

export interface TransitionInput extends PlanInput {
  /** Repairs of drift, which wait for nothing, and what the API server refuses: no transition is made for either. */
  readonly ignoresWaves: (step: Step) => boolean;
  /** As bridgesFrom and nodeCopies make them; undefined: not read. */
  readonly from:
    | { readonly bridges: readonly DesiredObject[]; readonly copies: ReadonlyMap<string, DesiredObject> }
    | undefined;
}

/** The plan with the bridges and copies that it needs, or without those that it needs no more. */
export function transition(input: TransitionInput): Transition {
  const live = [...input.live];
  const bridges = live.filter(isBridge);
  const copies = live.filter(isStoredCopy);
  const temporary = new Set<LiveObject>([...bridges, ...copies]);
  const bare = plan({ ...input, live: live.filter((object) => !temporary.has(object)) });
  const steps = bare.phases.flat().filter((step) => !input.ignoresWaves(step));
  const pods = podChange(input, bare, bridges, steps);
  const nodes = nodeChange({ steps, stored: copies, copies: input.from?.copies });
  const kept = new Set<LiveObject>([...pods.kept, ...nodes.kept]);
  const isBare = temporary.size === 0 && pods.wanted.length + nodes.wanted.length === 0;
  return {
    plan: isBare
      ? bare
      : plan({
          ...input,
          desired: [...input.desired, ...pods.wanted, ...nodes.wanted],
          live: live.filter((object) => !kept.has(object)),
        }),
    staged: pods.staged || nodes.staged,
    needsStored: pods.needsStored || nodes.needsStored,
  };
}

interface PodChange {
  /** Bridges to be written. */
  readonly wanted: readonly DesiredObject[];
  /** Bridges that stay as they are. */
  readonly kept: readonly OwnedObject[];
  readonly staged: boolean;
  readonly needsStored: boolean;
}

function podChange(
  input: TransitionInput,
  bare: Plan,
  bridges: readonly OwnedObject[],
  all: readonly Step[],
): PodChange {
  const steps = all.filter((step) => !isNodeStep(step));
  const changes = steps.filter(isChange);
  const careful = isCareful(steps);
  const staged = careful || bridges.length > 0;
  if (changes.length === 0 || !staged) return { wanted: [], kept: [], staged, needsStored: false };
  // What is left needs none, but what was begun is finished as it was begun.
  if (!careful) return { wanted: [], kept: bridges, staged, needsStored: false };
  const known = bridges.filter(({ phase }) => phase === 'bridgeFrom');
  const isKnown = known.some(({ rules }) => closesBridges(rules));
  const wantsFrom = !isKnown && changes.some(leavesBehind);
  return {
    wanted: [...bridgesTo(eligible(input.desired, bare)), ...(wantsFrom ? (input.from?.bridges ?? []) : [])],
    kept: isKnown ? known : [],
    staged,
    needsStored: wantsFrom && input.from === undefined,
  };
}

const isBridge = (object: LiveObject): object is OwnedObject =>
  object.ours && (object.phase === 'bridgeFrom' || object.phase === 'bridgeTo') && !isStoredCopy(object);

const kindOf = (step: Step) => (step.action === 'apply' ? step.desired.object.kind : step.live.kind);
const isEnforced = (step: Step): boolean =>
  kindOf(step) === 'GlobalNetworkPolicy' || kindOf(step) === 'NetworkPolicy';
const isUpdate = (step: Step): boolean => step.action === 'apply' && step.live !== undefined;
const isLoss = (step: Step): boolean => step.action === 'remove' || isUpdate(step);
const isGain = (step: Step): boolean => step.action === 'apply';

/** Changes what passes. A guardrail's removal comes when all of these are done. */
function isChange(step: Step): boolean {
  if (!isEnforced(step)) return false;
  const phase = phaseOf(step);
  return phase === 'allow' || phase === 'deny' || (phase === 'guardrail' && step.action === 'apply');
}

/** Takes something out of force that a bridge has to stand in for. */
const leavesBehind = (step: Step): boolean =>
  (phaseOf(step) === 'deny' && isLoss(step)) || (phaseOf(step) === 'guardrail' && isUpdate(step));

/**
 * False where any order of single writes, allows before what they replace, shows no flow another verdict than the one it has before or
 * after: one write alone, allows that only come, allows that only go.
 */
function isCareful(steps: readonly Step[]): boolean {
  const enforced = steps.filter(isEnforced);
  const of = (phase: string): readonly Step[] => enforced.filter((step) => phaseOf(step) === phase);
  const [allows, denies, guardrails] = [of('allow'), of('deny'), of('guardrail')];
  const sets = steps.filter((step) => phaseOf(step) === 'set' && !isUpdate(step));
  // A policy without its set says something else, more where it names the set in a negation.
  if (sets.some(isGain) && enforced.some(isGain)) return true;
  if (!sets.every(isGain) && enforced.some(isLoss)) return true;
  if (denies.length > 0 && allows.length + guardrails.length + denies.length > 1) return true;
  if (guardrails.length > 0 && allows.length > 0) return true;
  return movesBetween(allows) || (guardrails.some(isUpdate) && guardrails.length > 1);
}

/** Something may go from one policy to another: one loses, another gains, in the same direction. */
function movesBetween(allows: readonly Step[]): boolean {
  return allows.some(
    (loser) =>
      isLoss(loser) &&
      allows.some(
        (gainer) =>
          gainer !== loser && isGain(gainer) && typesOf(loser).some((type) => typesOf(gainer).includes(type)),
      ),
  );
}

function typesOf(step: Step): readonly PolicyType[] {
  if (step.action === 'apply' && 'types' in step.desired.object.spec) return step.desired.object.spec.types;
  return ['Ingress', 'Egress'];
}

/** What will be in force in the end: not what waits, or what somebody else's object stands in the way of. */
function eligible(desired: readonly DesiredObject[], bare: Plan): readonly DesiredObject[] {
  const not = new Set([...bare.waiting, ...bare.blocked, ...bare.taken.map((each) => each.desired)]);
  const open = new Set(bare.phases.flat().map(({ id }) => id));
  const isDue = ({ object }: DesiredObject): boolean => {
    const id = objectId(object.kind, object.metadata);
    return open.has(id) || bare.current.has(id);
  };
  return desired.filter((each) => !not.has(each) && isDue(each));
}

export interface Due {
  readonly phases: readonly (readonly Step[])[];
  /** Milliseconds until more may be done; 0: now, or when what is due is done. */
  readonly waitMs: number;
}

/** Remembers when each stage was last written to. */
export class WaveTimer {
  readonly #clock: Pick<Clock, 'now'>;
  /** What was written before this process led may be as young as the process. */
  readonly #wrote: number[];
  /** What is left of a transition may need no stages, but still comes after what was written of it. */
  #settlesAt = 0;
  /** Of what is written before, nobody can say what nodes know. */
  #outageGraceUntil = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#wrote = Array.from({ length: STAGES }, () => clock.now());
  }

  /** @param staged as the transition said of which these are steps */
  wrote(steps: readonly Step[], staged: boolean): void {
    const now = this.#clock.now();
    for (const step of steps) this.#wrote[stageOf(step)] = now;
    if (staged) this.#settlesAt = now + SETTLE_MS;
  }

  /** Endpoints that are not ours to write are still to leave the policies, or to come under them: as if they were written now. */
  noteEndpoints({ leaving, joining }: { readonly leaving: boolean; readonly joining: boolean }): void {
    if (leaving) this.#wrote[ENDPOINTS_LEAVE] = this.#clock.now();
    if (joining) this.#wrote[ENDPOINTS_COME] = this.#clock.now();
  }

  /** Milliseconds until what was written of a transition has settled. */
  get settlingMs(): number {
    return Math.max(0, Math.max(this.#settlesAt, this.#outageGraceUntil) - this.#clock.now());
  }

  /**
   * The API server was away until then (`Clock.now()`). What was written shortly before may be as unknown to nodes as what was written
   * shortly after.
   */
  noteOutageEnd(at: number): void {
    this.#outageGraceUntil = at + OUTAGE_GRACE_MS;
  }

  /** The steps that may be taken now. Those apart go with whatever stage is due. */
  due({ plan: { phases }, staged }: Transition, ignoresWaves: (step: Step) => boolean): Due {
    const steps = phases.flat();
    const stages = steps.filter((step) => !ignoresWaves(step)).map(stageOf);
    const stage = Math.min(...stages) as Stage;
    // What is taken away last waits for what was written before, whether that needed stages or not.
    const isPaced = Math.max(this.#settlesAt, this.#outageGraceUntil) > this.#clock.now();
    if (!staged && stage < LATE && !isPaced) return { phases, waitMs: 0 };
    const waitMs = stages.length === 0 ? 0 : Math.max(0, this.#settledAt(stage) - this.#clock.now());
    const isDue = (step: Step): boolean => ignoresWaves(step) || (waitMs === 0 && stageOf(step) === stage);
    const due = phases.map((some) => some.filter(isDue)).filter((some) => some.length > 0);
    return { phases: due, waitMs };
  }

  #settledAt(stage: Stage): number {
    const before = this.#wrote.slice(0, stage);
    return before.length === 0 ? 0 : Math.max(this.#outageGraceUntil, ...before.map((at) => at + SETTLE_MS));
  }
}
