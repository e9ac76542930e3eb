/** The life of a round: compile all firewalls, compare, write, report. */
import type { OutageTracker } from '../cluster/http/outages.ts';
import type { Clock } from '../cluster/clock.ts';
import type { Logger } from '../cluster/logger.ts';
import type { Result } from '../cluster/queue.ts';
import type { Transport } from '../cluster/http/transport.ts';
import type { Compile, DesiredObject } from '../compiler/types.ts';
import type { CalicoApi } from './observe/calico-api.ts';
import type { Alterations } from './apply/alterations.ts';
import type { Drift } from './apply/drift.ts';
import type { WriteResult } from './apply/execute.ts';
import { namesService } from '../compiler/flows/named-services.ts';
import { Gate, type Admission } from './gate/gate.ts';
import { OpeningsJudge } from './gate/openings.ts';
import { FinalizerKeeper, type Finalizers } from './apply/finalizers.ts';
import { NodeRollout, type NodeRound } from './nodes/rollout.ts';
import { findingOf, type RoundResult } from './report/findings.ts';
import { issueMessages, type StoredFirewall } from './observe/firewalls.ts';
import { desiredState, type DesiredState } from './plan/desired-state.ts';
import { objectId, type ObjectId } from './objects/kinds.ts';
import type { Authorship } from './objects/authorship.ts';
import type { LiveObject, OwnedObject } from './objects/live.ts';
import type { Step } from './plan/step.ts';
import { Orphans } from './report/orphans.ts';
import type { RoundReport } from './report/round-report.ts';
import type { Reporter } from './report/status-writer.ts';
import { Writer } from './apply/writer.ts';
import { servedSince } from './apply/served-since.ts';
import type { Finding } from './report/status.ts';
import { nextLook } from './next-look.ts';
import type { World } from './world.ts';
import type { GeneratedObjects } from './observe/generated-objects.ts';
import { fromStored, transition, type FromStored, type Transition } from './plan/transition.ts';
import { WaveTimer } from './plan/wave-timer.ts';
import { wholePolicies } from './apply/whole-policies.ts';
import { only, type Plan } from './plan/plan.ts';
import { Patience } from './apply/patience.ts';
import { verdictsOf, type Verdict } from './apply/verdicts.ts';

export interface ReconcilerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly compile: Compile;
  readonly drift: Drift;
  readonly authorship: Authorship;
  readonly alterations: Alterations;
  readonly finalizers: Finalizers;
  readonly reporter: Pick<Reporter, 'report'>;
  /** Watches the outages of the server that is written to. Absent: the server counts as never away. */
  readonly outages?: Pick<OutageTracker, 'recoveredAt'> | undefined;
  /** Aborted when the operator stops. The step under way is finished, and no other begins. */
  readonly signal: AbortSignal;
}

