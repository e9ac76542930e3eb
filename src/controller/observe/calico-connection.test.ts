import { expect, test } from '@jest/globals';
import { ApiError } from '../../cluster/errors.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock, settle } from '../../cluster/testing/manual-clock.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { CalicoConnection } from './calico-connection.ts';
import { HEARTBEAT } from '../objects/ownership.ts';
import { Watches } from '../../cluster/informer/watches.ts';
import { Authorship } from '../objects/authorship.ts';

const V3 = '/apis/projectcalico.org/v3';

/**
 * An API server without Calico, or one whose aggregated server is down; `looks` has the time of each question
 * for it.
 */
function setup() {
  const clock = new ManualClock();
  const looks: number[] = [];
  const state = { code: 503 };
  const transport: Transport = {
    request({ path }) {
      if (path !== V3) return Promise.resolve({ status: 200, headers: {}, body: { groups: [] } });
      looks.push(clock.now());
      return Promise.reject(new ApiError({ code: state.code, message: 'no' }));
    },
    stream() {
      throw new Error('not a watch');
    },
  };
  const log = recordingLogger();
  const watches = new Watches({
    transport,
    clock,
    log,
    writer: () => undefined,
    ...HEARTBEAT,
    onResult: () => undefined,
  });
  let changes = 0;
  const source = new CalicoConnection(
    { transport, clock, log, watches },
    { isKept: () => false, onChange: () => (changes += 1), authorship: new Authorship() },
  );
  const stop = new AbortController();
  const ended = source.run(stop.signal);
  const changed = (): number => changes;
  return { clock, looks, state, source, stop, ended, changed };
}

test('while Calico is not served it is looked for every four to eight seconds, however long that lasts', async () => {
  const { clock, looks, source, stop, ended } = setup();
  await clock.advance(600_000);
  expect(source.api).toMatchObject({ served: false, reason: 'CalicoUnavailable' });
  const pauses = looks.slice(5).map((at, i) => at - (looks[4 + i] ?? 0));
  expect(pauses.length).toBeGreaterThan(70);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(8000);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(4000);
  stop.abort();
  await ended;
  expect(clock.pending).toBe(0);
});

test('a change of the answer is told of, once', async () => {
  const { clock, state, source, stop, ended, changed } = setup();
  await clock.advance(60_000);
  expect(changed()).toBe(1);
  state.code = 404;
  await clock.advance(8000);
  expect(source.api).toMatchObject({ reason: 'CalicoNotInstalled' });
  await clock.advance(60_000);
  expect(changed()).toBe(2);
  stop.abort();
  await ended;
});

test('a doubt looks at once', async () => {
  const { clock, looks, source, stop, ended } = setup();
  await clock.advance(60_000);
  const before = looks.length;
  source.lookAgain();
  await settle();
  expect(looks.length).toBe(before + 1);
  stop.abort();
  await ended;
});
