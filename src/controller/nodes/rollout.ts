/**
 * Brings nodes under the firewall and takes them out of it, as a part of each round: enforcement labels,
 * failsafes, and the waits for host endpoints (docs/decisions/0013-node-firewall.md). It opens before anything
 * else is written and closes after everything else.
 */
import type { Clock } from '../../cluster/clock.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import type { Logger } from '../../cluster/logger.ts';
import type { HostEndpointInfo } from '../../inventory/types.ts';
import { Drift } from '../apply/drift.ts';
import type { Journal } from '../apply/journal.ts';
import type { Verdict } from '../apply/verdicts.ts';
import type { WriteFailure } from '../apply/write.ts';
import type { StoredNode } from '../observe/cluster-state.ts';
import type { GeneratedObjects } from '../observe/generated-objects.ts';
import type { StoredFailsafes } from '../observe/stored-failsafes.ts';
import type { DesiredState } from '../plan/desired-state.ts';
import type { Plan } from '../plan/plan.ts';
import type { Step } from '../plan/step.ts';
import type { WaveTimer } from '../plan/wave-timer.ts';
import {
  EnforcementLabels,
  isDeferred,
  isReplacedByAutomatic,
  labelPlan,
  nodesOfOurs,
  type LabelPlan,
} from './enforcement-labels.ts';
import { failsafeGoal, isToNarrow, type FailsafeGoal } from './failsafe-goal.ts';
import { FailsafeKeeper, type FailsafeOutcome } from './failsafe-keeper.ts';
import { lacksAllows, nodesReport, nodesStand, type NodesReport } from './nodes-report.ts';

export interface NodeRolloutOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly waveTimer: WaveTimer;
  /** Aborted when the operator stops. */
  readonly signal: AbortSignal;
}

/** The nodes' share of the state that a round works on. */
export interface NodeRoundInput {
  readonly nodes: readonly StoredNode[];
  /** Host endpoints of others. */
  readonly hostEndpoints: readonly HostEndpointInfo[];
  readonly stored: GeneratedObjects;
  readonly wanted: DesiredState;
  readonly journal: Journal;
}

/** The results of a round's writes, from which nodes decide what may close. */
export interface WrittenRound {
  /** Computed after the writes. */
  readonly plan: Plan;
  readonly verdicts: readonly Verdict[];
  /** True when no write failed in passing and the watch shows every one. */
  readonly isWritten: boolean;
}

export interface NodesOutcome {
  /** Absent where no firewall has nodes. */
  readonly nodes: NodesReport | undefined;
  /** Why an enforcement label could not be written. */
  readonly labelFailure: WriteFailure | undefined;
  /** Why the failsafes could not be written. */
  readonly failsafeFailure: WriteFailure | undefined;
}

/** Reasons for another round that no plan contains. */
export interface NodesWaiting {
  /** Why enforcement labels or failsafes could not be written. */
  readonly failure: WriteFailure | undefined;
  /** True while everything else of nodes waits for the failsafes. */
  readonly mustSettle: boolean;
  /** Milliseconds. Those that are 0 do not count. */
  readonly waits: readonly number[];
}

interface Parts {
  readonly labels: EnforcementLabels;
  readonly failsafes: FailsafeKeeper;
  readonly waveTimer: WaveTimer;
}

/** Remembers, for one term of leadership, what was written of labels and failsafes. */
export class NodeRollout {
  readonly #parts: Parts;

  constructor(options: NodeRolloutOptions) {
    const { transport, clock, log, waveTimer, signal } = options;
    this.#parts = {
      labels: new EnforcementLabels({ transport, log, drift: new Drift(clock), signal }),
      failsafes: new FailsafeKeeper({ transport, clock, log }),
      waveTimer,
    };
  }

  /** Decides which labels and failsafes have to change. Writes nothing. */
  begin(input: NodeRoundInput): NodeRound {
    return new NodeRound(this.#parts, input);
  }
}

/** One round: first `openFirst`, then the writes of all objects but those it defers, then `closeLast`. */
export class NodeRound {
  readonly #parts: Parts;
  readonly #input: NodeRoundInput;
  readonly #labelPlan: LabelPlan;
  readonly #goal: FailsafeGoal;
  /** The failsafes as the round began. */
  readonly #failsafes: StoredFailsafes | undefined;
  /** Milliseconds, as the round began, until a label that others change again and again may be written. */
  readonly #labelWaitMs: number;
  #settlingMs = 0;
  #labelFailure: WriteFailure | undefined;
  #failsafeFailure: WriteFailure | undefined;

