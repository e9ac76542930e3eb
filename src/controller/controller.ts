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
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly finalizers: Finalizers;
  /** Namespace the operator runs in. */
  readonly operatorNamespace: string;
  /** Name of the pod, for Events. */
  readonly instance: string;
}

/** Every firewall is compiled in every round, so there is one key. */
const KEY = 'everything';

/** Watches the cluster and, whenever something changed, makes Calico's objects what the firewalls ask for. */
export class Controller {
  readonly metrics: Metrics;
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  readonly #firewalls: Mirror<StoredFirewall>;
  readonly #inventory: ClusterInventory;
  readonly #calico: CalicoSource;
  readonly #events: EventRecorder;
  readonly #reporter: Reporter;

  constructor(options: ControllerOptions) {
    const { transport, clock, log, instance } = options;
    this.#options = options;
    this.#queue = new WorkQueue({ clock });
    this.metrics = new Metrics(() => this.#queue.length);
    const changed = (): void => {
      this.#queue.add(KEY);
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
    this.#reporter = new Reporter(transport, clock, log);
    this.#events = new EventRecorder({
      transport,
      clock,
      log,
      reportingController: 'clusterfirewall.io/operator',
      reportingInstance: instance,
    });
  }

  /** True once firewalls, namespaces and nodes are listed and it is known how Calico is served (well or not). */
  get isReady(): boolean {
    const { api, stored } = this.#calico;
    const calicoKnown = api !== undefined && (!api.served || stored !== undefined);
    return this.#firewalls.hasSynced && this.#inventory.hasSynced && calicoKnown;
  }

  /** Works until `signal` is aborted; resolves when the step under way is finished and everything has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const reconciler = this.#reconciler(signal);
    this.#firewalls.start();
    this.#inventory.start();
    const background = [this.#calico.run(signal), this.#events.run(signal)];
    await runWorkers({ queue: this.#queue, workers: 1, handle: () => this.#round(reconciler), log, signal });
    await Promise.all([...background, this.#firewalls.stop(), this.#inventory.stop()]);
  }

  #reconciler(signal: AbortSignal): Reconciler {
    const { transport, clock, log, finalizers } = this.#options;
    return new Reconciler({
      transport,
      clock,
      log,
      compile: remembering(compile),
      finalizers,
      signal,
      drift: new Drift(clock),
      forms: new ServerForms(),
      report: (firewall, finding) => this.#reporter.report(firewall, finding),
      onDrift: (step) => {
        this.#noteDrift(step);
      },
    });
  }

  async #round(reconciler: Reconciler): Promise<Result> {
    // Whatever is still missing will bring the key back when it comes.
    if (!this.isReady) return { type: 'done' };
    const { clock } = this.#options;
    const began = clock.now();
    let result: Result | undefined;
    try {
      result = await this.#reconcile(reconciler);
    } finally {
      this.metrics.reconciled(result, (clock.now() - began) / 1000);
      if (result === undefined || result.type === 'retry') this.#calico.doubt();
    }
    return result;
  }

  #reconcile(reconciler: Reconciler): Promise<Result> {
    const { operatorNamespace } = this.#options;
    const firewalls = this.#firewalls.list();
    const { api: calico, stored } = this.#calico;
    if (calico === undefined) return Promise.resolve({ type: 'done' });
    this.#reporter.retain(firewalls);
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

  #noteDrift({ id, desired, live }: ApplyStep): void {
    this.metrics.driftRepaired(desired.object.kind);
    const firewall = this.#firewalls.get(desired.firewall);
    if (firewall === undefined) return;
    const who = live?.foreignManager === undefined ? 'somebody' : live.foreignManager;
    this.#events.record({
      regarding: reference(firewall),
      type: 'Warning',
      reason: 'DriftRepaired',
      action: 'Repair',
      note: `${id} had been ${live === undefined ? 'deleted' : `changed by ${who}`}; it is as desired again`,
    });
  }
}
