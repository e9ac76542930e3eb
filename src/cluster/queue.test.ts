import { describe, expect, test } from '@jest/globals';
import { runWorkers, WorkQueue, type Result } from './queue.ts';
import { recordingLogger } from './testing/logs.ts';
import { ManualClock, settle } from './testing/manual-clock.ts';

function setup() {
  const clock = new ManualClock();
  return { clock, queue: new WorkQueue({ clock }) };
}

/** Takes all keys that are ready now. */
async function takeAll(queue: WorkQueue): Promise<readonly string[]> {
  const taken: string[] = [];
  while (queue.length > 0) {
    const key = await queue.get();
    if (key === undefined) break;
    taken.push(key);
    queue.done(key);
  }
  return taken;
}

describe('a work queue', () => {
  test('gives keys in the order of their first add, each once', async () => {
    const { queue } = setup();
    for (const key of ['b', 'a', 'b', 'c', 'a']) queue.add(key);
    expect(queue.length).toBe(3);
    expect(await takeAll(queue)).toEqual(['b', 'a', 'c']);
  });

  test('keeps a key that is added while it is worked on until that work is done', async () => {
    const { queue } = setup();
    queue.add('a');
    expect(await queue.get()).toBe('a');
    queue.add('a');
    queue.add('a');
    const next = queue.get();
    let given: string | undefined;
    void next.then((key) => (given = key));
    await settle();
    expect(given).toBeUndefined();
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    expect(queue.length).toBe(0);
  });

  test('gives each key to one waiting worker', async () => {
    const { queue } = setup();
    const workers = [queue.get(), queue.get()];
    queue.add('a');
    queue.add('b');
    expect(await Promise.all(workers)).toEqual(['a', 'b']);
  });

  test('adds later when told to; of several delays the earliest counts', async () => {
    const { clock, queue } = setup();
    queue.addAfter('a', 1000);
    queue.addAfter('a', 500);
    queue.addAfter('a', 2000);
    queue.addAfter('now', 0);
    expect(await takeAll(queue)).toEqual(['now']);
    await clock.advance(499);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await takeAll(queue)).toEqual(['a']);
    await clock.advance(5000);
    expect(queue.length).toBe(0);
  });

  test('doubles the delay of a key with each rate-limited add, up to a minute, until it is forgotten', async () => {
    const { clock, queue } = setup();
    const delays: number[] = [];
    for (let round = 0; round < 16; round += 1) {
      const before = clock.now();
      queue.addRateLimited('a');
      while (queue.length === 0) await clock.advance(5);
      delays.push(clock.now() - before);
      await takeAll(queue);
    }
    expect(delays.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(delays.slice(-2)).toEqual([60_000, 60_000]);
    expect(queue.retries('a')).toBe(16);
    queue.forget('a');
    expect(queue.retries('a')).toBe(0);
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(queue.length).toBe(1);
  });

  test('shut down: takes nothing new, drops what is delayed, gives out what is ready, then undefined', async () => {
    const { clock, queue } = setup();
    queue.add('ready');
    queue.add('again');
    queue.addAfter('late', 10);
    expect(await queue.get()).toBe('ready');
    queue.add('ready');
    queue.shutDown();
    expect(clock.pending).toBe(0);
    queue.add('new');
    queue.addAfter('new', 5);
    queue.addRateLimited('new');
    queue.done('ready');
    await clock.advance(100);
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['again', 'ready', undefined]);
    expect(clock.pending).toBe(0);
  });

  test('shut down: lets waiting workers go', async () => {
    const { queue } = setup();
    const waiting = [queue.get(), queue.get()];
    queue.shutDown();
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
  });
});

function workers(handle: (key: string) => Promise<Result>) {
  const { clock, queue } = setup();
  const log = recordingLogger();
  const stop = new AbortController();
  const ended = runWorkers({ queue, workers: 2, handle, log, signal: stop.signal });
  return { clock, queue, log, stop, ended };
}

describe('workers', () => {
  test('forget a key that is done', async () => {
    const results: Result[] = [{ type: 'retry', message: 'not yet' }, { type: 'done' }];
    const handled: string[] = [];
    const { clock, queue, log } = workers((key) => {
      handled.push(key);
      return Promise.resolve(results.shift() ?? { type: 'done' });
    });
    queue.add('a');
    await settle();
    expect([handled.length, queue.retries('a')]).toEqual([1, 1]);
    await clock.advance(5);
    expect([handled.length, queue.retries('a')]).toEqual([2, 0]);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
  });

  test('retry what throws, with the backoff of the key, and log it', async () => {
    let calls = 0;
    const { clock, queue, log } = workers(() => {
      calls += 1;
      return calls < 3 ? Promise.reject(new Error('broken')) : Promise.resolve({ type: 'done' });
    });
    queue.add('a');
    await clock.advance(5);
    expect(calls).toBe(2);
    await clock.advance(10);
    expect([calls, queue.retries('a')]).toEqual([3, 0]);
    expect(log.lines.map(({ level }) => level)).toEqual(['error', 'error']);
  });

  test('come back after requeueAfter, without counting it as a failure', async () => {
    let calls = 0;
    const { clock, queue } = workers(() => {
      calls += 1;
      return Promise.resolve({ type: 'requeueAfter', ms: 300 });
    });
    queue.add('a');
    await clock.advance(299);
    expect(calls).toBe(1);
    await clock.advance(1);
    expect([calls, queue.retries('a')]).toEqual([2, 0]);
  });

  test('do not come back to a key that is done until it is added again', async () => {
    let calls = 0;
    const { clock, queue } = workers(() => {
      calls += 1;
      return Promise.resolve({ type: 'done' });
    });
    queue.add('a');
    await clock.advance(1_000_000);
    expect(calls).toBe(1);
    queue.add('a');
    await settle();
    expect(calls).toBe(2);
  });

  test('told to stop: begin nothing more, and end when what is under way has ended', async () => {
    const underWay = Promise.withResolvers<Result>();
    const handled: string[] = [];
    const { queue, stop, ended } = workers((key) => {
      handled.push(key);
      return underWay.promise;
    });
    let over = false;
    void ended.then(() => (over = true));
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await settle();
    stop.abort();
    await settle();
    expect(over).toBe(false);
    underWay.resolve({ type: 'done' });
    await ended;
    expect(handled).toEqual(['a', 'b']);
  });

  test('begin nothing at all when the signal is aborted before', async () => {
    const { queue } = setup();
    queue.add('a');
    const handle = (): Promise<Result> => Promise.reject(new Error('called'));
    const log = recordingLogger();
    await runWorkers({ queue, workers: 1, handle, log, signal: AbortSignal.abort() });
    expect(log.lines).toEqual([]);
  });
});
