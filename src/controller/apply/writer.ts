/** Writes the steps of a plan that are due, and knows when others will be. */
import type { Clock } from '../../cluster/clock.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import type { Logger } from '../../cluster/logger.ts';
import type { Authorship } from '../objects/authorship.ts';
import { contentOf, isHeld, isOpen, type RemoveStep, type Step } from '../plan/step.ts';
import type { Patience } from './patience.ts';
import type { Transition } from '../plan/transition.ts';
import { SETTLE_MS, type WaveTimer } from '../plan/wave-timer.ts';
import type { Alterations } from './alterations.ts';
import type { Drift } from './drift.ts';
import { execute, type WriteResult } from './execute.ts';

export interface WriterOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly drift: Drift;
  readonly authorship: Authorship;
  readonly alterations: Alterations;
  readonly waveTimer: WaveTimer;
  readonly patience: Patience;
}

/** When steps of a plan may be written. */
export interface NextSteps {
  /** True when some may be written at once. */
  readonly areDue: boolean;
  /** Milliseconds until others may. Those that are 0 do not count. */
  readonly waits: readonly number[];
}

/**
 * The maximum time in which a round writes. Then the next one looks anew, so drift and a changed spec do not
 * wait for the end of a large plan.
 */
const ROUND_MS = 5000;
/** A step that was tried without effect is not tried at full speed. */
export const NO_EFFECT_MS = 100;
/**
 * Open removals of one round. There may be thousands, and the next round may have something to do for others.
 */
const OPEN_REMOVALS = 4;
/** Names of policies in one line of the log. */
const MAX_NAMED = 10;
/** An open removal that had no effect is repeated after this time. */
const OPEN_AGAIN_MS = 60_000;

export class Writer {
  readonly #options: WriterOptions;
  /** Steps that the API server refused or altered in the last round, and those that need one of them. */
  #unwritable: ReadonlySet<string> = new Set();
  /** Those of them that the API server altered. */
  #altered: ReadonlySet<string> = new Set();
  /** `Clock.now()` at which open removals were tried, by uid. */
  #openTries: ReadonlyMap<string, number> = new Map();

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /**
   * True for a step that no wave waits for: a repair, one that does not succeed anyway, or one that concerns
   * what may be a tenant's work. So is one that others have kept from being done for too long.
   */
  ignoresWaves(step: Step): boolean {
    const isOverdue = isHeld(step) && this.#options.patience.isOver(step);
    return this.#isDrift(step) || this.#unwritable.has(keyOf(step)) || isOpen(step) || isOverdue;
  }

