import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OutageTracker, type Failure } from './outages.ts';
import { ApiError, TransportError } from '../errors.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { setup } from '../testing/reflector.ts';

const CALICO = '/apis/projectcalico.org/v3/tiers';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/a/leases/b';
const NODES = '/api/v1/nodes';

const refused = new TransportError('connect ECONNREFUSED');
const unavailable = new ApiError({ code: 503, message: 'error trying to reach service' });

type Answer = readonly [atMs: number, path: string, code: string];

const end = 30_000;
const failure = (overrides: Partial<Failure> = {}): Failure => ({
  ...{ error: refused, group: 'projectcalico.org', at: 0, tookMs: 1, delayMs: end },
  ...overrides,
});

/** The time at which the wait ended, on a clock that starts at the failure. */
async function waited(
  failed: Failure,
  answers: readonly Answer[],
  random = (): number => 0,
): Promise<number | undefined> {
  const clock = new ManualClock();
  const known = new OutageTracker(clock);
  for (const [at, path, code] of answers) {
    clock.setTimeout(() => {
      known.note({ request: { method: 'GET', path }, code });
    }, at);
  }
  let over: number | undefined;
  void known.waitForRecovery(failed, random, new AbortController().signal).then(() => {
    over = clock.now();
  });
  await clock.advance(10 * end);
  return over;
}

describe('a delay after a failure', () => {
  test('is waited out while nothing is heard of the server', async () => {
    expect(await waited(failure(), [])).toBe(end);
    expect(await waited(failure(), [[500, LEASES, '<error>']])).toBe(end);
  });

  test('ends within four seconds after a server that could not be reached has answered somebody, whatever it said', async () => {
    expect(await waited(failure(), [[7000, LEASES, '409']])).toBe(8000);
    expect(await waited(failure(), [[7000, LEASES, '409']], () => 0.5)).toBe(9000);
  });

  test('of a group whose server was down ends when that group has answered with success', async () => {
    const down = failure({ error: unavailable });
    expect(await waited(down, [[500, CALICO, '200']])).toBe(2000);
    expect(await waited(down, [[500, CALICO, '503']])).toBe(end);
    expect(
      await waited(down, [
        [500, LEASES, '200'],
        [600, NODES, '200'],
      ]),
    ).toBe(end);
    expect(await waited({ ...down, group: '' }, [[500, NODES, '200']])).toBe(2000);
  });

  test.each([429, 403, 404, 500, 504])('after HTTP %i is waited out whatever is answered', async (code) => {
    const error = new ApiError({ code, message: '' });
    expect(await waited(failure({ error }), [[500, CALICO, '200']])).toBe(end);
  });

  test('that the server has asked for is waited out', async () => {
    const error = new ApiError({ code: 503, message: '', retryAfterSeconds: 30 });
    expect(await waited(failure({ error }), [[500, CALICO, '200']])).toBe(end);
  });

  test('is at least as long as the failure took: a list that timed out is not begun anew at once', async () => {
    expect(await waited(failure({ tookMs: 20_000 }), [[500, CALICO, '200']])).toBe(20_000);
    expect(await waited(failure({ tookMs: 60_000 }), [[500, CALICO, '200']])).toBe(end);
  });

  test('ends at once when it is called off', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const wait = new OutageTracker(clock).waitForRecovery(failure(), () => 0, stop.signal);
    const rejected = expect(wait).rejects.toThrow('enough');
    stop.abort(new Error('enough'));
    await rejected;
    expect(clock.pending).toBe(0);
  });
});

test('whatever is answered when, nobody waits longer than the delay, or less long than two seconds, or on when it is over', async () => {
  const answer = fc.tuple(
    fc.nat(40_000),
    fc.constantFrom(CALICO, LEASES, NODES),
    fc.constantFrom('200', '201', '404', '503', '<error>'),
  );
  const error = fc.constantFrom(refused, unavailable);
  const delays = fc.record({ error, delayMs: fc.nat(60_000), tookMs: fc.nat(10_000) });
  await fc.assert(
    fc.asyncProperty(
      delays,
      fc.array(answer),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      async (...drawn) => {
        const [delay, answers, luck] = drawn;
        const failed = failure(delay);
        const over = await waited(failed, answers, () => luck);
        const look = Math.max(2000, failed.tookMs);
        const signs = answers
          .filter(([at]) => at > 0)
          .filter(([, path, code]) =>
            failed.error === refused ? code !== '<error>' : path === CALICO && code.startsWith('2'),
          )
          .map(([at]) => at);
        const first = Math.min(Infinity, ...signs);
        expect(over).toBeLessThanOrEqual(Math.min(failed.delayMs, first + 2 * look));
        expect(over).toBeGreaterThanOrEqual(Math.min(failed.delayMs, Math.max(look, first)));
      },
    ),
  );
});

