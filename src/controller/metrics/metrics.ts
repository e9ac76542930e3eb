import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Clock } from '../../cluster/clock.ts';
import type { Result } from '../../cluster/queue.ts';
import type { HeartbeatMethod, HeartbeatResult } from '../../cluster/informer/heartbeat.ts';
import { BoundedLabel } from './labels.ts';
import { FirewallMetrics } from './firewalls.ts';
import { QueueMetrics } from './queue.ts';
import { RequestMetrics } from './requests.ts';
import type { Staleness } from '../../cluster/informer/watches.ts';

/** controller-runtime's values of the label `result`. */
type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after';

const CONTROLLER = 'clusterfirewall';
/** Field managers come from users. */
const MAX_MANAGERS = 20;

export interface Readiness {
  readonly firewall: string;
  /** The condition Ready in the status of the present generation. */
  readonly ready: boolean;
}

/** Looked up at each scrape. */
export interface MetricSources {
  readonly staleness: () => readonly Staleness[];
  readonly readiness: () => readonly Readiness[];
  /** Milliseconds, negative when overdue. Undefined: only a change brings the next round. */
  readonly nextRoundMs: () => number | undefined;
}

/**
 * The metrics of one operator, under the names of controller-runtime (pkg/internal/controller/metrics,
 * pkg/internal/metrics) and client-go (component-base metrics/prometheus/restclient) where they have one.
 * docs/metrics.md lists them.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly requests: RequestMetrics;
  readonly queue: QueueMetrics;
  readonly firewalls: FirewallMetrics;
  readonly #managers = new BoundedLabel(MAX_MANAGERS);
  readonly #reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciliations by result.',
    labelNames: ['controller', 'result'] as const,
    registers: [this.registry],
  });
  readonly #errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Reconciliations that failed.',
    labelNames: ['controller'] as const,
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Time that a reconciliation took.',
    labelNames: ['controller'] as const,
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [this.registry],
  });
  readonly #active = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Reconciliations under way.',
    labelNames: ['controller'] as const,
    registers: [this.registry],
  });
  readonly #compile = new Histogram({
    name: 'clusterfirewall_compile_duration_seconds',
    help: 'Time that compiling every firewall took; rounds in which nothing compiled has changed do not count.',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [this.registry],
  });
  readonly #drift = new Counter({
    name: 'clusterfirewall_drift_repaired_total',
    help: 'Repairs of generated objects that another client had changed or deleted, by kind and by the field manager that wrote last.',
    labelNames: ['kind', 'manager'] as const,
    registers: [this.registry],
  });
  readonly #heartbeats = new Counter({
    name: 'clusterfirewall_watch_heartbeats_total',
    help: 'Heartbeats of watches: method read or written; result shown, missed (the watch was ended and the kind listed anew) or error.',
    labelNames: ['kind', 'method', 'result'] as const,
    registers: [this.registry],
  });

  constructor(clock: Clock) {
    const { registry } = this;
    collectDefaultMetrics({ register: registry });
    this.requests = new RequestMetrics(registry);
    this.queue = new QueueMetrics(registry, CONTROLLER, clock);
    this.firewalls = new FirewallMetrics(registry);
    this.#active.set({ controller: CONTROLLER }, 0);
  }

  /** Call it once. */
  lookUp({ staleness, readiness, nextRoundMs }: MetricSources): void {
    new Gauge({
      name: 'clusterfirewall_next_reconcile_seconds',
      help: 'Time until the next reconciliation that needs no change to begin. Negative: overdue. No value: only a change begins one.',
      registers: [this.registry],
      collect() {
        this.reset();
        const ms = nextRoundMs();
        if (ms === undefined) this.remove();
        else this.set(ms / 1000);
      },
    });
    new Gauge({
      name: 'watch_staleness_seconds',
      help: 'Time since the copy of a kind was last known to be true, by a list, an event, a bookmark or a heartbeat.',
      labelNames: ['kind'] as const,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { kind, seconds } of staleness()) this.set({ kind }, seconds);
      },
    });
    new Gauge({
      name: 'clusterfirewall_ready',
      help: 'Whether the condition Ready is True for the present generation.',
      labelNames: ['firewall'] as const,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { firewall, ready } of readiness()) this.set({ firewall }, ready ? 1 : 0);
      },
    });
  }

  reconciling(): void {
    this.#active.set({ controller: CONTROLLER }, 1);
  }

  /** @param result undefined when the reconciliation threw */
  reconciled(result: Result | undefined, seconds: number): void {
    const name = resultName(result);
    this.#active.set({ controller: CONTROLLER }, 0);
    this.#reconciles.inc({ controller: CONTROLLER, result: name });
    if (name === 'error') this.#errors.inc({ controller: CONTROLLER });
    this.#seconds.observe({ controller: CONTROLLER }, seconds);
  }

  compiled(seconds: number): void {
    this.#compile.observe(seconds);
  }

  /** @param manager undefined when the object names none, or was deleted */
  driftRepaired(kind: string, manager: string | undefined): void {
    this.#drift.inc({ kind, manager: manager === undefined ? 'unknown' : this.#managers.valueFor(manager) });
  }

  heartbeat(kind: string, method: HeartbeatMethod, result: HeartbeatResult): void {
    this.#heartbeats.inc({ kind, method, result });
  }

  /** Another replica leads now. Metrics that only a leader knows would be reported twice. */
  endTerm(): void {
    this.queue.reset();
    this.firewalls.reset();
  }
}

function resultName(result: Result | undefined): ReconcileResult {
  switch (result?.type) {
    case 'done':
      return 'success';
    case 'requeueAfter':
      return 'requeue_after';
    case 'retry':
      return 'requeue';
    case undefined:
      return 'error';
  }
}
