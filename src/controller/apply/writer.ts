/** Writes the steps of a plan that are due, and knows when others will be. */
import type { Clock } from '../../cluster/clock.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import type { Logger } from '../../cluster/logger.ts';
import type { ApplyStep, Step } from '../plan/step.ts';
import type { Transition } from '../plan/transition.ts';
import { SETTLE_MS, type WaveTimer } from '../plan/wave-timer.ts';
import type { Drift } from './drift.ts';
import { execute, type WriteResult } from './execute.ts';
import type { ServerForms } from './write.ts';

export interface WriterOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly drift: Drift;
  readonly forms: ServerForms;
  readonly waveTimer: WaveTimer;
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

export class Writer {
  readonly #options: WriterOptions;
  /** Steps that the API server refused in the last round, and those that need what it refused. */
  #unwritable: ReadonlySet<string> = new Set();

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** True for a step that no wave waits for: a repair, or one that the API server refuses anyway. */
  ignoresWaves(step: Step): boolean {
    return this.#isDrift(step) || this.#unwritable.has(keyOf(step));
  }

  /**
   * Contested objects wait their turn. Other drift is repaired first, because the desired form was in force
   * before.
   */
  async write(now: Transition, defers: (step: Step) => boolean, signal: AbortSignal): Promise<WriteResult> {
    const { clock, waveTimer } = this.#options;
    const { phases } = waveTimer.due(now, (step) => this.ignoresWaves(step) || defers(step));
    const isDue = (step: Step): boolean => this.#waitMs(step) === 0 && !defers(step);
    const due = phases.map((steps) => steps.filter(isDue));
    const repairs = due.map((steps) => steps.filter((step) => this.#isDrift(step)));
    const changes = due.map((steps) => steps.filter((step) => !this.#isDrift(step)));
    const round = new AbortController();
    const cancel = clock.setTimeout(() => {
      round.abort();
    }, ROUND_MS);
    try {
      const bounded = AbortSignal.any([signal, round.signal]);
      const outcome = await execute([...repairs, ...changes], { ...this.#options, signal: bounded });
      this.#unwritable = new Set(outcome.unwritten.map(({ step }) => keyOf(step)));
      return outcome;
    } finally {
      const tried = changes.flat().filter((step) => !this.#unwritable.has(keyOf(step)));
      waveTimer.wrote(tried, now.staged);
      cancel();
    }
  }

  /**
   * @param defers true for a step that waits for something outside the plan
   * @param isAwaited true for a step that a later event of a watch will trigger
   */
  next(after: Transition, defers: (step: Step) => boolean, isAwaited: (step: Step) => boolean): NextSteps {
    const ignoresWaves = (step: Step): boolean => this.ignoresWaves(step) || isAwaited(step);
    const { phases, waitMs } = this.#options.waveTimer.due(after, ignoresWaves);
    const repairs = after.plan.phases
      .flat()
      .filter((step) => this.#isDrift(step) && !this.#unwritable.has(keyOf(step)));
    // A wait is never 0. A repair that had to wait when this round began to write may be due by now, and
    // nothing else would trigger it.
    const repairWaits = repairs.map((step) =>
      Math.max(this.#waitMs(step), defers(step) ? SETTLE_MS : NO_EFFECT_MS),
    );
    return {
      areDue: waitMs === 0 && phases.flat().some((step) => !ignoresWaves(step)),
      waits: [waitMs, ...repairWaits],
    };
  }

  #isDrift(step: Step): step is ApplyStep {
    return step.action === 'apply' && this.#options.drift.isDrift(step.id, step.desiredHash);
  }

  #waitMs(step: Step): number {
    return this.#isDrift(step) ? this.#options.drift.waitMs(step.id) : 0;
  }
}

/** A step with the content that it would write. */
const keyOf = (step: Step): string =>
  step.action === 'apply' ? `${step.id} ${step.desiredHash}` : `${step.id} ${step.live.uid}`;
