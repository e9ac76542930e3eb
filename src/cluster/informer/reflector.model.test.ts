import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { abortable } from '../abort.ts';
import { Reflector } from './reflector.ts';
import type { KubernetesObject } from '../resource.ts';
import type { ChangeEvent } from './store.ts';
import { FakeServer, WATCH_FAULTS, type WatchFault } from '../testing/fake-server.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

// fast-check's scheduler decides how long requests, pages, events and bookmarks of this reflector take, while
// the server goes on. This produces the interleavings of a real network. In reflector.properties.test.ts, the
// server answers immediately but has faults.

/** A remote server. Sent data arrives unless the connection breaks. */
class FarServer implements Transport {
  readonly #server: FakeServer;
  readonly #hop: (label: string) => Promise<void>;

  constructor(server: FakeServer, hop: (label: string) => Promise<void>) {
    this.#server = server;
    this.#hop = hop;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    await this.#way('list asked for', request.signal);
    const answer = await this.#server.request(request);
    await this.#way('list answered', request.signal);
    return answer;
  }

  async *stream(request: TransportRequest): AsyncGenerator<unknown, void, undefined> {
    await this.#way('watch asked for', request.signal);
    for await (const line of this.#server.stream(request)) {
      await this.#way('event', request.signal);
      yield line;
    }
  }

  async #way(label: string, signal: AbortSignal | undefined): Promise<void> {
    const hop = this.#hop(label);
    await (signal === undefined ? hop : abortable(hop, signal));
  }
}

interface Projection {
  readonly uid: string | undefined;
  /** Number of writes to the whole server. */
  readonly count: number;
}

const project = ({ metadata, data }: KubernetesObject): Projection => ({
  uid: metadata.uid,
  count: Number(data),
});

type Step =
  | { readonly type: 'put' | 'delete'; readonly name: string }
  | { readonly type: 'compact' | 'bookmark' | 'doubt' }
  | { readonly type: 'fail'; readonly code: number }
  | { readonly type: 'disturb'; readonly fault: WatchFault }
  | { readonly type: 'advance'; readonly ms: number };

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const code = fc.constantFrom(0, 403, 404, 410, 429, 500);
const fault = fc.constantFrom(...WATCH_FAULTS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('put'), name }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('delete'), name }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('compact', 'bookmark', 'bookmark', 'doubt') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fail'), code }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('disturb'), fault }) },
  // Mostly shorter than the longest trusted silence of a watch.
  { weight: 3, arbitrary: fc.record({ type: fc.constant('advance'), ms: fc.nat(5000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('advance'), ms: fc.nat(700_000) }) },
);

class Story {
  readonly server = new FakeServer();
  readonly clock = new ManualClock();
  readonly events: ChangeEvent<Projection>[] = [];
  readonly reflector: Reflector<Projection>;
  #count = 0;

  constructor(hop: (label: string) => Promise<void>, random: () => number) {
    this.reflector = new Reflector({
      transport: new FarServer(this.server, hop),
      resource: { group: '', version: 'v1', plural: 'configmaps' },
      project,
      onChange: (event) => {
        this.events.push(event);
      },
      clock: this.clock,
      log: recordingLogger(),
      random,
      pageSize: 2,
    });
  }

