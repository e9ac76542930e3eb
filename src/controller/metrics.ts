import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Result } from '../cluster/queue.ts';

/** controller-runtime's values of the label `result`. */
type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after';

const CONTROLLER = 'clusterfirewall';

/** Figures of one operator, under controller-runtime's names where it has one (pkg/internal/controller/metrics). */
export class Metrics {
  readonly registry = new Registry();
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
  readonly #drift = new Counter({
    name: 'clusterfirewall_drift_repaired_total',
    help: 'Generated objects that somebody else had changed or deleted, by kind.',
    labelNames: ['kind'] as const,
    registers: [this.registry],
  });

  /** @param depth reads the length of the work queue */
  constructor(depth: () => number) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'workqueue_depth',
      help: 'Keys that wait in the work queue.',
      labelNames: ['name'] as const,
      registers: [this.registry],
      collect() {
        this.set({ name: CONTROLLER }, depth());
      },
    });
  }

  /** @param result undefined when the reconciliation threw */
  reconciled(result: Result | undefined, seconds: number): void {
    const name = resultName(result);
    this.#reconciles.inc({ controller: CONTROLLER, result: name });
    if (name === 'error') this.#errors.inc({ controller: CONTROLLER });
    this.#seconds.observe({ controller: CONTROLLER }, seconds);
  }

  driftRepaired(kind: string): void {
    this.#drift.inc({ kind });
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
    case 'terminal':
    case undefined:
      return 'error';
  }
}
