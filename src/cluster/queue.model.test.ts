import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { runWorkers, WorkQueue, type Result } from './queue.ts';
import { recordingLogger } from './testing/logs.ts';
import { ManualClock } from './testing/manual-clock.ts';

/**
 * A slow and simple model of client-go's queue (util/workqueue: queue.go, delaying_queue.go,
 * default_rate_limiters.go).
 */
class Model {
  now = 0;
  queue: string[] = [];
  dirty = new Set<string>();
  processing = new Set<string>();
  waiting: { readonly key: string; readonly at: number; readonly order: number }[] = [];
  failures = new Map<string, number>();
  isShutDown = false;
  #order = 0;

  add(key: string): void {
    if (this.isShutDown || this.dirty.has(key)) return;
    this.dirty.add(key);
    if (!this.processing.has(key)) this.queue.push(key);
  }

  addAfter(key: string, ms: number): void {
    if (this.isShutDown) return;
    const at = this.now + ms;
    const earlier = this.waiting.some((other) => other.key === key && other.at <= at);
    if (earlier) return;
    this.waiting = this.waiting.filter((other) => other.key !== key);
    if (ms <= 0) this.add(key);
    else this.waiting.push({ key, at, order: (this.#order += 1) });
  }

  addRateLimited(key: string): void {
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    this.addAfter(key, Math.min(60_000, 5 * 2 ** failures));
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.waiting
      .filter(({ at }) => at <= this.now)
      .sort((a, b) => a.at - b.at || a.order - b.order);
    this.waiting = this.waiting.filter(({ at }) => at > this.now);
    for (const { key } of due) this.add(key);
  }

  get(): string | undefined {
    const key = this.queue.shift();
    if (key === undefined) return undefined;
    this.processing.add(key);
    this.dirty.delete(key);
    return key;
  }

  done(key: string): void {
    this.processing.delete(key);
    if (this.dirty.has(key)) this.queue.push(key);
  }

  shutDown(): void {
    this.isShutDown = true;
    this.waiting = [];
  }
}

interface Real {
  readonly clock: ManualClock;
  readonly queue: WorkQueue;
}

type Command = fc.AsyncCommand<Model, Real>;

const command = (
  name: string,
  run: (model: Model, real: Real) => Promise<void> | void,
  check: (model: Model) => boolean = () => true,
): Command => ({
  check,
  run: async (model, real) => {
    await run(model, real);
    expect(real.queue.length).toBe(model.dirty.size);
    expect(real.clock.pending).toBe(model.waiting.length);
  },
  toString: () => name,
});

const KEYS = ['a', 'b', 'c'] as const;
const key = fc.constantFrom(...KEYS);
const ms = fc.oneof(fc.constantFrom(0, 1, 5, 10), fc.nat(100));

const commands: readonly fc.Arbitrary<Command>[] = [
  key.map((each) =>
    command(`add ${each}`, (model, { queue }) => {
      model.add(each);
      queue.add(each);
    }),
  ),
  fc.tuple(key, ms).map(([each, delay]) =>
    command(`addAfter ${each} ${String(delay)}`, (model, { queue }) => {
      model.addAfter(each, delay);
      queue.addAfter(each, delay);
    }),
  ),
  key.map((each) =>
    command(`addRateLimited ${each}`, (model, { queue }) => {
      model.addRateLimited(each);
      queue.addRateLimited(each);
      expect(queue.retries(each)).toBe(model.failures.get(each));
    }),
  ),
  key.map((each) =>
    command(`forget ${each}`, (model, { queue }) => {
      model.failures.delete(each);
      queue.forget(each);
      expect(queue.retries(each)).toBe(0);
    }),
  ),
  fc.oneof(ms, fc.nat(70_000)).map((passed) =>
    command(`advance ${String(passed)}`, async (model, { clock }) => {
      model.advance(passed);
      await clock.advance(passed);
    }),
  ),
  fc.constant(
    command(
      'get',
      async (model, { queue }) => {
        expect(await queue.get()).toBe(model.get());
      },
      // Otherwise it would wait.
      (model) => model.queue.length > 0 || model.isShutDown,
    ),
  ),
  key.map((each) =>
    command(
      `done ${each}`,
      (model, { queue }) => {
        model.done(each);
        queue.done(each);
      },
      (model) => model.processing.has(each),
    ),
  ),
  fc.constant(
    command('shutDown', (model, { queue }) => {
      model.shutDown();
      queue.shutDown();
    }),
  ),
];
/** Shutdown is rare, because little happens after it. */
const weighted = [...commands, ...commands.slice(0, -1), ...commands.slice(0, -1)];

test('the queue does what client-go’s does, call by call', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(weighted, { maxCommands: 80, size: 'max' }), async (story) => {
      const clock = new ManualClock();
      await fc.asyncModelRun(
        () => ({ model: new Model(), real: { clock, queue: new WorkQueue({ clock }) } }),
        story,
      );
    }),
  );
}, 60_000);

