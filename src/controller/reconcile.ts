/** Compile everything, compare, write, report: one round of it, for all firewalls at once. */
import { DEFAULT_FIREWALL } from '../api/schema.ts';
import type { OutageTracker } from '../cluster/http/outages.ts';
import type { Clock } from '../cluster/clock.ts';
import type { Logger } from '../cluster/logger.ts';
import type { Result } from '../cluster/queue.ts';
import type { Transport } from '../cluster/http/transport.ts';
import type { Compile, DesiredObject } from '../compiler/types.ts';
import { oldBridges } from './plan/bridges.ts';
import type { CalicoApi } from './observe/calico-api.ts';
import type { Drift } from './apply/drift.ts';
import { execute, type WriteResult } from './apply/execute.ts';
import type { Journal } from './apply/journal.ts';
import { NodeRollout } from './nodes/rollout.ts';
import { findingOf, type RoundResult } from './report/findings.ts';
import { FINALIZER, issueMessages, type StoredFirewall } from './observe/firewalls.ts';
import { desiredState, type DesiredState } from './plan/desired-state.ts';
import { objectId } from './objects/kinds.ts';
import type { LiveObject } from './objects/live.ts';
import { nodeShadows } from './plan/node-shadows.ts';
import { Orphans } from './report/orphans.ts';
import type { RoundReport } from './report/round-report.ts';
import type { Reporter } from './report/status-writer.ts';
import type { ApplyStep, Step } from './plan/step.ts';
import { servedSince } from './apply/served-since.ts';
import type { Finding } from './report/status.ts';
import { NO_EFFECT_MS, REFUSED_RETRY_MS, soonest } from './next-look.ts';
import type { Finalizers, Round, World } from './world.ts';
import type { GeneratedObjects } from './observe/generated-objects.ts';
import { transition, type FromStored, type Transition } from './plan/transition.ts';
import { SETTLE_MS, WaveTimer } from './plan/wave-timer.ts';
import { wholePolicies } from './apply/whole-policies.ts';
import { only } from './plan/plan.ts';
import { verdictsOf, type Verdict } from './apply/verdicts.ts';
import type { ServerForms } from './apply/write.ts';

export interface ReconcilerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly compile: Compile;
  readonly drift: Drift;
  readonly forms: ServerForms;
  readonly finalizers: Finalizers;
  readonly reporter: Pick<Reporter, 'report'>;
  /** Of the server that is written to; absent: it is taken never to be away. */
  readonly answers?: Pick<OutageTracker, 'recoveredAt'> | undefined;
  /** Aborted when the operator stops: the step under way is finished, the next not begun. */
  readonly signal: AbortSignal;
}

/** A round whose writes are done. */
interface Written {
  readonly after: Transition;
  readonly outcome: WriteResult;
  readonly verdicts: readonly Verdict[];
  /** True when the watch shows everything that was written. */
  readonly shown: boolean;
  /** Milliseconds until an object is contested no more; 0: none is. */
  readonly calmMs: number;
}

