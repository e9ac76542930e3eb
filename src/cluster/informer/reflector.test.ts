import { describe, expect, test } from '@jest/globals';
import type { WatchFault } from '../testing/fake-server.ts';
import { settle } from '../testing/manual-clock.ts';
import { LONG, queriesOf, setup, summary } from '../testing/reflector.ts';

describe('a reflector lists, then watches', () => {
  test('page by page, from one snapshot, without a resourceVersion', async () => {
    const { server, reflector, start } = setup();
    for (const name of 'abcdefgh') server.put(name, 1);
    server.betweenPages = () => {
      server.put('a', 2);
    };
    await start();
    await reflector.waitForSync();
    const lists = queriesOf(server, false);
    expect(lists.map((query) => query['limit'])).toEqual([3, 3, 3]);
    expect(lists.every((query) => !('resourceVersion' in query))).toBe(true);
    expect(reflector.store.keys()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  });

  test('from the version of the list, asking for bookmarks and for an end in five to ten minutes', async () => {
    const { server, start } = setup();
    server.put('a', 1);
    await start();
    expect(queriesOf(server, true)).toEqual([
      expect.objectContaining({ resourceVersion: '2', allowWatchBookmarks: true, timeoutSeconds: 450 }),
    ]);
  });

  test('delivers what changes between the list and the watch', async () => {
    const { server, events, start } = setup();
    server.put('a', 1);
    server.betweenPages = () => {
      server.delete('a');
      server.put('b', 1);
    };
    await start();
    expect(summary(events)).toEqual(['added a', 'deleted a', 'added b']);
  });

  test('passes label and field selectors to both', async () => {
    const { server, start } = setup({ labelSelector: 'a=b', fieldSelector: 'metadata.name=x' });
    await start();
    expect(server.requests).toHaveLength(2);
    for (const { query } of server.requests) {
      expect(query).toMatchObject({ labelSelector: 'a=b', fieldSelector: 'metadata.name=x' });
    }
  });

  test('keeps projections only, listed in the order of their keys', async () => {
    const { server, reflector, start } = setup();
    server.put('b', 2);
    server.put('a', 1);
    await start();
    expect(reflector.store.list()).toEqual([
      { uid: 'uid-2', data: 1 },
      { uid: 'uid-1', data: 2 },
    ]);
    expect(reflector.store.get('b')).toEqual({ uid: 'uid-1', data: 2 });
    expect(reflector.store.size).toBe(2);
  });

  test('stops when told to, whatever it is waiting for', async () => {
    const { clock, log, reflector, stop } = setup();
    const ended = reflector.start(stop.signal);
    await settle();
    stop.abort();
    await ended;
    expect(reflector.state).toEqual({ name: 'Stopped' });
    expect(clock.pending).toBe(0);
    expect(log.lines).toEqual([]);
  });
});

describe('a watch that ends', () => {
  test('in order is resumed behind its last event, without a list', async () => {
    const { server, clock, start } = setup();
    await start();
    await clock.advance(400_000);
    server.put('a', 1);
    await settle();
    server.disturb('close');
    await settle();
    expect(queriesOf(server, false)).toHaveLength(1);
    expect(queriesOf(server, true).map((query) => query['resourceVersion'])).toEqual(['1', '2']);
  });

  test('after a bookmark is resumed from the bookmark', async () => {
    const { server, clock, start } = setup();
    await start();
    await clock.advance(60_000);
    server.bookmark();
    await settle();
    server.disturb('close');
    await settle();
    expect(queriesOf(server, true).at(-1)).toMatchObject({ resourceVersion: '2' });
  });

  test('by a broken connection is resumed after a delay, and nothing that was lost on the way is missing', async () => {
    const { server, clock, events, start } = setup();
    server.put('a', 1);
    await start();
    server.delete('a');
    server.put('b', 1);
    server.disturb('cut');
    await settle();
    expect(summary(events)).toEqual(['added a']);
    await clock.advance(1000);
    expect(queriesOf(server, false)).toHaveLength(1);
    expect(summary(events)).toEqual(['added a', 'deleted a', 'added b']);
  });

  test('at once and without an event is not trusted: a new list', async () => {
    const { server, clock, reflector, start } = setup();
    await start();
    server.disturb('close');
    await settle();
    expect(reflector.state).toMatchObject({ name: 'Failed', message: expect.stringContaining('at once') });
    await clock.advance(1000);
    expect(queriesOf(server, false)).toHaveLength(2);
  });
});

describe('on any doubt there is a new list, and deletes that nobody saw are delivered', () => {
  test.each<WatchFault>(['expire', 'internal-error', 'garbage'])('%s', async (fault) => {
    const { server, clock, events, reflector, start } = setup();
    server.put('gone', 1);
    server.put('kept', 1);
    await start();
    server.disturb('black-hole');
    server.delete('gone');
    server.put('kept', 2);
    server.put('new', 1);
    events.length = 0;
    // The connection works again: a second watch meets the fault.
    await clock.advance(LONG);
    server.disturb(fault);
    await clock.advance(1000);
    expect(queriesOf(server, false).length).toBeGreaterThanOrEqual(3);
    expect(summary(events).sort()).toEqual(['added new', 'deleted gone', 'modified kept']);
    expect(reflector.state.name).toBe('Watching');
  });

  test('an expired version is listed anew without a delay', async () => {
    const { server, clock, events, reflector, start } = setup();
    server.put('gone', 1);
    await start();
    await clock.advance(60_000);
    server.disturb('black-hole');
    server.delete('gone');
    server.compact();
    await clock.advance(LONG);
    server.disturb('expire');
    await settle();
    expect(summary(events)).toEqual(['added gone', 'deleted gone']);
    expect(reflector.state.name).toBe('Watching');
  });

  test('expired again right after the list: with a delay', async () => {
    const { server, clock, reflector, start } = setup();
    await start();
    server.disturb('expire');
    await settle();
    expect(reflector.state).toMatchObject({ name: 'Failed', message: 'too old resource version' });
    await clock.advance(1000);
    expect(reflector.state.name).toBe('Watching');
  });

  test('expired right after an outage: not with the delay that has grown meanwhile', async () => {
    const { server, clock, reflector, start } = setup();
    server.failNext(...Array.from({ length: 8 }, () => ({ type: 'drop' }) as const));
    await start();
    await clock.advance(77_000);
    expect(reflector.state.name).toBe('Watching');
    server.disturb('expire');
    await settle();
    expect(reflector.state.name).toBe('Failed');
    await clock.advance(10_000);
    expect(reflector.state.name).toBe('Watching');
  });

  test('an object made anew under its name is a delete and an add', async () => {
    const { server, clock, events, start } = setup();
    server.put('a', 1);
    await start();
    server.disturb('black-hole');
    server.delete('a');
    server.put('a', 1);
    await clock.advance(LONG);
    expect(summary(events)).toEqual(['added a', 'deleted a', 'added a']);
    expect(events.at(-1)).toMatchObject({ new: { uid: 'uid-2' } });
  });

  test('a new list that shows nothing new delivers nothing', async () => {
    const { server, clock, events, start } = setup();
    server.put('a', 1);
    await start();
    events.length = 0;
    server.disturb('garbage');
    await clock.advance(1000);
    expect(queriesOf(server, false)).toHaveLength(2);
    expect(events).toEqual([]);
  });

  test('a continue token that has expired: the list again in one piece', async () => {
    const { server, reflector, start } = setup();
    for (const name of 'abcde') server.put(name, 1);
    let pages = 0;
    server.betweenPages = () => {
      pages += 1;
      if (pages > 1) return;
      server.delete('a');
      server.compact();
    };
    await start();
    expect(queriesOf(server, false).map((query) => query['limit'])).toEqual([3, 3, undefined]);
    expect(reflector.store.keys()).toEqual(['b', 'c', 'd', 'e']);
  });
});

describe('a copy that is doubted', () => {
  test('is listed anew at once, stays readable, and hears of the differences only', async () => {
    const { server, events, reflector, start } = setup();
    server.put('gone', 1);
    server.put('kept', 1);
    await start();
    server.disturb('black-hole');
    server.delete('gone');
    server.put('new', 1);
    events.length = 0;
    const relisted = reflector.relist();
    expect(reflector.store.keys()).toEqual(['gone', 'kept']);
    await relisted;
    expect(summary(events)).toEqual(['deleted gone', 'added new']);
    server.put('later', 1);
    await settle();
    expect(reflector.store.keys()).toEqual(['kept', 'later', 'new']);
    expect(server.openWatches).toBe(1);
  });

  test('while it is listed: that list began too early, and another follows', async () => {
    const { server, reflector, start } = setup();
    for (const name of 'abcde') server.put(name, 1);
    let relisted: Promise<void> | undefined;
    server.betweenPages = () => {
      server.betweenPages = () => undefined;
      relisted = reflector.relist();
      server.put('late', 1);
    };
    await start();
    await relisted;
    expect(reflector.store.keys()).toEqual(['a', 'b', 'c', 'd', 'e', 'late']);
    expect(queriesOf(server, false).filter((query) => query['continue'] === undefined)).toHaveLength(2);
  });

  test('by a handler of the list that is just in: that one does not count', async () => {
    let relisted: Promise<void> | undefined;
    const { server, reflector, start } = setup({
      onChange: () => {
        if (relisted !== undefined) return;
        relisted = reflector.relist();
        server.put('late', 1);
      },
    });
    server.put('a', 1);
    void start();
    await reflector.waitForSync();
    await relisted;
    expect(reflector.store.keys()).toEqual(['a', 'late']);
  });

  test('while a failure is waited out: that delay is kept', async () => {
    const { server, clock, reflector, start } = setup();
    await start();
    server.failNext({ type: 'status', code: 429, retryAfterSeconds: 7 });
    server.disturb('garbage');
    await clock.advance(1000);
    expect(reflector.state.name).toBe('Failed');
    let listed = false;
    void reflector.relist().then(() => (listed = true));
    await clock.advance(6000);
    expect(listed).toBe(false);
    await clock.advance(1500);
    expect(listed).toBe(true);
  });

  test('twice at once is listed for both', async () => {
    const { reflector, start } = setup();
    await start();
    await Promise.all([reflector.relist(), reflector.relist()]);
    await settle();
    expect(reflector.state.name).toBe('Watching');
  });

  test('is heard of when the whole list is in, not with its first page', async () => {
    const { server, clock, reflector, start } = setup();
    for (const name of 'abcde') server.put(name, 1);
    await start();
    await clock.advance(10_000);
    server.betweenPages = () => {
      server.failNext({ type: 'drop' });
    };
    void reflector.relist();
    await settle();
    expect(reflector.state.name).toBe('Failed');
    expect(reflector.lastEventAt).toBe(0);
  });
});

describe('a silent watch', () => {
  test('is cut and listed anew three minutes after the last bookmark', async () => {
    const { server, clock, start } = setup();
    await start();
    server.bookmark();
    await settle();
    server.disturb('black-hole');
    await clock.advance(179_000);
    expect(queriesOf(server, false)).toHaveLength(1);
    await clock.advance(2000);
    expect(queriesOf(server, false)).toHaveLength(2);
  });

  test('of a server without bookmarks is believed until half a minute past the end it was asked for', async () => {
    const { server, clock, start } = setup();
    await start();
    server.put('a', 1);
    await settle();
    server.disturb('black-hole');
    await clock.advance(479_000);
    expect(queriesOf(server, false)).toHaveLength(1);
    await clock.advance(2000);
    expect(queriesOf(server, false)).toHaveLength(2);
  });

  test('that still brings bookmarks is left alone, and outlives its end by no more than that', async () => {
    const { server, clock, start } = setup();
    await start();
    for (let minute = 1; minute < 8; minute += 1) {
      await clock.advance(60_000);
      server.bookmark();
    }
    expect(queriesOf(server, true)).toHaveLength(1);
    await clock.advance(62_000);
    expect(queriesOf(server, true)).toHaveLength(2);
  });
});
