import { DEFAULT_FIREWALL, KIND } from '../api/schema.ts';
import type { OutageTracker } from '../cluster/http/outages.ts';
import type { BackoffPolicy } from '../cluster/backoff.ts';
import type { Clock } from '../cluster/clock.ts';
import { EventRecorder, type EventNote } from '../cluster/objects/events.ts';
import { withFields, type Logger } from '../cluster/logger.ts';
import { runWorkers, WorkQueue, type Result } from '../cluster/queue.ts';
import type { ChangeEvent } from '../cluster/informer/store.ts';
import { withCutOff } from '../cluster/http/cut-off.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { abortable } from '../cluster/abort.ts';
import { isServerError } from '../cluster/errors.ts';
import { compile } from '../compiler/compile.ts';
import type { Compile } from '../compiler/types.ts';
import { Announcer, repairNote } from './report/announcer.ts';
import { CalicoConnection } from './observe/calico-connection.ts';
import { Alterations } from './apply/alterations.ts';
import { Drift } from './apply/drift.ts';
import {
  FIREWALLS,
  isNamedBy,
  projectFirewall,
  reference,
  specChanged,
  type StoredFirewall,
} from './observe/firewalls.ts';
import type { WatchedCollection, HeartbeatMethod, HeartbeatResult } from '../cluster/informer/heartbeat.ts';
import { ClusterState } from './observe/cluster-state.ts';
import type { IsNamed } from './observe/api-server-callees.ts';
import { remembering } from '../compiler/memo.ts';
import type { Metrics, Readiness } from './metrics/metrics.ts';
import { Informer } from '../cluster/informer/informer.ts';
import { LeftOutObjects } from '../cluster/informer/left-out.ts';
import { Authorship } from './objects/authorship.ts';
import { HEARTBEAT } from './objects/ownership.ts';
import { Reconciler } from './reconcile.ts';
import { MAX_FAILURES, ROUND_LIMIT_MS, RoundGuard } from './round-guard.ts';
import { failureOf } from './report/findings.ts';
import type { Finalizers } from './apply/finalizers.ts';
import { inventoryOf, type World } from './world.ts';
import { RoundReport } from './report/round-report.ts';
import { Reporter } from './report/status-writer.ts';
import { Watches } from '../cluster/informer/watches.ts';

export interface ControllerOptions {
  /** For reading only. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Namespace the operator runs in. */
  readonly operatorNamespace: string;
  /** Name of the pod, for Events. */
  readonly instance: string;
  readonly metrics: Metrics;
  /** Watches the outages of the same server, through whatever transport: see ReflectorOptions. */
  readonly outages?: OutageTracker;
}

/** The time in which only this operator may write. */
export interface LeadershipTerm {
  /** Every write of the term goes through it. It refuses writes once the term is over. */
  readonly transport: Transport;
  readonly finalizers: Finalizers;
  /** Aborted when the term ends, or the operator stops. */
  readonly signal: AbortSignal;
}

/** Every firewall is compiled in every round, so there is one key. */
const KEY = 'everything';
/**
 * A failed round is repeated this soon, because the operator does nothing else. Each request has a back-off of
 * its own.
 */
const ROUND_BACKOFF: BackoffPolicy = { initialMs: 5, maxMs: 4000, factor: 2, jitter: 1 };

/** Milliseconds in which the status has to say that a round failed. */
const REPORT_LIMIT_MS = 30_000;

/** The memory of a term. It ends with the term, because another operator may write afterwards. */
interface LeaderState {
  readonly transport: Transport;
  readonly queue: WorkQueue;
  readonly events: EventRecorder;
  readonly reporter: Reporter;
  readonly announcer: Announcer;
  readonly reconciler: Reconciler;
}

/**
 * Watches the cluster all the time. While it leads, it makes Calico's objects what the firewalls ask for
 * whenever something has changed. A replica that does not lead keeps its view up to date, so it can take over
 * at once.
 */
export class Controller {
  /** Its keys have to be in the Lease before this process leads. */
  readonly authorship = new Authorship();
  readonly #options: ControllerOptions;
  readonly #firewalls: Informer<StoredFirewall>;
  readonly #state: ClusterState;
  readonly #calico: CalicoConnection;
  readonly #watches: Watches;
  readonly #leftOut: LeftOutObjects;
  /** Absent while another one leads. */
  #leading: LeaderState | undefined;
  /** Rounds that this process has begun. */
  #rounds = 0;
  readonly #guard: RoundGuard;