/** A round writes for so long; then it looks anew, so that drift and a changed spec do not wait for the end of a large plan. */
const ROUND_MS = 5000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #orphans: Orphans;
  /** Uids of firewalls whose finalizer was taken away; the watch may still show it for a moment. */
  readonly #released = new Set<string>();
  readonly #waveTimer: WaveTimer;
  readonly #nodes: NodeRollout;
  /** Steps that the API server refused in the last round, and those that depend on them. */
  #unwritable: ReadonlySet<string> = new Set();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#orphans = new Orphans(options.log);
    this.#waveTimer = new WaveTimer(options.clock);
    this.#nodes = new NodeRollout({ ...options, waveTimer: this.#waveTimer });
  }

  /**
   * @param report filled in
   * @param signal aborted when the operator stops, and when the round has taken too long
   * @throws ApiError or TransportError from reading stored policies, and from writing a finalizer or a status
   */
  async reconcile(world: World, report: RoundReport, signal: AbortSignal): Promise<Result> {
    const { calico, stored } = world;
    if (!calico.served) return this.#withoutCalico(world.firewalls, calico, report);
    if (stored === undefined) return { type: 'done' };

    await stored.verify([], signal);
    const live = stored.objects();
    const intent = desiredState({ ...world, live, compile: this.#options.compile });
    // What was added comes back through the watch, or that the firewall has gone meanwhile: until then nothing is written for it.
    if (await this.#addFinalizers(world.firewalls, intent)) return { type: 'done' };
    const round = this.#begin(world, stored, intent, { journal: report, signal });
    await round.nodes.openFirst();
    const first = await this.#transition(round, live);
    this.#orphans.notice(first.plan);
    this.#waveTimer.noteOutageEnd(await servedSince({ ...this.#options, signal }));
    const outcome = await this.#execute(first, round);
    report.repairs.push(...outcome.repairs);
    if (outcome.mistaken.length > 0) await stored.verify(outcome.mistaken, signal);
    const shown = await stored.shows(outcome.written, signal);

    const after = this.#plan(round, stored.objects());
    const verdicts = this.#verdicts(round, after, outcome);
    // The status says for a while that an object is contested. Nothing else would bring us back to say that it is not any more.
    const calmMs = this.#options.drift.calmMs() ?? 0;
    const isShown = shown && outcome.stopped === undefined;
    const nodes = await round.nodes.closeLast({ plan: after.plan, verdicts, isShown });
    report.verdicts = verdicts;
    await this.#report(world.firewalls, { intent, plan: after.plan, outcome, verdicts, ...nodes }, report);
    await this.#release(round);
    return soonest(this.#next(round, { after, outcome, verdicts, shown, calmMs }), round.nodes.waiting);
  }

  #begin(
    world: World,
    stored: GeneratedObjects,
    intent: DesiredState,
    { journal, signal }: { readonly journal: Journal; readonly signal: AbortSignal },
  ): Round {
    const { nodes, inventory } = world;
    const hostEndpoints = inventory.hostEndpoints ?? [];
    return {
      world,
      stored,
      intent,
      signal,
      nodes: this.#nodes.begin({ nodes, hostEndpoints, stored, intent, journal }),
    };
  }

  #verdicts({ stored, intent }: Round, { plan }: Transition, { unwritten }: WriteResult): readonly Verdict[] {
    const { desired } = intent;
    const { drift } = this.#options;
    const current = only(plan.comparisons, 'Current').map(
      ({ id, desiredHash }) => [id, desiredHash] as const,
    );
    drift.remember(new Map(current), idsOf(desired));
    return verdictsOf({
      desired,
      plan,
      unwritten,
      serves: (kind) => stored.serves(kind),
      isContested: (id) => drift.isContested(id),
    });
  }

  async #transition(round: Round, live: readonly LiveObject[]): Promise<Transition> {
    const first = this.#plan(round, live);
    if (!first.needsStored) return first;
    const policies = await wholePolicies(this.#options.transport, round.signal);
    return this.#plan(round, live, { bridges: oldBridges(policies), shadows: nodeShadows(policies) });
  }

  #plan(
    { world: { isClosedNamespace }, stored, intent, nodes }: Round,
    live: readonly LiveObject[],
    fromStored?: FromStored,
  ): Transition {
    const { forms } = this.#options;
    return transition({
      desired: intent.desired.filter(({ object }) => stored.serves(object.kind)),
      live,
      held: intent.held,
      firewalls: intent.owners,
      isClosedNamespace,
      holdsEndpoints: intent.nodes?.blocked !== undefined,
      isEquivalent: (id, desiredHash, liveHash) => forms.isEquivalent(id, desiredHash, liveHash),
      ignoresWaves: (step) => this.#ignoresWaves(step) || nodes.defers(step),
      fromStored,
    });
  }

  /** Contested objects wait their turn; other drift comes first, for in its desired form it was in force before. */
  async #execute(now: Transition, { nodes, signal }: Round): Promise<WriteResult> {
    const { transport, clock, log, drift, forms } = this.#options;
    const { phases } = this.#waveTimer.due(now, (step) => this.#ignoresWaves(step) || nodes.defers(step));
    const isDue = (step: Step): boolean => this.#waitMs(step) === 0 && !nodes.defers(step);
    const due = phases.map((steps) => steps.filter(isDue));
    const repairs = due.map((steps) => steps.filter((step) => this.#isDrift(step)));
    const changes = due.map((steps) => steps.filter((step) => !this.#isDrift(step)));
    const round = new AbortController();
    const cancel = clock.setTimeout(() => {
      round.abort();
    }, ROUND_MS);
    try {
      const bounded = AbortSignal.any([signal, round.signal]);
      const outcome = await execute([...repairs, ...changes], {
        transport,
        log,
        drift,
        forms,
        signal: bounded,
      });
      this.#unwritable = new Set(outcome.unwritten.map(({ step }) => keyOf(step)));
      return outcome;
    } finally {
      const tried = changes.flat().filter((step) => !this.#unwritable.has(keyOf(step)));
      this.#waveTimer.wrote(tried, now.staged);
      cancel();
    }
  }

  /** What no wave waits for: repairs, and what the API server refuses anyway. */
  #ignoresWaves(step: Step): boolean {
    return this.#isDrift(step) || this.#unwritable.has(keyOf(step));
  }

  #isDrift(step: Step): step is ApplyStep {
    return step.action === 'apply' && this.#options.drift.isDrift(step.id, step.desiredHash);
  }

  #waitMs(step: Step): number {
    return this.#isDrift(step) ? this.#options.drift.waitMs(step.id) : 0;
  }

  #next({ nodes }: Round, { after, outcome, verdicts, shown, calmMs }: Written): Result {
    const { phases } = after.plan;
    const { stopped, interrupted, written } = outcome;
    const ignoresWaves = (step: Step): boolean =>
      this.#ignoresWaves(step) || nodes.isReplacedByAutomatic(step);
    if (stopped !== undefined) {
      if (stopped.retryAfterMs > 0) return { type: 'requeueAfter', ms: stopped.retryAfterMs };
      return { type: 'retry', message: stopped.message };
    }
    if (!shown) return { type: 'retry', message: 'the watch does not show what was written' };
    if (interrupted) return { type: 'requeueAfter', ms: 0 };
    const next = this.#waveTimer.due(after, ignoresWaves);
    // The next wave: at once, or when this one has settled. A step that was tried without effect is not tried at full speed.
    if (next.waitMs === 0 && next.phases.flat().some((step) => !ignoresWaves(step)))
      return { type: 'requeueAfter', ms: written.length > 0 ? 0 : NO_EFFECT_MS };
    // Never 0: a repair that had to wait when this round began to write may be due by now, and nothing else would bring us back to it.
    const repairs = phases.flat().filter((step) => this.#isDrift(step) && !this.#unwritable.has(keyOf(step)));
    const repairWaits = repairs.map((step) =>
      Math.max(this.#waitMs(step), nodes.defers(step) ? SETTLE_MS : NO_EFFECT_MS),
    );
    const refusedMs = only(verdicts, 'Refused').length > 0 ? REFUSED_RETRY_MS : 0;
    const later = [next.waitMs, calmMs, refusedMs, ...repairWaits].filter((ms) => ms > 0);
    if (later.length > 0) return { type: 'requeueAfter', ms: Math.min(...later) };
    // Somebody changed something meanwhile; the watch has said so, or will.
    return { type: 'done' };
  }

  /** Before the first write for a firewall, so that nothing of it can outlive it by accident. */
  async #addFinalizers(firewalls: readonly StoredFirewall[], { lifecycles }: DesiredState): Promise<boolean> {
    const bare = firewalls.filter(
      ({ name, finalizers }) => lifecycles.get(name) === 'active' && !finalizers.includes(FINALIZER),
    );
    for (const firewall of bare) await this.#options.finalizers.settle(firewall);
    return bare.length > 0;
  }

  async #release({ world, stored, intent: { lifecycles }, nodes }: Round): Promise<void> {
    if (!stored.isSure) return;
    for (const firewall of world.firewalls) {
      const isOurs = firewall.finalizers.includes(FINALIZER) && !this.#released.has(firewall.uid);
      if (!firewall.deleting || !isOurs) continue;
      const left = stored
        .objects()
        .filter((object) => object.ours && object.firewall === firewall.name).length;
      const isOpen = firewall.name !== DEFAULT_FIREWALL || nodes.isWithdrawn;
      if (lifecycles.get(firewall.name) === 'leaving' && (left > 0 || !isOpen)) continue;
      await this.#options.finalizers.settle(firewall);
      this.#released.add(firewall.uid);
      const what = left > 0 ? 'deleted, its generated objects stay' : 'deleted, and nothing of it is left';
      this.#options.log.info({ firewall: firewall.name, objectsLeft: left }, what);
    }
  }

  async #report(
    firewalls: readonly StoredFirewall[],
    result: RoundResult,
    report: RoundReport,
  ): Promise<void> {
    for (const firewall of firewalls) {
      const finding = findingOf(firewall, result);
      if (finding !== undefined) report.findings.push({ firewall, finding });
    }
    for (const { firewall, finding } of report.findings)
      await this.#options.reporter.report(firewall, finding);
  }

  async #withoutCalico(
    firewalls: readonly StoredFirewall[],
    { reason, message }: Extract<CalicoApi, { served: false }>,
    report: RoundReport,
  ): Promise<Result> {
    const stalled = reason === 'CalicoTooOld';
    for (const firewall of firewalls) {
      const { deleting, deletionPolicy, finalizers, validation } = firewall;
      const nothingToRemove = deletionPolicy === 'Retain' || reason === 'CalicoNotInstalled';
      if (deleting && nothingToRemove && finalizers.includes(FINALIZER)) {
        await this.#options.finalizers.settle(firewall);
        continue;
      }
      const finding: Finding =
        validation.ok || deleting
          ? { type: 'blocked', reason, message, stalled }
          : { type: 'invalid', issues: issueMessages(validation) };
      report.findings.push({ firewall, finding });
      await this.#options.reporter.report(firewall, finding);
    }
    // The look at how Calico is served is repeated on its own.
    return { type: 'done' };
  }
}

const idsOf = (desired: readonly DesiredObject[]): ReadonlySet<string> =>
  new Set(desired.map(({ object }) => objectId(object.kind, object.metadata)));

/** A step with the content that it would write. */
const keyOf = (step: Step): string =>
  step.action === 'apply' ? `${step.id} ${step.desiredHash}` : `${step.id} ${step.live.uid}`;
