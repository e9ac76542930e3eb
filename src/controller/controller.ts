import type { Clock } from '../cluster/clock.ts';
import { EventRecorder } from '../cluster/events.ts';
import type { Logger } from '../cluster/logger.ts';
import { runWorkers, WorkQueue, type Result } from '../cluster/queue.ts';
import type { ChangeEvent } from '../cluster/store.ts';
import type { Transport } from '../cluster/transport.ts';
import { compile } from '../compiler/compile.ts';
import { CalicoSource } from './calico-source.ts';
import { Drift } from './drift.ts';
import { FIREWALLS, projectFirewall, reference, specChanged, type StoredFirewall } from './firewalls.ts';
import { ClusterInventory } from './inventory.ts';
import { remembering } from './memo.ts';
import { Metrics } from './metrics.ts';
import { Mirror } from './mirror.ts';
import type { ApplyStep } from './plan.ts';
import { Reconciler, type Finalizers } from './reconcile.ts';
import { Reporter } from './report.ts';
import { ServerForms } from './write.ts';

export interface ControllerOptions {
  /** For reading only. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Namespace the operator runs in. */
  readonly operatorNamespace: string;
  /** Name of the pod, for Events. */
  readonly instance: string;
}

/** The time in which this operator, and no other, may write. */
export interface Term {
  /** Every write of the term goes through it; it refuses them once the term is over. */
  readonly transport: Transport;
  readonly finalizers: Finalizers;
  /** Aborted when the term ends, or the operator stops. */
  readonly signal: AbortSignal;
}

/** Every firewall is compiled in every round, so there is one key. */
const KEY = 'everything';

/**
 * Watches the cluster all the time, and while it leads makes Calico's objects what the firewalls ask for whenever something changed. A
 * copy that does not lead keeps what it has seen up to date, so that it can take over at once.
 */
export class Controller {
  readonly metrics: Metrics;
  readonly #options: ControllerOptions;
  readonly #firewalls: Mirror<StoredFirewall>;
  readonly #inventory: ClusterInventory;
  readonly #calico: CalicoSource;
  /** Absent while another one leads. */
  #queue: WorkQueue | undefined;

  constructor(options: ControllerOptions) {
    const { transport, clock, log } = options;
    this.#options = options;
    this.metrics = new Metrics(() => this.#queue?.length ?? 0);
    const changed = (): void => {
      this.#queue?.add(KEY);
    };
    const context = { transport, clock, log };
    this.#firewalls = new Mirror(context, {
      resource: FIREWALLS,
      project: projectFirewall,
      onChange: (event: ChangeEvent<StoredFirewall>) => {
        if (event.type !== 'modified' || specChanged(event.old, event.new)) changed();
      },
      onSynced: changed,
    });
    this.#inventory = new ClusterInventory(context, changed);
    this.#calico = new CalicoSource(context, changed);
  }

  /** True once firewalls, namespaces and nodes are listed and it is known how Calico is served (well or not). */
  get isReady(): boolean {
    const { api, stored } = this.#calico;
    const calicoKnown = api !== undefined && (!api.served || stored !== undefined);
    return this.#firewalls.hasSynced && this.#inventory.hasSynced && calicoKnown;
  }

  /** Watches until `signal` is aborted; resolves when everything has ended. Writes nothing. */
  async run(signal: AbortSignal): Promise<void> {
    this.#firewalls.start();
    this.#inventory.start();
    await this.#calico.run(signal);
    await Promise.all([this.#firewalls.stop(), this.#inventory.stop()]);
  }

  /** Writes until the term is over; resolves when the step under way is finished. One term at a time. */
  async lead(term: Term): Promise<void> {
    const { log } = this.#options;
    const queue = new WorkQueue({ clock: this.#options.clock });
    const round = this.#rounds(term);
    this.#queue = queue;
    queue.add(KEY);
    try {
      await runWorkers({ queue, workers: 1, handle: round.handle, log, signal: term.signal });
      await round.events;
    } finally {
      this.#queue = undefined;
    }
  }

  /** What a term remembers ends with it: meanwhile another operator may have written. */
  #rounds({ transport, finalizers, signal }: Term) {
    const { clock, log, instance } = this.#options;
    const reporter = new Reporter(transport, clock, log);
    const events = new EventRecorder({
      transport,
      clock,
      log,
      reportingController: 'clusterfirewall.io/operator',
      reportingInstance: instance,
    });
    const reconciler = new Reconciler({
      transport,
      clock,
      log,
      compile: remembering(compile),
      finalizers,
      signal,
      drift: new Drift(clock),
      forms: new ServerForms(),
      report: (firewall, finding) => reporter.report(firewall, finding),
      onDrift: (step) => {
        this.#noteDrift(step, events);
      },
    });
    return {
      handle: () => this.#round(reconciler, reporter),
      events: events.run(signal),
    };
  }

  async #round(reconciler: Reconciler, reporter: Reporter): Promise<Result> {
    // Whatever is still missing will bring the key back when it comes.
    if (!this.isReady) return { type: 'done' };
    const { clock } = this.#options;
    const began = clock.now();
    let result: Result | undefined;
    try {
      result = await this.#reconcile(reconciler, reporter);
    } finally {
      this.metrics.reconciled(result, (clock.now() - began) / 1000);
      if (result === undefined || result.type === 'retry') this.#calico.doubt();
    }
    return result;
  }

  #reconcile(reconciler: Reconciler, reporter: Reporter): Promise<Result> {
    const { operatorNamespace } = this.#options;
    const firewalls = this.#firewalls.list();
    const { api: calico, stored } = this.#calico;
    if (calico === undefined) return Promise.resolve({ type: 'done' });
    reporter.retain(firewalls);
    const ipPools = stored?.ipPools();
    return reconciler.reconcile({
      firewalls,
      inventory: {
        ...this.#inventory.snapshot(),
        ...(ipPools === undefined ? {} : { ipPools }),
        operatorNamespace,
      },
      isClosedNamespace: (namespace) => this.#inventory.isClosed(namespace),
      calico,
      stored,
    });
  }

  #noteDrift({ id, desired, live }: ApplyStep, events: EventRecorder): void {
    this.metrics.driftRepaired(desired.object.kind);
    const firewall = this.#firewalls.get(desired.firewall);
    if (firewall === undefined) return;
    const who = live?.foreignManager === undefined ? 'somebody' : live.foreignManager;
    events.record({
      regarding: reference(firewall),
      type: 'Warning',
      reason: 'DriftRepaired',
      action: 'Repair',
      note: `${id} had been ${live === undefined ? 'deleted' : `changed by ${who}`}; it is as desired again`,
    });
  }
}
