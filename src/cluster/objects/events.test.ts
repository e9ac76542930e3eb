import { describe, expect, test } from '@jest/globals';
import { EventRecorder, type EventNote } from './events.ts';
import { ApiError } from '../errors.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import type { Transport, TransportRequest } from '../http/transport.ts';

const NOTE: EventNote = {
  regarding: {
    apiVersion: 'clusterfirewall.io/v1alpha1',
    kind: 'ClusterFirewall',
    name: 'default',
    uid: 'u1',
  },
  type: 'Warning',
  reason: 'DriftRepaired',
  action: 'Apply',
  note: 'GlobalNetworkPolicy clusterfirewall.web was edited by kubectl',
};

async function setup(fail: (request: TransportRequest) => Error | undefined = () => undefined) {
  const requests: TransportRequest[] = [];
  const transport: Transport = {
    request(request) {
      requests.push(request);
      const error = fail(request);
      return error === undefined
        ? Promise.resolve({
            status: 200,
            headers: {},
            body: { metadata: { name: 'stored', uid: 'u', resourceVersion: '1' } },
          })
        : Promise.reject(error);
    },
    stream() {
      throw new Error('unexpected');
    },
  };
  const clock = new ManualClock();
  const log = recordingLogger();
  const names = { reportingController: 'clusterfirewall.io/operator', reportingInstance: 'pod-1' };
  const recorder = new EventRecorder({ transport, clock, log, ...names, random: () => 0.5 });
  const stop = new AbortController();
  const ended = recorder.run(stop.signal);
  await settle();
  return { requests, clock, log, recorder, stop, ended };
}

const note = (number: number): EventNote => ({ ...NOTE, note: `note ${String(number)}` });

/** Events about different objects. */
const about = (number: number): EventNote => ({
  ...NOTE,
  regarding: { ...NOTE.regarding, uid: `u${String(number)}` },
});

