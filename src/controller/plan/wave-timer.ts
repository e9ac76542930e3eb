/** Which steps of a plan may be written now, and when the next ones may. Pure but for its clock. */
import type { Clock } from '../../cluster/clock.ts';
import { isBefore, waveOf, WAVES, type Wave } from './order.ts';
import type { Step } from './step.ts';
import type { Transition } from './transition.ts';

/**
 * The time for which the waves before must have been stored when a wave begins. Felix watches each kind by
 * itself, so nodes may learn of two writes to different kinds in the other order.
 */
export const SETTLE_MS = 1000;

/**
 * How much later than we nodes may hear of the API server again after an outage. A starting API server sends
 * clients away for 5 s (503 with Retry-After: k8s.io/apiserver pkg/util/notfoundhandler). Each watch of Felix
 * waits for that, then lists its kind anew, on every node at once.
 */
const OUTAGE_GRACE_MS = 10_000;

export interface Due {
  readonly phases: readonly (readonly Step[])[];
  /** Milliseconds until more may be written; 0: now, or when the due steps are done. */
  readonly waitMs: number;
}

/** Remembers when each wave was last written to. */
export class WaveTimer {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #wrote: Map<Wave, number>;
  /**
   * The rest of a transition may need no waves, but it still comes after what was written of the transition.
   */
  #settlesAt = 0;
  /** Nobody can say what nodes know of earlier writes. */
  #outageGraceUntil = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    // Writes before this process led may be as young as the process.
    this.#wrote = new Map(WAVES.map((wave) => [wave, clock.now()]));
  }

  /** @param staged as the transition said of which these are steps */
  wrote(steps: readonly Step[], staged: boolean): void {
    const now = this.#clock.now();
    for (const step of steps) this.#wrote.set(waveOf(step), now);
    if (staged) this.#settlesAt = now + SETTLE_MS;
  }

  /**
   * Endpoints that are not ours to write still have to leave the policies, or to join them: as if they were
   * written now.
   */
  noteEndpoints({ leaving, joining }: { readonly leaving: boolean; readonly joining: boolean }): void {
    if (leaving) this.#wrote.set('endpointsLeave', this.#clock.now());
    if (joining) this.#wrote.set('endpointsJoin', this.#clock.now());
  }

  /** Milliseconds until what was written of a transition has settled. */
  get settlingMs(): number {
    return Math.max(0, Math.max(this.#settlesAt, this.#outageGraceUntil) - this.#clock.now());
  }

  /**
   * @param at when the API server came back (`Clock.now()`). Nodes may have missed writes shortly before the
   * outage and shortly after it.
   */
  noteOutageEnd(at: number): void {
    this.#outageGraceUntil = at + OUTAGE_GRACE_MS;
  }

  /** The steps that may be taken now. Those that ignore waves go with whichever wave is due. */
  due({ plan: { phases }, staged }: Transition, ignoresWaves: (step: Step) => boolean): Due {
    const steps = phases.flat().filter((step) => !ignoresWaves(step));
    const wave = WAVES.find((each) => steps.some((step) => waveOf(step) === each));
    // The last removals wait for what was written before, whether that needed waves or not.
    const isEarly = steps.some((step) => isBefore(step, 'retire'));
    if (!staged && isEarly && this.settlingMs === 0) return { phases, waitMs: 0 };
    const waitMs = wave === undefined ? 0 : Math.max(0, this.#settledAt(wave) - this.#clock.now());
    const isDue = (step: Step): boolean => ignoresWaves(step) || (waitMs === 0 && waveOf(step) === wave);
    const due = phases.map((some) => some.filter(isDue)).filter((some) => some.length > 0);
    return { phases: due, waitMs };
  }

  #settledAt(wave: Wave): number {
    const before = WAVES.slice(0, WAVES.indexOf(wave)).map((each) => this.#wrote.get(each) ?? 0);
    return before.length === 0 ? 0 : Math.max(this.#outageGraceUntil, ...before.map((at) => at + SETTLE_MS));
  }
}
