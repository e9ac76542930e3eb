import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../../cluster/clock.ts';
import type { QueueObserver } from '../../cluster/queue.ts';

/** client-go's buckets go from 10 ns to 1000 s. Below a millisecond there is nothing to learn here. */
const BUCKETS = [0.001, 0.01, 0.1, 1, 10, 100, 1000];
const LABELS = ['name', 'controller'] as const;

/**
 * The work queue under client-go's names and meanings (util/workqueue/metrics.go), with controller-runtime's
 * labels.
 */
export class QueueMetrics implements QueueObserver {
  readonly #clock: Clock;
  readonly #labels: { readonly name: string; readonly controller: string };
  readonly #addedAt = new Map<string, number>();
  readonly #takenAt = new Map<string, number>();
  readonly #adds: Counter<'name' | 'controller'>;
  readonly #retries: Counter<'name' | 'controller'>;
  readonly #queued: Histogram<'name' | 'controller'>;
  readonly #worked: Histogram<'name' | 'controller'>;

  constructor(registry: Registry, name: string, clock: Clock) {
    this.#clock = clock;
    this.#labels = { name, controller: name };
    const common = { labelNames: LABELS, registers: [registry] };
    this.#adds = new Counter({
      ...common,
      name: 'workqueue_adds_total',
      help: 'Keys added to the work queue.',
    });
    this.#retries = new Counter({
      ...common,
      name: 'workqueue_retries_total',
      help: 'Keys added to the work queue after a delay, be it for a failure or to look again.',
    });
    this.#queued = new Histogram({
      ...common,
      name: 'workqueue_queue_duration_seconds',
      help: 'Time that a key waits in the work queue.',
      buckets: BUCKETS,
    });
    this.#worked = new Histogram({
      ...common,
      name: 'workqueue_work_duration_seconds',
      help: 'Time that a key is worked on.',
      buckets: BUCKETS,
    });
    this.#gauge(registry, 'workqueue_depth', 'Keys that wait in the work queue.', () => this.#addedAt.size);
    this.#gauge(
      registry,
      'workqueue_unfinished_work_seconds',
      'Time that the keys being worked on have taken so far, together.',
      () => this.#running().reduce((sum, seconds) => sum + seconds, 0),
    );
    this.#gauge(
      registry,
      'workqueue_longest_running_processor_seconds',
      'Time that the key longest worked on has taken so far.',
      () => Math.max(0, ...this.#running()),
    );
    this.#adds.inc(this.#labels, 0);
    this.#retries.inc(this.#labels, 0);
  }

  added(key: string): void {
    this.#addedAt.set(key, this.#clock.now());
    this.#adds.inc(this.#labels);
  }

  taken(key: string): void {
    const now = this.#clock.now();
    this.#queued.observe(this.#labels, (now - (this.#addedAt.get(key) ?? now)) / 1000);
    this.#addedAt.delete(key);
    this.#takenAt.set(key, now);
  }

  done(key: string): void {
    const now = this.#clock.now();
    this.#worked.observe(this.#labels, (now - (this.#takenAt.get(key) ?? now)) / 1000);
    this.#takenAt.delete(key);
  }

  retried(): void {
    this.#retries.inc(this.#labels);
  }

  /** The queue is gone, with everything that waited in it. */
  reset(): void {
    this.#addedAt.clear();
    this.#takenAt.clear();
  }

  #running(): readonly number[] {
    return [...this.#takenAt.values()].map((at) => (this.#clock.now() - at) / 1000);
  }

  #gauge(registry: Registry, name: string, help: string, value: () => number): void {
    const labels = this.#labels;
    new Gauge({
      name,
      help,
      labelNames: LABELS,
      registers: [registry],
      collect() {
        this.set(labels, value());
      },
    });
  }
}
