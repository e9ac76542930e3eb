import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ChangeEvent } from './store.ts';
import { WATCH_FAULTS, type FakeServer, type WatchFault } from '../testing/fake-server.ts';
import { settle, type ManualClock } from '../testing/manual-clock.ts';
import { LONG, project, setup, type Projection } from '../testing/reflector.ts';

type Step =
  | { readonly type: 'put' | 'delete'; readonly name: string; readonly data: number }
  | { readonly type: 'compact' | 'bookmark' | 'settle' }
  | { readonly type: 'fail'; readonly code: number }
  | { readonly type: 'disturb'; readonly fault: WatchFault }
  | { readonly type: 'between'; readonly name: string; readonly remove: boolean; readonly compact: boolean }
  | { readonly type: 'advance'; readonly ms: number };

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('put'), name: names, data: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('delete'), name: names, data: fc.constant(0) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('compact', 'bookmark', 'settle') }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('fail'), code: fc.constantFrom(0, 403, 404, 410, 429, 500) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('disturb'),
      fault: fc.constantFrom(...WATCH_FAULTS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('between'),
      name: names,
      remove: fc.boolean(),
      compact: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('advance'), ms: fc.nat(700_000) }) },
);

async function perform(server: FakeServer, clock: ManualClock, todo: Step): Promise<void> {
  switch (todo.type) {
    case 'put':
      server.put(todo.name, todo.data);
      return;
    case 'delete':
      server.delete(todo.name);
      return;
    case 'compact':
      server.compact();
      return;
    case 'bookmark':
      server.bookmark();
      return;
    case 'settle':
      return settle();
    case 'fail':
      server.failNext(todo.code === 0 ? { type: 'drop' } : { type: 'status', code: todo.code });
      return;
    case 'disturb':
      server.disturb(todo.fault);
      return;
    case 'between':
      server.betweenPages = () => {
        server.betweenPages = () => undefined;
        if (todo.remove) server.delete(todo.name);
        else server.put(todo.name, 9);
        if (todo.compact) server.compact();
      };
      return;
    case 'advance':
      return clock.advance(todo.ms);
  }
}

/** Plays the events to an observer that knows nothing else. Every event must fit the observer's state. */
function replay(events: readonly ChangeEvent<Projection>[]): ReadonlyMap<string, Projection> {
  const held = new Map<string, Projection>();
  for (const event of events) {
    expect(held.get(event.key)).toEqual(event.type === 'added' ? undefined : event.old);
    if (event.type === 'modified') expect(event.new.uid).toBe(event.old.uid);
    if (event.type === 'deleted') held.delete(event.key);
    else held.set(event.key, event.new);
  }
  return held;
}

test('after any faults the store equals the server, and the events tell the whole story, deletes included', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.boolean(),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (steps, reversed, randoms) => {
        const random = (): number => {
          const next: IteratorResult<number, unknown> = randoms.next();
          return next.done === true ? 0 : next.value;
        };
        const { server, clock, events, reflector, stop, start } = setup({ random });
        if (reversed) server.shuffle = (items) => [...items].reverse();
        for (const name of 'abcdefg') server.put(name, 0);
        await start();
        for (const todo of steps) await perform(server, clock, todo);
        server.forgetFaults();
        await clock.advance(LONG);
        // A watch may end at just that moment. Its successor begins within a second.
        if (reflector.state.name !== 'Watching') await clock.advance(1000);
        const truth = new Map([...server.objects()].map(([name, object]) => [name, project(object)]));
        expect(new Map(reflector.store.keys().map((key) => [key, reflector.store.get(key)]))).toEqual(truth);
        expect(replay(events)).toEqual(truth);
        expect(reflector.state.name).toBe('Watching');
        stop.abort();
        await settle();
        expect(clock.pending).toBe(0);
      },
    ),
  );
}, 60_000);