type Outcome = 'done' | 'throw' | 'retry' | 'requeue';

/** Workers, with the conditions that always hold for them. */
class Workers {
  readonly clock = new ManualClock();
  readonly queue = new WorkQueue({ clock: this.clock });
  readonly busy = new Set<string>();
  /** Keys that were added after their last work started. */
  readonly owed = new Set<string>();
  readonly wrong: string[] = [];
  readonly stop = new AbortController();
  readonly #scheduler: fc.Scheduler;
  readonly #outcomes: Outcome[];

  constructor(scheduler: fc.Scheduler, outcomes: readonly Outcome[]) {
    this.#scheduler = scheduler;
    this.#outcomes = [...outcomes];
  }

  run(workers: number): Promise<void> {
    const handle = (taken: string): Promise<Result> => this.#handle(taken);
    return runWorkers({
      queue: this.queue,
      workers,
      handle,
      log: recordingLogger(),
      signal: this.stop.signal,
    });
  }

  add(added: string, delay: number): void {
    if (!this.stop.signal.aborted) this.owed.add(added);
    if (delay === 0) this.queue.add(added);
    else this.queue.addAfter(added, delay);
  }

  async #handle(taken: string): Promise<Result> {
    if (this.busy.has(taken)) this.wrong.push(`${taken} with two workers`);
    if (this.stop.signal.aborted) this.wrong.push(`${taken} begun after the stop`);
    this.busy.add(taken);
    this.owed.delete(taken);
    await this.#scheduler.schedule(Promise.resolve(), `work on ${taken}`);
    this.busy.delete(taken);
    switch (this.#outcomes.shift() ?? 'done') {
      case 'throw':
        throw new Error('told to');
      case 'retry':
        return { type: 'retry', message: 'told to' };
      case 'requeue':
        return { type: 'requeueAfter', ms: 3 };
      case 'done':
        return { type: 'done' };
    }
  }
}

const addition = fc.record({ key, delay: fc.constantFrom(0, 0, 0, 7) });
const outcome = fc.constantFrom<Outcome[]>('done', 'done', 'throw', 'retry', 'requeue');

test('in any interleaving no key is with two workers, and work begins after every add of its key', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(addition, { maxLength: 30 }),
      fc.array(outcome, { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      async (scheduler, additions, outcomes, count) => {
        const workers = new Workers(scheduler, outcomes);
        const { clock, queue } = workers;
        const ended = workers.run(count);
        const story = scheduler.scheduleSequence(
          additions.map((each) => () => {
            workers.add(each.key, each.delay);
            return Promise.resolve();
          }),
        );
        const isIdle = () =>
          story.done && scheduler.count() === 0 && queue.length === 0 && clock.pending === 0;
        do {
          await scheduler.waitIdle();
          await clock.advance(1000);
        } while (!isIdle());
        expect([[...workers.owed], [...workers.busy], workers.wrong]).toEqual([[], [], []]);
        workers.stop.abort();
        await ended;
      },
    ),
  );
}, 60_000);

test('stopped at any time, nothing more is begun, and what is under way is awaited', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(addition, { maxLength: 20 }),
      fc.nat(20),
      fc.integer({ min: 1, max: 4 }),
      async (scheduler, additions, stopAt, count) => {
        const workers = new Workers(scheduler, []);
        let isOver = false;
        const ended = workers.run(count).then(() => {
          isOver = true;
          expect(workers.busy.size).toBe(0);
        });
        scheduler.scheduleSequence(
          additions.map((each, index) => () => {
            if (index === stopAt) workers.stop.abort();
            workers.add(each.key, each.delay);
            return Promise.resolve();
          }),
        );
        await scheduler.waitIdle();
        workers.stop.abort();
        await scheduler.waitIdle();
        await ended;
        expect([isOver, workers.wrong, workers.clock.pending]).toEqual([true, [], 0]);
      },
    ),
  );
}, 60_000);