  put(key: string): void {
    this.#count += 1;
    this.server.put(key, this.#count);
  }

  async act(todo: Step): Promise<void> {
    switch (todo.type) {
      case 'put':
        this.put(todo.name);
        return;
      case 'delete':
        this.server.delete(todo.name);
        return;
      case 'compact':
        this.server.compact();
        return;
      case 'bookmark':
        this.server.bookmark();
        return;
      case 'doubt':
        void this.reflector.relist();
        return;
      case 'fail':
        this.server.failNext(todo.code === 0 ? { type: 'drop' } : { type: 'status', code: todo.code });
        return;
      case 'disturb':
        this.server.disturb(todo.fault);
        return;
      case 'advance':
        return this.clock.advance(todo.ms);
    }
  }

  truth(): ReadonlyMap<string, Projection> {
    return new Map([...this.server.objects()].map(([key, object]) => [key, project(object)]));
  }

  copy(): ReadonlyMap<string, Projection | undefined> {
    return new Map(this.reflector.store.keys().map((key) => [key, this.reflector.store.get(key)]));
  }
}

/**
 * Plays the events to an observer that knows nothing else. Each event must fit the observer's state, concern
 * the same uid or a new one, and never go back in time.
 */
function replay(events: readonly ChangeEvent<Projection>[]): ReadonlyMap<string, Projection> {
  const held = new Map<string, Projection>();
  const last = new Map<string, number>();
  for (const event of events) {
    const { key } = event;
    expect(held.get(key)).toEqual(event.type === 'added' ? undefined : event.old);
    if (event.type === 'deleted') {
      held.delete(key);
      continue;
    }
    if (event.type === 'modified') expect(event.new.uid).toBe(event.old.uid);
    expect(event.new.count).toBeGreaterThan(last.get(key) ?? 0);
    last.set(key, event.new.count);
    held.set(key, event.new);
  }
  return held;
}

const luck = fc.record({
  slow: fc.infiniteStream(fc.boolean()),
  randoms: fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
});

test('however pages, events and failures interleave, each change is told once and in order, and the copy ends up true', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(step, { maxLength: 60, size: 'max' }),
      luck,
      async (scheduler, todos, { slow, randoms }) => {
        let isCalm = false;
        const hop = async (label: string): Promise<void> => {
          if (!isCalm && valueOf(slow, false)) await scheduler.schedule(Promise.resolve(), label);
        };
        const story = new Story(hop, () => valueOf(randoms, 0));
        const { server, clock, reflector } = story;
        for (const key of 'abcde') story.put(key);
        const stop = new AbortController();
        const ended = reflector.start(stop.signal);
        const steps = scheduler.scheduleSequence(todos.map((todo) => () => story.act(todo)));
        while (!steps.done) {
          await scheduler.waitNext(1);
          await settle();
        }
        isCalm = true;
        server.forgetFaults();
        await scheduler.waitIdle();
        // Longer than any delay, and than the longest trusted silence of a watch.
        await clock.advance(20 * 60_000);

        expect(story.copy()).toEqual(story.truth());
        expect(replay(story.events)).toEqual(story.truth());
        expect(reflector.state.name).toBe('Watching');
        stop.abort();
        await ended;
        expect(clock.pending).toBe(0);
      },
    ),
  );
}, 120_000);

test('of a watch that is never broken every single change is told', async () => {
  const change = fc.record({ type: fc.constantFrom('put', 'put', 'delete', 'bookmark'), name });
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(change, { maxLength: 40, size: 'max' }),
      async (scheduler, changes) => {
        const hop = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label);
        const story = new Story(hop, () => 0);
        const stop = new AbortController();
        const ended = story.reflector.start(stop.signal);
        while (story.reflector.state.name !== 'Watching') {
          await scheduler.waitIdle();
          await settle();
        }
        const expected: string[] = [];
        scheduler.scheduleSequence(
          changes.map(({ type, name: key }) => async () => {
            const before = story.server.objects().has(key);
            if (type === 'put') expected.push(`${before ? 'modified' : 'added'} ${key}`);
            if (type === 'delete' && before) expected.push(`deleted ${key}`);
            await story.act(
              type === 'bookmark' ? { type } : { type: type === 'put' ? 'put' : 'delete', name: key },
            );
          }),
        );
        await scheduler.waitIdle();
        await settle();
        await scheduler.waitIdle();
        expect(story.events.map(({ type, key }) => `${type} ${key}`)).toEqual(expected);
        stop.abort();
        await ended;
      },
    ),
  );
}, 60_000);

function valueOf<T>(stream: Iterator<T>, otherwise: T): T {
  const next = stream.next();
  return next.done === true ? otherwise : next.value;
}