  constructor(options: ControllerOptions) {
    const { transport, clock, log, metrics, outages } = options;
    this.#options = options;
    this.#guard = new RoundGuard(clock);
    const changed = (): void => {
      this.#leading?.queue.add(KEY);
    };
    this.#watches = new Watches({
      transport,
      clock,
      log,
      writer: () => this.#leading?.transport,
      ...HEARTBEAT,
      onResult: (collection, method, result) => {
        this.#noteHeartbeat(collection, method, result);
      },
      onSure: changed,
    });
    this.#leftOut = new LeftOutObjects(changed);
    const context = { transport, clock, log, outages, watches: this.#watches, leftOut: this.#leftOut };
    this.#firewalls = new Informer(context, {
      kind: KIND,
      resource: FIREWALLS,
      project: projectFirewall,
      onChange: (event: ChangeEvent<StoredFirewall>) => {
        if (event.type !== 'modified' || specChanged(event.old, event.new)) changed();
      },
      onSynced: changed,
    });
    const isNamed: IsNamed = (service) =>
      isNamedBy(this.#firewalls.store.list(), service) || this.#leading?.reconciler.names(service) === true;
    this.#state = new ClusterState(context, isNamed, changed);
    this.#calico = new CalicoConnection(context, {
      onChange: changed,
      isKept: (firewall) => this.#firewalls.store.get(firewall)?.deleting === false,
      authorship: this.authorship,
    });
    metrics.lookUp({
      staleness: () => this.#watches.staleness(),
      readiness: () => this.#firewalls.store.list().map(readiness),
      nextRoundMs: () => this.#leading?.queue.nextMs,
    });
  }

  /**
   * True once firewalls, namespaces and nodes are listed and it is known how Calico is served (well or not).
   */
  get isReady(): boolean {
    const { api, stored } = this.#calico;
    const calicoKnown = api !== undefined && (!api.served || stored !== undefined);
    return this.#firewalls.hasSynced && this.#state.informers.hasSynced && calicoKnown;
  }

  /**
   * Says why the pod is not ready; undefined when it is. A missing Calico is no reason, because the status of
   * every firewall says so.
   */
  unready(): string | undefined {
    if (!this.isReady) return 'the cluster has not been listed yet';
    const stale = this.#watches.stale();
    return stale.length === 0 ? this.#guard.failing() : `nothing certain is known of ${stale.join(', ')}`;
  }

  /** Why the process has to be started anew, for people; undefined while it works. */
  stuck(): string | undefined {
    return this.#guard.stuck();
  }

  /** Watches until `signal` is aborted; resolves when everything has ended. Writes nothing. */
  async run(signal: AbortSignal): Promise<void> {
    this.#firewalls.start();
    this.#state.informers.start();
    await this.#calico.run(signal);
    await Promise.all([this.#firewalls.stop(), this.#state.informers.stop()]);
  }

  /** Writes until the term is over; resolves when the step under way is finished. One term at a time. */
  async lead(term: LeadershipTerm): Promise<void> {
    const { clock } = this.#options;
    const log = withFields(this.#options.log, () => ({ round: this.#rounds }));
    const { signal } = term;
    const transport = withCutOff(term.transport, () => this.#guard.signal);
    const queue = new WorkQueue({ clock, observer: this.#options.metrics.queue, backoff: ROUND_BACKOFF });
    const reporter = new Reporter(transport, clock, log);
    const leading = {
      transport: term.transport,
      queue,
      events: this.#eventRecorder(term.transport),
      reporter,
      announcer: new Announcer(),
      reconciler: this.#reconciler({ ...term, transport }, reporter, log),
    };
    this.#leading = leading;
    queue.add(KEY);
    try {
      const events = leading.events.run(signal);
      await runWorkers({
        queue,
        workers: 1,
        handle: () => this.#round(leading, signal),
        log,
        signal,
      });
      await events;
    } finally {
      this.#leading = undefined;
      this.#guard.succeeded();
      this.#options.metrics.endTerm();
    }
  }

  #eventRecorder(transport: Transport): EventRecorder {
    const { clock, log, instance } = this.#options;
    const reportingController = 'clusterfirewall.io/operator';
    return new EventRecorder({ transport, clock, log, reportingController, reportingInstance: instance });
  }

  #reconciler(
    { transport, finalizers, signal }: LeadershipTerm,
    reporter: Reporter,
    log: Logger,
  ): Reconciler {
    const { clock, outages } = this.#options;
    return new Reconciler({
      transport,
      clock,
      log,
      outages,
      authorship: this.authorship,
      compile: remembering(this.#timed(compile)),
      finalizers: {
        settle: (firewall) => abortable(finalizers.settle(firewall), this.#guard.signal ?? signal),
      },
      signal,
      drift: new Drift(clock),
      alterations: new Alterations(clock),
      reporter,
    });
  }

  #timed(inner: Compile): Compile {
    const { clock } = this.#options;
    return (firewalls, inventory) => {
      const began = clock.now();
      const compilation = inner(firewalls, inventory);
      this.#options.metrics.compiled((clock.now() - began) / 1000);
      return compilation;
    };
  }

  async #round({ reporter, announcer, events, reconciler }: LeaderState, term: AbortSignal): Promise<Result> {
    // Each missing list adds the key again when it comes, and so does the end of a doubt.
    if (!this.isReady || this.#watches.isInDoubt) return { type: 'done' };
    const { clock, metrics } = this.#options;
    const firewalls = this.#firewalls.store.list();
    const began = clock.now();
    this.#rounds += 1;
    for (const each of [reporter, announcer, metrics.firewalls]) each.retain(firewalls);
    metrics.reconciling();
    const report = new RoundReport();
    let result: Result | undefined;
    try {
      result = await this.#guard.limit(ROUND_LIMIT_MS, async (limit) => {
        const world = this.#world(firewalls);
        if (world === undefined) return { type: 'done' };
        return reconciler.reconcile(world, report, AbortSignal.any([term, limit]));
      });
      this.#guard.succeeded();
    } catch (error) {
      if (!term.aborted) await this.#reportFailure(error, firewalls, reporter, report);
      throw error;
    } finally {
      // A round that failed midway may have done something as well.
      this.#publish(firewalls, report, { announcer, events });
      metrics.reconciled(result, (clock.now() - began) / 1000);
      if (result === undefined || result.type === 'retry') this.#calico.lookAgain();
    }
    return result;
  }

  /**
   * Says in the status of every firewall that the round failed. An outage of the API server is said when it
   * lasts.
   */
  async #reportFailure(
    error: unknown,
    firewalls: readonly StoredFirewall[],
    reporter: Reporter,
    report: RoundReport,
  ): Promise<void> {
    const failures = this.#guard.failed(error);
    if (isServerError(error) && failures < MAX_FAILURES) return;
    report.findings.length = 0;
    for (const firewall of firewalls) report.findings.push({ firewall, finding: failureOf(firewall, error) });
    try {
      await this.#guard.limit(REPORT_LIMIT_MS, async () => {
        for (const { firewall, finding } of report.findings) await reporter.report(firewall, finding);
      });
    } catch (cause) {
      this.#options.log.warn({ err: cause }, 'the status cannot say that a round failed');
    }
  }

  /** Undefined while it is not known how Calico is served. */
  #world(firewalls: readonly StoredFirewall[]): World | undefined {
    const { api: calico, stored } = this.#calico;
    if (calico === undefined) return undefined;
    const { operatorNamespace } = this.#options;
    const inventory = this.#state.snapshot();
    return {
      firewalls,
      inventory: inventoryOf(inventory, stored, operatorNamespace, this.#leftOut.list()),
      nodes: inventory.nodes,
      isClosedNamespace: (namespace) => this.#state.isClosed(namespace),
      calico,
      stored,
    };
  }

  #publish(
    firewalls: readonly StoredFirewall[],
    { repairs, failsafes, verdicts, findings }: RoundReport,
    { announcer, events }: Pick<LeaderState, 'announcer' | 'events'>,
  ): void {
    const { metrics } = this.#options;
    const announce = (name: string, note: Omit<EventNote, 'regarding'>): void => {
      const firewall = firewalls.find((each) => each.name === name);
      if (firewall !== undefined) events.record({ ...note, regarding: reference(firewall) });
    };
    for (const repair of repairs) {
      metrics.driftRepaired(repair.kind, repair.manager);
      announce(repair.firewall, repairNote(repair));
    }
    for (const note of failsafes) announce(DEFAULT_FIREWALL, note);
    if (verdicts !== undefined) metrics.firewalls.objects(verdicts);
    for (const { firewall, finding } of findings) {
      metrics.firewalls.found(firewall.name, finding);
      for (const note of announcer.notes(firewall, finding)) events.record(note);
    }
  }

  #noteHeartbeat({ kind }: WatchedCollection, method: HeartbeatMethod, result: HeartbeatResult): void {
    this.#options.metrics.heartbeat(kind, method, result);
    if (result !== 'missed') return;
    const { instance, operatorNamespace } = this.#options;
    this.#leading?.events.record({
      regarding: { apiVersion: 'v1', kind: 'Pod', name: instance, namespace: operatorNamespace },
      type: 'Warning',
      reason: 'WatchStale',
      action: 'Relist',
      note: `the watch of ${kind} did not show what is stored, so the operator listed it again`,
    });
  }
}

function readiness({ name, generation, status }: StoredFirewall): Readiness {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return { firewall: name, ready: status?.observedGeneration === generation && ready?.status === 'True' };
}
