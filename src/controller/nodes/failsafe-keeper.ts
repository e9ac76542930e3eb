/**
 * Keeps Felix's failsafes where spec.nodes says `failsafes: Managed`. They are narrowed in FelixConfiguration
 * `default` when everything else of nodes is in place, and restored before any of it goes
 * (docs/decisions/0013-node-firewall.md).
 */
import { isDeepStrictEqual } from 'node:util';
import { get, mergePatch } from '../../cluster/objects/apply.ts';
import type { Clock } from '../../cluster/clock.ts';
import type { EventNote } from '../../cluster/objects/events.ts';
import type { Logger } from '../../cluster/logger.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject, Resource } from '../../cluster/resource.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import type { NodesSummary } from '../../compiler/types.ts';
import type { FailsafeGoal } from './failsafe-goal.ts';
import {
  ANNOTATION_FORMER,
  ANNOTATION_WRITTEN,
  formerValue,
  readFailsafes,
  tagOf,
  textOf,
  type StoredFailsafes,
} from '../observe/stored-failsafes.ts';
import { CALICO_GROUP, CALICO_VERSION, READ_KINDS } from '../objects/kinds.ts';
import type { Step } from '../plan/step.ts';
import { isNodeStep } from '../plan/order.ts';
import { SETTLE_MS } from '../plan/wave-timer.ts';
import { RIGHTS, writeFailure, type WriteFailure } from '../apply/write.ts';

const FELIX: Resource = {
  group: CALICO_GROUP,
  version: CALICO_VERSION,
  plural: READ_KINDS.FelixConfiguration,
};
const NAME = 'default';
const FIELD = 'failsafeInboundHostPorts';
const OBJECT = `FelixConfiguration/${NAME}`;

type Failsafes = NonNullable<NodesSummary['failsafes']>;
type FailsafeEvent = Omit<EventNote, 'regarding'>;

export interface FailsafeOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Whether the results of a round allow to narrow. */
export interface FailsafeGround {
  /** True when every node is enforced, and the writes that enforce it have settled. */
  readonly isReady: boolean;
  /** True when something that opens at nodes cannot be written. */
  readonly isMissing: boolean;
}

export interface FailsafeOutcome {
  /**
   * Says why something is still open and what would close it. It ends a sentence, and is absent where there is
   * nothing to add.
   */
  readonly note?: string;
  readonly failure?: WriteFailure;
  /** A change that was made here, or by another client. */
  readonly event?: FailsafeEvent;
}

const WAITS = 'nodes.failsafes: Managed narrows them when all selected nodes are enforced';
const MISSING = `${WAITS}, and something that lets in at nodes cannot be written: see status.problems`;
const ABSENT = `there is no ${OBJECT} in which nodes.failsafes: Managed could narrow them: make one`;
const LEFT = `another client has changed ${FIELD} of ${OBJECT} since it was narrowed, so the operator leaves it alone: write our value back, or set failsafes: Report and then Managed`;
const OUTRANKED = `${OBJECT} is narrowed, and a FelixConfiguration of a node or with a nodeSelector outranks it: narrow ${FIELD} there`;

export class FailsafeKeeper {
  readonly #options: FailsafeOptions;
  /**
   * Tag of the value that this process has written. Another client may replace the object together with its
   * annotations.
   */
  #written: string | undefined;
  /** The change of another client that was announced last. */
  #left: StoredFailsafes | undefined;
  #restoredAt: number | undefined;
  #isStuck = false;

  constructor(options: FailsafeOptions) {
    this.#options = options;
  }

  /** True while the FelixConfiguration holds something of ours that has to be restored. */
  isNarrowed(stored: StoredFailsafes | undefined): boolean {
    return this.#written !== undefined || stored?.former !== undefined || stored?.written !== undefined;
  }

  /**
   * True for a step that waits until the failsafes are restored and Felix has heard of it: all other steps of
   * nodes.
   */
  defers(step: Step): boolean {
    return this.mustSettle && isNodeStep(step);
  }

