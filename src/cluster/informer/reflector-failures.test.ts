import { describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../resource.ts';
import { FakeServer } from '../testing/fake-server.ts';
import { settle } from '../testing/manual-clock.ts';
import { LONG, queriesOf, setup, summary } from '../testing/reflector.ts';

describe('what stands in the way is visible and retried', () => {
  test.each([
    [404, 'NotServed'],
    [403, 'Forbidden'],
    [500, 'Failed'],
  ])('HTTP %i is %s until it goes away', async (code, name) => {
    const { server, clock, reflector, start } = setup();
    server.put('a', 1);
    server.failNext({ type: 'status', code }, { type: 'status', code });
    await start();
    expect(reflector.state).toMatchObject({ name, message: `HTTP ${String(code)}` });
    expect(reflector.hasSynced).toBe(false);
    await clock.advance(1000);
    expect(reflector.state.name).toBe('Watching');
    expect(reflector.store.keys()).toEqual(['a']);
  });

  test('delays grow, with jitter, and start over after two quiet minutes', async () => {
    const { server, clock, log, start } = setup();
    const drops = Array.from({ length: 12 }, () => ({ type: 'drop' }) as const);
    server.failNext(...drops);
    await start();
    await clock.advance(LONG);
    server.failNext({ type: 'drop' });
    server.disturb('cut');
    await clock.advance(1000);
    const delays = log.lines.map(({ fields }) => 'retryInMs' in fields && fields.retryInMs);
    expect(delays.slice(0, 12)).toEqual([
      300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 45_000, 45_000, 45_000, 45_000,
    ]);
    expect(delays.at(-2)).toBe(300);
  });

  test('Retry-After is the least delay', async () => {
    const { server, clock, reflector, start } = setup();
    server.failNext({ type: 'status', code: 429, retryAfterSeconds: 7 });
    await start();
    await clock.advance(6999);
    expect(reflector.hasSynced).toBe(false);
    await clock.advance(1);
    expect(reflector.hasSynced).toBe(true);
  });

  test('Retry-After of a day costs a minute', async () => {
    const { server, clock, reflector, start } = setup();
    server.failNext({ type: 'status', code: 503, retryAfterSeconds: 86_400 });
    await start();
    await clock.advance(60_000);
    expect(reflector.hasSynced).toBe(true);
  });

  test('an answer that is no list empties nothing', async () => {
    const { server, clock, reflector, start } = setup();
    server.put('a', 1);
    await start();
    const proxied = { status: 200, headers: {}, body: { metadata: { resourceVersion: '1' } } };
    const request = server.request.bind(server);
    server.request = () => Promise.resolve(proxied);
    server.disturb('expire');
    await clock.advance(20_000);
    expect(reflector.state).toMatchObject({
      name: 'Failed',
      message: expect.stringContaining('list of objects'),
    });
    expect(reflector.store.keys()).toEqual(['a']);
    server.request = request;
    await clock.advance(LONG);
    expect(reflector.state.name).toBe('Watching');
  });

  test('after an outage the starting server is asked again when it says, not when a grown delay is over', async () => {
    const { server, clock, reflector, start } = setup();
    server.failNext(...Array.from({ length: 8 }, () => ({ type: 'drop' }) as const));
    const message = 'storage is (re)initializing';
    server.failNext({ type: 'status', code: 429, message, retryAfterSeconds: 1 });
    server.failNext({ type: 'status', code: 429, message, retryAfterSeconds: 7 });
    await start();
    while (server.requests.length < 9) await clock.advance(100);
    await clock.advance(2000);
    expect(server.requests).toHaveLength(10);
    await clock.advance(6900);
    expect(reflector.hasSynced).toBe(false);
    await clock.advance(200);
    expect(reflector.hasSynced).toBe(true);
  });

  test('a watch refused for load is resumed, a watch refused otherwise begins with a list', async () => {
    const { server, clock, start } = setup();
    await start();
    await clock.advance(5000);
    server.failNext({ type: 'status', code: 429 });
    server.disturb('close');
    await clock.advance(1000);
    expect(queriesOf(server, false)).toHaveLength(1);
    await clock.advance(5000);
    server.failNext({ type: 'status', code: 403 });
    server.disturb('close');
    await clock.advance(5000);
    expect(queriesOf(server, false)).toHaveLength(2);
  });

  test('the store keeps what it had while the kind is not served', async () => {
    const { server, clock, reflector, start } = setup();
    server.put('a', 1);
    await start();
    server.failNext({ type: 'status', code: 404 });
    server.disturb('garbage');
    await clock.advance(400);
    expect(reflector.state.name).toBe('NotServed');
    expect(reflector.store.keys()).toEqual(['a']);
  });

  test('the same failure again is logged once as a warning', async () => {
    const { server, clock, log, start } = setup();
    server.failNext(...Array.from({ length: 5 }, () => ({ type: 'status', code: 404 }) as const));
    await start();
    await clock.advance(60_000);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'debug', 'debug', 'debug', 'debug']);
  });

  test('a list without a resourceVersion is not built upon', async () => {
    const transport = new FakeServer();
    transport.request = () =>
      Promise.resolve({ status: 200, headers: {}, body: { kind: 'ConfigMapList', metadata: {}, items: [] } });
    const { reflector, start } = setup({ transport });
    await start();
    expect(reflector.state).toMatchObject({
      name: 'Failed',
      message: expect.stringContaining('resourceVersion'),
    });
  });

  test('a handler that throws is logged and stops nothing', async () => {
    const onChange = (): never => {
      throw new Error('bug');
    };
    const { server, log, reflector, start } = setup({ onChange });
    server.put('a', 1);
    await start();
    server.put('b', 1);
    await settle();
    expect(reflector.store.keys()).toEqual(['a', 'b']);
    expect(log.lines.map(({ level }) => level)).toEqual(['error', 'error']);
  });

  test('synced() gives up when its signal says so', async () => {
    const { server, reflector, start } = setup();
    server.failNext({ type: 'status', code: 404 });
    await start();
    const impatient = new AbortController();
    const waiting = reflector.waitForSync(impatient.signal);
    impatient.abort(new Error('too long'));
    await expect(waiting).rejects.toThrow('too long');
  });
});