  /**
   * Contested objects wait their turn. Other drift is repaired first, because the desired form was in force
   * before.
   */
  async write(now: Transition, defers: (step: Step) => boolean, signal: AbortSignal): Promise<WriteResult> {
    const { waveTimer } = this.#options;
    const { phases } = waveTimer.due(now, (step) => this.ignoresWaves(step) || defers(step));
    const isDue = (step: Step): boolean =>
      this.#driftWaitMs(step) === 0 && !defers(step) && !isOpenRemoval(step) && !isHeld(step);
    const due = phases.map((steps) => steps.filter(isDue));
    const repairs = due.map((steps) => steps.filter((step) => this.#isDrift(step)));
    const changes = due.map((steps) => steps.filter((step) => !this.#isDrift(step) && !isOpen(step)));
    const openChanges = due.map((steps) => steps.filter((step) => !this.#isDrift(step) && isOpen(step)));
    const written = new Set<string>();
    const bound = this.#bound(signal);
    try {
      const executor = { ...this.#options, signal: bound.signal };
      const outcome = await execute([...repairs, ...changes, ...openChanges], executor);
      this.#unwritable = new Set(outcome.unwritten.map(({ step }) => keyOf(step)));
      const altered = outcome.unwritten.filter((each) => each.altered !== undefined);
      this.#altered = new Set(altered.map(({ step }) => keyOf(step)));
      for (const { id } of outcome.written) written.add(id);
      if (outcome.stopped !== undefined || outcome.interrupted) return outcome;
      // Nobody waits for these, and whatever becomes of them is no trouble of the plan. In a transition they would
      // compete with the steps of others.
      const isBusy = now.plan.phases.flat().some((step) => !this.ignoresWaves(step) && !defers(step));
      if (isBusy) return outcome;
      const { mistaken } = await execute([this.#openRemovals(now)], executor);
      return { ...outcome, mistaken: [...outcome.mistaken, ...mistaken] };
    } finally {
      // An object that the API server has altered is stored all the same.
      const isTried = (step: Step): boolean => !this.#unwritable.has(keyOf(step)) || written.has(step.id);
      waveTimer.wrote(changes.flat().filter(isTried), now.staged);
      bound.cancel();
    }
  }

  /**
   * Removes the policies whose author is open and that name a firewall which is about to go. Once it is gone,
   * they may be anybody's, so nothing removes them. This takes no longer than a round writes.
   */
  async removeOpenOf(firewall: string, { plan: { phases } }: Transition, signal: AbortSignal): Promise<void> {
    const steps = phases.flat().filter((step) => isOpenRemoval(step) && step.live.firewall === firewall);
    if (steps.length === 0) return;
    const bound = this.#bound(signal);
    const { written } = await execute([steps], { ...this.#options, signal: bound.signal }).finally(
      bound.cancel,
    );
    const gone = new Set<string>(written.map(({ id }) => id));
    const left = steps.filter(({ id }) => !gone.has(id)).map(({ id }) => id);
    if (left.length === 0) return;
    const some = left.slice(0, MAX_NAMED);
    this.#options.log.warn({ firewall, policies: left.length, some }, 'policies that name it could not go');
  }

  /** Aborts after the time in which a round writes, and with the signal. */
  #bound(signal: AbortSignal): { readonly signal: AbortSignal; readonly cancel: () => void } {
    const time = new AbortController();
    const cancel = this.#options.clock.setTimeout(() => {
      time.abort();
    }, ROUND_MS);
    return { signal: AbortSignal.any([signal, time.signal]), cancel };
  }

  /**
   * @param defers true for a step that waits for something outside the plan
   * @param isAwaited true for a step that a later event of a watch will trigger
   */
  next(after: Transition, defers: (step: Step) => boolean, isAwaited: (step: Step) => boolean): NextSteps {
    const ignoresWaves = (step: Step): boolean => this.ignoresWaves(step) || isAwaited(step);
    const { phases, waitMs } = this.#options.waveTimer.due(after, ignoresWaves);
    const held = after.plan.phases.flat().filter(isHeld);
    const repairs = after.plan.phases
      .flat()
      .filter((step) => this.#isDrift(step) && !this.#unwritable.has(keyOf(step)));
    // A wait is never 0. A repair that had to wait when this round began to write may be due by now, and
    // nothing else would trigger it.
    const repairWaits = repairs.map((step) =>
      Math.max(this.#driftWaitMs(step), defers(step) ? SETTLE_MS : NO_EFFECT_MS),
    );
    const retryWaits = after.plan.phases
      .flat()
      .filter((step) => this.#altered.has(keyOf(step)))
      .map((step) => Math.max(this.#retryWaitMs(step) ?? 0, NO_EFFECT_MS));
    return {
      areDue: waitMs === 0 && phases.flat().some((step) => !ignoresWaves(step) && !isHeld(step)),
      waits: [
        waitMs,
        ...repairWaits,
        ...retryWaits,
        ...held.map((step) => this.#options.patience.waitMs(step)),
        ...this.#openWaits(after),
      ],
    };
  }

  /** Those that are due, and remembered as tried. */
  #openRemovals({ plan: { phases } }: Transition): readonly RemoveStep[] {
    const now = this.#options.clock.now();
    const all = phases.flat().filter(isOpenRemoval);
    const due = all.filter((step) => this.#openWaitMs(step) === 0).slice(0, OPEN_REMOVALS);
    const before = all.flatMap(({ live: { uid } }) => {
      const at = this.#openTries.get(uid);
      return at === undefined ? [] : [[uid, at] as const];
    });
    this.#openTries = new Map([...before, ...due.map(({ live }) => [live.uid, now] as const)]);
    return due;
  }

  #openWaitMs({ live }: RemoveStep): number {
    const tried = this.#openTries.get(live.uid);
    return tried === undefined ? 0 : Math.max(0, tried + OPEN_AGAIN_MS - this.#options.clock.now());
  }

  /** Milliseconds until the next open step. It is no hurry. Refused and altered ones have times of their own. */
  #openWaits({ plan: { phases } }: Transition): readonly number[] {
    return phases
      .flat()
      .filter((step) => isOpen(step) && !this.#unwritable.has(keyOf(step)))
      .map((step) => Math.max(SETTLE_MS, isOpenRemoval(step) ? this.#openWaitMs(step) : 0));
  }

  #isDrift(step: Step): boolean {
    return step.action !== 'remove' && this.#options.drift.isDrift(step.id, contentOf(step));
  }

  /** Undefined for a step that the API server has not altered. */
  #retryWaitMs(step: Step): number | undefined {
    if (step.action === 'remove') return undefined;
    return this.#options.alterations.waitMs(step.id, contentOf(step));
  }

  /** An altered object counts as no drift: execute.ts knows when it is written again. */
  #driftWaitMs(step: Step): number {
    const isAltered = this.#retryWaitMs(step) !== undefined;
    return this.#isDrift(step) && !isAltered ? this.#options.drift.waitMs(step.id) : 0;
  }
}

const isOpenRemoval = (step: Step): step is RemoveStep => step.action === 'remove' && isOpen(step);

/** A step with the content that it would write. */
const keyOf = (step: Step): string =>
  step.action === 'remove' ? `${step.id} ${step.live.uid}` : `${step.id} ${contentOf(step)}`;