  get mustSettle(): boolean {
    if (this.#isStuck) return true;
    return this.#restoredAt !== undefined && this.#options.clock.now() < this.#restoredAt + SETTLE_MS;
  }

  /**
   * Restores the former value where it should not be narrowed any more. It runs before anything else of nodes
   * is written.
   */
  async restoreIfNeeded(goal: FailsafeGoal, stored: StoredFailsafes | undefined): Promise<FailsafeOutcome> {
    this.#isStuck = false;
    if (goal.to !== 'restore') return {};
    this.#left = undefined;
    if (!this.isNarrowed(stored)) return {};
    const outcome = await this.#restore();
    // A permanent refusal must not hold up the rest. Once our endpoints are gone, failsafes open nothing that
    // is closed.
    this.#isStuck = outcome.failure?.isRefused === false;
    return outcome;
  }

  /** Narrows where everything of nodes is in place. It runs after all other writes of the round. */
  async narrowIfSafe(
    goal: FailsafeGoal,
    stored: StoredFailsafes | undefined,
    { isReady, isMissing }: FailsafeGround,
  ): Promise<FailsafeOutcome> {
    if (goal.to !== 'narrow') return goal.because === undefined ? {} : { note: goal.because };
    if (isMissing) {
      return { note: MISSING, ...(this.isNarrowed(stored) ? await this.#restore() : {}) };
    }
    if (stored?.value === textOf(goal.failsafes)) return { note: OUTRANKED };
    if (stored !== undefined && isDeepStrictEqual(this.#left, stored)) return { note: LEFT };
    return isReady ? this.#narrow(goal.failsafes) : { note: WAITS };
  }

  async #narrow(failsafes: Failsafes): Promise<FailsafeOutcome> {
    try {
      const object = await get(this.#options.transport, FELIX, NAME);
      if (object === undefined) return { note: ABSENT };
      const now = readFailsafes(object);
      // The watch is late.
      if (now.value === textOf(failsafes)) return { note: OUTRANKED };
      const known = now.written ?? this.#written;
      if (known !== undefined && known !== tagOf(now.value)) return this.#leave(now);
      const event = await this.#writeNarrow(object, now, failsafes);
      return { note: 'they have just been narrowed', event };
    } catch (error) {
      const failure = writeFailure(error, RIGHTS.failsafes);
      return { note: `${OBJECT} could not be written: ${failure.message}`, failure };
    }
  }

  async #writeNarrow(
    before: KubernetesObject,
    now: StoredFailsafes,
    failsafes: Failsafes,
  ): Promise<FailsafeEvent> {
    const written = tagOf(textOf(failsafes));
    const former = now.former ?? now.exact;
    const annotations = { [ANNOTATION_FORMER]: former, [ANNOTATION_WRITTEN]: written };
    const after = await this.#patch(before, annotations, failsafes);
    this.#written = written;
    this.#left = undefined;
    const filled = fieldsOf(after).filter((field) => field !== FIELD && !fieldsOf(before).includes(field));
    return this.#event(
      'FailsafesNarrowed',
      `${FIELD} of ${OBJECT} is narrowed to breakGlass and nodeCIDRs; what was there is kept in the annotation ${ANNOTATION_FORMER}. Felix restarts on every node to take it. Name a machine in nodes.etcd before it joins as control plane or as a member of etcd${filledIn(filled)}`,
    );
  }

  #leave(now: StoredFailsafes): FailsafeOutcome {
    if (isDeepStrictEqual(this.#left, now)) return { note: LEFT };
    this.#left = now;
    const event = this.#event(
      'FailsafesChanged',
      `another client has changed ${FIELD} of ${OBJECT} since it was narrowed; the operator leaves it alone`,
      'Warning',
    );
    return { note: LEFT, event };
  }

  async #restore(): Promise<FailsafeOutcome> {
    try {
      const object = await get(this.#options.transport, FELIX, NAME);
      const event = object === undefined ? undefined : await this.#writeRestored(object);
      this.#written = undefined;
      return event === undefined ? {} : { event };
    } catch (error) {
      return { failure: writeFailure(error, RIGHTS.failsafes) };
    }
  }

  async #writeRestored(object: KubernetesObject): Promise<FailsafeEvent | undefined> {
    const now = readFailsafes(object);
    if ((now.former ?? now.written) === undefined) return undefined;
    const annotations = { [ANNOTATION_FORMER]: null, [ANNOTATION_WRITTEN]: null };
    if (now.written !== tagOf(now.value)) {
      await this.#patch(object, annotations);
      return this.#event(
        'FailsafesChanged',
        `another client has changed ${FIELD} of ${OBJECT}, so it stays; the value before it was narrowed: ${now.former ?? 'not known'}`,
        'Warning',
      );
    }
    const former = formerValue(now.former);
    await this.#patch(object, annotations, former ?? null);
    this.#restoredAt = this.#options.clock.now();
    const what =
      former === undefined
        ? `is at Felix's defaults again, for the annotation ${ANNOTATION_FORMER} could not be read`
        : 'is again what it was before it was narrowed';
    return this.#event(
      'FailsafesRestored',
      `${FIELD} of ${OBJECT} ${what}. Felix restarts on every node to take it`,
    );
  }

  /** @param value undefined leaves the field as it is, null removes it */
  #patch(
    { metadata: { resourceVersion } }: KubernetesObject,
    annotations: Readonly<Record<string, string | null>>,
    value?: readonly unknown[] | null,
  ): Promise<KubernetesObject> {
    return mergePatch(this.#options.transport, FELIX, NAME, {
      metadata: { resourceVersion, annotations },
      ...(value === undefined ? {} : { spec: { [FIELD]: value } }),
    });
  }

  #event(reason: string, note: string, type: FailsafeEvent['type'] = 'Normal'): FailsafeEvent {
    this.#options.log.info({ object: OBJECT, reason }, 'failsafes');
    return { type, reason, action: 'Failsafes', note };
  }
}

const fieldsOf = ({ spec }: KubernetesObject): readonly string[] => (isRecord(spec) ? Object.keys(spec) : []);

/** Calico's API server fills in fields on any write. They belong to no field manager, and stay. */
const filledIn = (fields: readonly string[]): string =>
  fields.length === 0
    ? ''
    : `. Calico's API server has filled in ${fields.join(', ')} with their defaults, which stay`;