test('an object without a uid is left out and named; the others of its collection still count', async () => {
  const { server, log, events, reflector, start } = setup();
  server.anonymous.add('bare').add('late');
  server.put('bare', 1);
  server.put('a', 1);
  await start();
  server.put('late', 1);
  server.put('b', 1);
  await settle();
  expect(summary(events)).toEqual(['added a', 'added b']);
  expect(reflector.store.keys()).toEqual(['a', 'b']);
  expect(log.lines).toMatchObject([
    { level: 'warn', fields: { object: 'bare', resource: '/api/v1/configmaps' } },
    { level: 'warn', fields: { object: 'late', resource: '/api/v1/configmaps' } },
  ]);
  expect(queriesOf(server, true)).toHaveLength(1);
});

test('an object whose labels are no texts stays as the copy has it until it is gone', async () => {
  const told: unknown[] = [];
  const onLeftOut = (objects: readonly object[]): void => void told.push(objects);
  const { server, log, events, reflector, start } = setup({ onLeftOut });
  const odd = { metadata: { name: 'a', labels: { x: { y: 'z' } } }, data: 2 } as unknown as KubernetesObject;
  server.put('a', 1);
  await start();
  server.store(odd);
  server.put('b', 1);
  await settle();
  void reflector.relist();
  await settle();
  expect(reflector.store.keys()).toEqual(['a', 'b']);
  expect(reflector.store.get('a')).toMatchObject({ data: 1 });
  server.delete('a');
  await settle();
  expect(summary(events)).toEqual(['added a', 'added b', 'deleted a']);
  expect(log.lines[0]).toMatchObject({
    level: 'warn',
    fields: { object: 'a', flaw: 'metadata.labels is not a mapping of texts' },
  });
  const named = {
    name: 'a',
    field: 'metadata.labels',
    why: 'is not a mapping of texts',
    isKnown: true,
  };
  expect(told).toEqual([[named], [named], []]);
});