describe('an Event', () => {
  test('bears the time at which it was recorded, also when it has to wait', async () => {
    const { requests, clock, recorder } = await setup();
    for (let number = 0; number < 27; number += 1) recorder.record(about(number));
    await settle();
    await clock.advance(5000);
    const times = requests.map(({ body }) => (body as { readonly eventTime?: string }).eventTime);
    expect(times).toHaveLength(27);
    expect(new Set(times)).toEqual(new Set(['2026-01-01T00:00:00.000000Z']));
  });

  test('about what has no namespace is created in default', async () => {
    const { requests, recorder } = await setup();
    recorder.record(NOTE);
    await settle();
    expect(requests).toMatchObject([
      {
        method: 'POST',
        path: '/api/v1/namespaces/default/events',
        body: {
          metadata: { name: 'default.800000000000', namespace: 'default' },
          involvedObject: NOTE.regarding,
          ...{ type: NOTE.type, reason: NOTE.reason, action: NOTE.action, message: NOTE.note },
          eventTime: '2026-01-01T00:00:00.000000Z',
          ...{ count: 1, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:00Z' },
          reportingComponent: 'clusterfirewall.io/operator',
          reportingInstance: 'pod-1',
        },
      },
    ]);
  });

  test('about an object of a namespace stands in it', async () => {
    const { requests, recorder } = await setup();
    recorder.record({ ...NOTE, regarding: { ...NOTE.regarding, namespace: 'shop' } });
    await settle();
    expect(requests[0]?.path).toBe('/api/v1/namespaces/shop/events');
  });

  test('is cut at 1 kB, between characters', async () => {
    const { requests, recorder } = await setup();
    recorder.record({ ...NOTE, note: 'ä'.repeat(1000) });
    await settle();
    expect(requests[0]?.body).toMatchObject({ message: `${'ä'.repeat(510)}…` });
  });
});

describe('a repetition', () => {
  test('is counted in the first, told once a minute', async () => {
    const { requests, clock, recorder } = await setup();
    for (let second = 0; second < 130; second += 1) {
      recorder.record(NOTE);
      await clock.advance(1000);
    }
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'PATCH']);
    expect(requests[2]).toMatchObject({
      path: '/api/v1/namespaces/default/events/default.800000000000',
      contentType: 'application/merge-patch+json',
      body: { count: 120, lastTimestamp: '2026-01-01T00:01:59Z' },
    });
  });

  test('is told even when it was the last', async () => {
    const { requests, clock, recorder } = await setup();
    recorder.record(NOTE);
    await clock.advance(1000);
    recorder.record(NOTE);
    recorder.record(NOTE);
    await clock.advance(58_000);
    expect(requests).toHaveLength(1);
    await clock.advance(1000);
    expect(requests).toHaveLength(2);
    expect(requests[1]).toMatchObject({ method: 'PATCH', body: { count: 3 } });
    await clock.advance(600_000);
    expect(requests).toHaveLength(2);
  });

  test('before the first was sent is counted in it', async () => {
    const { requests, recorder } = await setup();
    recorder.record(NOTE);
    recorder.record(NOTE);
    await settle();
    expect(requests).toMatchObject([{ method: 'POST', body: { count: 2 } }]);
  });

  test('after six quiet minutes is a new Event', async () => {
    const { requests, clock, recorder } = await setup();
    recorder.record(NOTE);
    await clock.advance(6 * 60_000);
    recorder.record(NOTE);
    await settle();
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  test('of an Event that has expired creates it again', async () => {
    const { requests, clock, recorder } = await setup(({ method }) =>
      method === 'PATCH' ? new ApiError({ code: 404, message: 'gone' }) : undefined,
    );
    recorder.record(NOTE);
    await clock.advance(61_000);
    recorder.record(NOTE);
    await settle();
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST']);
  });
});

describe('the rate', () => {
  test('is a burst of 25, then one a second', async () => {
    const { requests, clock, recorder } = await setup();
    for (let number = 0; number < 30; number += 1) recorder.record(about(number));
    await settle();
    expect(requests).toHaveLength(25);
    await clock.advance(3000);
    expect(requests).toHaveLength(28);
    await clock.advance(60_000);
    expect(requests).toHaveLength(30);
  });

  test('about one object for one reason is 25, then one every five minutes; others do not wait for it', async () => {
    const { requests, clock, log, recorder } = await setup();
    for (let number = 0; number < 1000; number += 1) recorder.record(note(number));
    await clock.advance(100_000);
    expect(requests).toHaveLength(25);
    expect(log.lines.filter(({ message }) => message.includes('too many about this object'))).toHaveLength(
      975,
    );
    recorder.record({ ...NOTE, reason: 'Ready' });
    await settle();
    expect(requests).toHaveLength(26);
    await clock.advance(200_000);
    recorder.record(note(1001));
    recorder.record(note(1002));
    await settle();
    expect(requests).toHaveLength(27);
  });

  test('of repetitions is no matter: they are counted in the first', async () => {
    const { requests, clock, recorder } = await setup();
    for (let number = 0; number < 1000; number += 1) recorder.record(note(number % 25));
    await clock.advance(61_000);
    recorder.record(note(7));
    await settle();
    expect(requests).toHaveLength(26);
    expect(requests.at(-1)).toMatchObject({ method: 'PATCH', body: { count: 41 } });
  });

  test('leaves no more than 500 waiting, and says what it drops', async () => {
    const { requests, clock, log, recorder } = await setup();
    for (let number = 0; number < 600; number += 1) recorder.record(about(number));
    expect(log.lines.filter(({ message }) => message.includes('dropped'))).toHaveLength(100);
    await clock.advance(1_000_000);
    expect(requests).toHaveLength(500);
  });
});

test('an Event that is refused is logged, and the next one is sent', async () => {
  let first = true;
  const { requests, log, recorder } = await setup(() => {
    const error = first ? new ApiError({ code: 403, message: 'forbidden' }) : undefined;
    first = false;
    return error;
  });
  recorder.record(note(1));
  recorder.record(note(2));
  await settle();
  expect(requests).toHaveLength(2);
  expect(log.lines).toMatchObject([{ level: 'warn', message: 'event not sent' }]);
});

test.each(['idle', 'waiting for the rate'])('stops when told to, %s', async (when) => {
  const { clock, recorder, stop, ended } = await setup();
  recorder.record(NOTE);
  await settle();
  recorder.record(NOTE);
  for (let number = 0; number < (when === 'idle' ? 0 : 40); number += 1) recorder.record(about(number));
  await settle();
  stop.abort();
  await ended;
  expect(clock.pending).toBe(0);
});