describe('a server that was away is back', () => {
  /** The time from which it answers for Calico's objects, after requests that ended at these times. */
  async function recoveredAt(outcomes: readonly Answer[], signal?: AbortSignal): Promise<number | undefined> {
    const clock = new ManualClock();
    const answers = new OutageTracker(clock);
    for (const [at, path, code] of outcomes) {
      await clock.advance(at - clock.now());
      answers.note({ request: { method: 'GET', path, signal }, code });
    }
    return answers.recoveredAt('projectcalico.org');
  }
  const outage: readonly Answer[] = [
    [100, CALICO, '200'],
    [500, LEASES, '200'],
    [900, NODES, '<error>'],
    [5000, CALICO, '<error>'],
  ];

  test('when it has first answered for objects of the group', async () => {
    expect(await recoveredAt(outage)).toBeUndefined();
    const answers: readonly Answer[] = [
      [6000, LEASES, '200'],
      [6100, CALICO, '403'],
      [6200, '/apis/projectcalico.org/v3', '200'],
    ];
    expect(await recoveredAt([...outage, ...answers])).toBeUndefined();
    expect(await recoveredAt([...outage, ...answers, [6300, CALICO, '200'], [7000, CALICO, '200']])).toBe(
      6300,
    );
    const again: readonly Answer[] = [
      [6300, CALICO, '200'],
      [8000, LEASES, '<error>'],
    ];
    expect(await recoveredAt([...outage, ...again])).toBeUndefined();
  });

  test('was not away when one connection broke, it answered with an error, or the request was called off', async () => {
    const broken: readonly Answer[] = [
      [500, LEASES, '200'],
      [600, NODES, '<error>'],
      [5000, CALICO, '503'],
    ];
    expect(await recoveredAt([])).toBe(-Infinity);
    expect(await recoveredAt(broken)).toBe(-Infinity);
    expect(await recoveredAt([[5000, CALICO, '<error>']], AbortSignal.abort())).toBe(-Infinity);
    expect(await recoveredAt([[5000, CALICO, '<error>']])).toBeUndefined();
  });
});

describe('a reflector', () => {
  test('that was cut off for long lists anew as soon as the server has answered somebody else', async () => {
    const clock = new ManualClock();
    const answers = new OutageTracker(clock);
    const { server, reflector, start } = setup({ clock, outages: answers });
    server.put('a', 1);
    server.failNext(...Array.from({ length: 8 }, () => ({ type: 'drop' }) as const));
    await start();
    // The eighth failure, whose delay alone is 38 s.
    await clock.advance(40_000);
    expect(reflector.state.name).toBe('Failed');
    answers.note({ request: { method: 'PUT', path: LEASES }, code: '200' });
    await clock.advance(4000);
    expect(reflector.state.name).toBe('Watching');
    expect(reflector.store.keys()).toEqual(['a']);
  });

  test('that alone fails while all others are answered comes back every few seconds at most', async () => {
    const clock = new ManualClock();
    const answers = new OutageTracker(clock);
    const { server, reflector, start, stop } = setup({ clock, outages: answers });
    server.failNext(...Array.from({ length: 1000 }, () => ({ type: 'drop' }) as const));
    await start();
    for (let second = 0; second < 600; second += 1) {
      answers.note({ request: { method: 'PUT', path: LEASES }, code: '200' });
      await clock.advance(1000);
    }
    expect(reflector.state.name).toBe('Failed');
    // The first delays are shorter than the time between two looks.
    expect(server.requests.length).toBeLessThanOrEqual(4 + 600 / 3);
    stop.abort();
    await settle();
    expect(clock.pending).toBe(0);
  });
});