/** The state that the parts of a round share. */
interface Round {
  readonly world: World;
  readonly stored: GeneratedObjects;
  readonly wanted: DesiredState;
  readonly nodes: NodeRound;
  readonly signal: AbortSignal;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #orphans: Orphans;
  readonly #waveTimer: WaveTimer;
  readonly #patience: Patience;
  readonly #writer: Writer;
  readonly #nodes: NodeRollout;
  readonly #finalizers: FinalizerKeeper;
  readonly #gate: Gate;
  readonly #openings: OpeningsJudge;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#orphans = new Orphans(options.log);
    this.#waveTimer = new WaveTimer(options.clock);
    this.#patience = new Patience(options.clock);
    this.#writer = new Writer({ ...options, waveTimer: this.#waveTimer, patience: this.#patience });
    this.#nodes = new NodeRollout({ ...options, waveTimer: this.#waveTimer });
    this.#finalizers = new FinalizerKeeper(options.finalizers, options.log);
    this.#gate = new Gate(options);
    this.#openings = new OpeningsJudge(options);
  }

  /** True for a Service that a spec names which was let in before, whatever is stored now. */
  names(service: Parameters<typeof namesService>[1]): boolean {
    return this.#gate.letIn.some((firewall) => namesService(firewall, service));
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

    const { compile, drift } = this.#options;
    const seen = { ...world, adminPolicies: calico.adminPolicies, live: stored.objects() };
    const admission = await this.#gate.admit(seen, signal);
    const wanted = desiredState({ ...world, ...letIn(admission), live: stored.objects(), compile });
    const names = idsOf(wanted.desired);
    await stored.verify({ wanted: names }, signal);
    const live = stored.objects();
    // The watch shows the new finalizer, or that the firewall has gone meanwhile. Until then nothing is written
    // for it.
    if (await this.#finalizers.add(world.firewalls, wanted.lifecycles)) return { type: 'done' };
    const { nodes: known, inventory } = world;
    const hostEndpoints = inventory.hostEndpoints ?? [];
    const nodes = this.#nodes.begin({ nodes: known, hostEndpoints, stored, wanted, journal: report });
    const round = { world, stored, wanted, nodes, signal };

    await nodes.openFirst();
    const served = await servedSince({ ...this.#options, signal });
    this.#patience.notice(live, served);
    const before = await this.#transition(round, live);
    this.#orphans.notice(before.plan);
    this.#waveTimer.noteOutageEnd(await servedSince({ ...this.#options, signal }));
    const outcome = await this.#writer.write(before, nodes.defers, signal);
    report.repairs.push(...outcome.repairs);
    if (outcome.mistaken.length > 0)
      await stored.verify({ wanted: names, doubted: outcome.mistaken }, signal);
    const isShown = await stored.shows(outcome.written, signal);

    const left = stored.objects();
    this.#patience.notice(left, served);
    const after = this.#plan(round, left);
    const verdicts = this.#verdicts(round, after, outcome, isShown);
    report.verdicts = verdicts;
    const isWritten = isShown && outcome.stopped === undefined;
    const { plan } = after;
    const closed = await nodes.closeLast({ plan, verdicts, isWritten });
    const { waitMs: openingsMs, ...said } = await this.#judgeOpenings(round, admission.firewalls);
    const results = {
      wanted: { ...wanted, ...said },
      admission,
      plan,
      outcome,
      verdicts,
      namespacePolicies: stored.namespacePolicies(),
      isAside: (step: Step): boolean => this.#writer.ignoresWaves(step),
      ...closed,
    };
    const statusMs = await this.#report(admission.firewalls, results, report);
    await this.#release(round, after);
    return nextLook({
      outcome,
      isShown,
      next: this.#writer.next(after, nodes.defers, nodes.isReplacedByAutomatic),
      isRefused: only(verdicts, 'Refused').length > 0,
      // Nothing else would begin the round that takes back that an object is contested.
      calmMs: drift.calmMs() ?? 0,
      statusMs,
      assertionsMs: admission.waitMs,
      openingsMs,
      nodes: nodes.waiting,
    });
  }

  /** After the writes, which need not wait for it. */
  async #judgeOpenings(
    { world, stored, wanted, signal }: Round,
    admitted: readonly StoredFirewall[],
  ): Promise<{ readonly foreign: DesiredState['foreign']; readonly waitMs: number }> {
    const { foreign, desired, frozen } = wanted;
    if (foreign === undefined || !world.calico.served) return { foreign, waitMs: 0 };
    const firewalls = admitted.flatMap(({ validation }) => (validation.ok ? [validation.firewall] : []));
    const { inventory, calico } = world;
    const input = { foreign, firewalls, desired, frozen, inventory, live: stored.objects() };
    return this.#openings.judge({ ...input, adminPolicies: calico.adminPolicies }, signal);
  }

  #verdicts(
    { stored, wanted }: Round,
    { plan }: Transition,
    { unwritten, contents }: WriteResult,
    isShown: boolean,
  ): readonly Verdict[] {
    const { desired } = wanted;
    const { alterations, drift, authorship } = this.#options;
    const current = only(plan.comparisons, 'Current');
    for (const { live } of current) authorship.vouch(live);
    // Whoever is quick may have changed it again before the watch showed it. That is drift as well, so nothing
    // waits for it.
    const written = isShown ? contents : [];
    const hashes = current.map(({ id, desiredHash }) => [id, desiredHash] as const);
    drift.remember(new Map([...written, ...hashes]), new Set([...idsOf(desired), ...idsOfHeld(plan)]));
    const pending = only(plan.comparisons, 'Pending').map(({ id }) => id);
    alterations.retain(new Set([...pending, ...idsOfHeld(plan)]));
    return verdictsOf({
      desired,
      plan,
      unwritten,
      serves: (kind) => stored.serves(kind),
      isContested: (id) => drift.isContested(id),
      contestant: (id) => drift.contestant(id),
    });
  }

  async #transition(round: Round, live: readonly LiveObject[]): Promise<Transition> {
    const first = this.#plan(round, live);
    if (!first.needsStored) return first;
    const { transport, authorship } = this.#options;
    const policies = await wholePolicies(transport, authorship, round.signal);
    return this.#plan(round, live, fromStored(policies));
  }

  #plan(
    { world: { isClosedNamespace }, stored, wanted, nodes }: Round,
    live: readonly LiveObject[],
    storedPolicies?: FromStored,
  ): Transition {
    return transition({
      desired: wanted.desired.filter(({ object }) => stored.serves(object.kind)),
      live,
      frozen: wanted.frozen,
      reach: wanted.reach,
      firewalls: wanted.owners,
      isClosedNamespace,
      holdsEndpoints: wanted.nodes?.blocked !== undefined,
      ignoresWaves: (step) => this.#writer.ignoresWaves(step) || nodes.defers(step),
      fromStored: storedPolicies,
    });
  }

  /**
   * Others can keep an object in their namespace for as long as they like. One of the cluster holds up the
   * firewall that it belongs to, because only administrators keep it.
   */
  #isLeftBehind({ held, phases }: Plan): (object: OwnedObject) => boolean {
    const waited = phases.flat().filter((step) => !this.#writer.ignoresWaves(step));
    const ids = new Set(waited.map(({ id }) => id));
    const behind = held.filter(({ id, namespace }) => namespace !== undefined && !ids.has(id));
    const uids = new Set(behind.map(({ uid }) => uid));
    return ({ uid }) => uids.has(uid);
  }

  async #report(
    firewalls: readonly StoredFirewall[],
    result: RoundResult,
    report: RoundReport,
  ): Promise<number> {
    for (const firewall of firewalls) {
      const finding = findingOf(firewall, result);
      if (finding !== undefined) report.findings.push({ firewall, finding });
    }
    let waitMs = 0;
    for (const { firewall, finding } of report.findings)
      waitMs = Math.max(waitMs, await this.#options.reporter.report(firewall, finding));
    return waitMs;
  }

  /** Lets the deleted firewalls go of which nothing is left. */
  async #release({ world, stored, wanted, nodes, signal }: Round, after: Transition): Promise<void> {
    await this.#finalizers.release(world.firewalls, wanted.lifecycles, {
      stored,
      areNodesWithdrawn: nodes.isWithdrawn,
      isLeftBehind: this.#isLeftBehind(after.plan),
      removeOpenOf: (firewall) => this.#writer.removeOpenOf(firewall, after, signal),
    });
  }

  async #withoutCalico(
    firewalls: readonly StoredFirewall[],
    { reason, message }: Extract<CalicoApi, { served: false }>,
    report: RoundReport,
  ): Promise<Result> {
    const stalled = reason === 'CalicoTooOld';
    for (const firewall of firewalls) {
      const { deleting, deletionPolicy, validation } = firewall;
      const nothingToRemove = deletionPolicy === 'Retain' || reason === 'CalicoNotInstalled';
      if (nothingToRemove && (await this.#finalizers.releaseUnseen(firewall))) continue;
      const finding: Finding =
        validation.ok || deleting
          ? { type: 'blocked', reason, message, stalled }
          : { type: 'invalid', issues: issueMessages(validation) };
      report.findings.push({ firewall, finding });
      await this.#options.reporter.report(firewall, finding);
    }
    // The check of how Calico is served repeats itself.
    return { type: 'done' };
  }
}

const letIn = ({ firewalls, held }: Admission) => ({
  firewalls,
  withheld: new Set([...held].flatMap(([name, { isWhole }]) => (isWhole ? [name] : []))),
});

const idsOfHeld = ({ held }: Plan): readonly ObjectId[] => held.map(({ id }) => id);

const idsOf = (desired: readonly DesiredObject[]): ReadonlySet<string> =>
  new Set(desired.map(({ object }) => objectId(object.kind, object.metadata)));