  constructor(parts: Parts, input: NodeRoundInput) {
    const { nodes, hostEndpoints, stored, wanted } = input;
    this.#parts = parts;
    this.#input = input;
    this.#labelPlan = labelPlan(nodes, hostEndpoints, nodesOfOurs(stored.objects()), wanted);
    this.#goal = failsafeGoal(wanted);
    this.#failsafes = stored.failsafes();
    this.#labelWaitMs = parts.labels.waitMs([...this.#labelPlan.set, ...this.#labelPlan.takeOff]);
  }

  /**
   * Restores failsafes that were narrowed, then takes nodes out of the policies. Both come before everything
   * of nodes that may close.
   */
  async openFirst(): Promise<void> {
    const { labels, failsafes, waveTimer } = this.#parts;
    this.#noteFailsafes(await failsafes.restoreIfNeeded(this.#goal, this.#failsafes));
    waveTimer.noteEndpoints(this.#labelPlan);
    if (!failsafes.mustSettle)
      this.#labelFailure = await labels.write(this.#labelPlan.takeOff, this.#input.journal);
  }

  /** True for a step that waits for failsafes, or for endpoints that are not ours to write. */
  readonly defers = (step: Step): boolean =>
    isDeferred(this.#labelPlan)(step) || this.#parts.failsafes.defers(step);

  /** True for the removal of an endpoint that waits for Calico's own. The watch shows when that is there. */
  readonly isReplacedByAutomatic = (step: Step): boolean => isReplacedByAutomatic(this.#labelPlan)(step);

  /**
   * Brings nodes under the policies when all of them stand, and narrows the failsafes when all nodes are
   * enforced.
   */
  async closeLast(written: WrittenRound): Promise<NodesOutcome> {
    const { plan, verdicts, isWritten } = written;
    // Asked for once: whatever does not close because of it is also what waits for it.
    this.#settlingMs = this.#parts.waveTimer.settlingMs;
    const mayClose = isWritten && this.#settlingMs === 0;
    this.#labelFailure ??= await this.#setLabels(nodesStand(plan, verdicts) && mayClose);
    const report = this.#report(written);
    const isEnforced = report?.isEnforced === true && nodesStand(plan, verdicts);
    const { stored } = this.#input;
    const narrowed = await this.#parts.failsafes.narrowIfSafe(
      this.#goal,
      stored.failsafes() ?? this.#failsafes,
      { isReady: mayClose && isEnforced, isMissing: lacksAllows(verdicts) },
    );
    this.#noteFailsafes(narrowed);
    const { note } = narrowed;
    return {
      nodes: report && { ...report, ...(note !== undefined && { failsafesNote: note }) },
      labelFailure: this.#labelFailure,
      failsafeFailure: this.#failsafeFailure,
    };
  }

  /** Labels the nodes that join, where they may, and remembers the labels that are as desired. */
  async #setLabels(maySet: boolean): Promise<WriteFailure | undefined> {
    const { labels } = this.#parts;
    const { nodes, wanted, journal } = this.#input;
    const failure = maySet ? await labels.write(this.#labelPlan.set, journal) : undefined;
    labels.remember(nodes, wanted.labelledNodes);
    return failure;
  }

  #noteFailsafes({ event, failure }: FailsafeOutcome): void {
    if (event !== undefined) this.#input.journal.failsafes.push(event);
    this.#failsafeFailure ??= failure;
  }

  #report({ plan, verdicts }: WrittenRound): NodesReport | undefined {
    const { hostEndpoints, wanted } = this.#input;
    const summary = wanted.nodes;
    return (
      summary && nodesReport({ summary, verdicts, plan, hostEndpoints, labelFailure: this.#labelFailure })
    );
  }

  /**
   * True when no label was left to be taken off as the round began, and nothing of ours is in the failsafes.
   */
  get isWithdrawn(): boolean {
    const isNarrowed = this.#parts.failsafes.isNarrowed(this.#input.stored.failsafes());
    return this.#labelPlan.takeOff.length === 0 && !isNarrowed;
  }

  get waiting(): NodesWaiting {
    const waitsToClose = this.#labelPlan.set.length > 0 || isToNarrow(this.#goal, this.#failsafes);
    return {
      failure: this.#labelFailure ?? this.#failsafeFailure,
      mustSettle: this.#parts.failsafes.mustSettle,
      waits: [this.#labelWaitMs, waitsToClose ? this.#settlingMs : 0],
    };
  }
}
