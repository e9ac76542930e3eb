import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../errors.ts';
import { withRetry } from './retry.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { ScriptedTransport, type Answer } from '../testing/scripted-transport.ts';
import type { TransportRequest } from './transport.ts';

const GET: TransportRequest = { method: 'GET', path: '/x' };
const APPLY: TransportRequest = { method: 'PATCH', path: '/x', contentType: 'application/apply-patch+yaml' };
const MERGE: TransportRequest = { method: 'PATCH', path: '/x', contentType: 'application/merge-patch+json' };
const POST: TransportRequest = { method: 'POST', path: '/x' };
const PUT: TransportRequest = { method: 'PUT', path: '/x' };
const DELETE: TransportRequest = { method: 'DELETE', path: '/x' };

const status = (code: number, retryAfterSeconds?: number) =>
  new ApiError({ code, message: `HTTP ${String(code)}`, retryAfterSeconds });
const reset = () => new TransportError('reset');

function send(request: TransportRequest, ...answers: readonly Answer[]) {
  const clock = new ManualClock();
  const script = new ScriptedTransport(...answers, { ok: true });
  const transport = withRetry(script, { clock, log: recordingLogger(), random: () => 0.5 });
  const outcome = transport.request(request).then(
    ({ body }) => body,
    (error: unknown) => error,
  );
  return { clock, script, outcome };
}

async function attempts(request: TransportRequest, ...answers: readonly Answer[]): Promise<number> {
  const { clock, script, outcome } = send(request, ...answers);
  await clock.advance(1_000_000);
  await outcome;
  return script.requests.length;
}

describe('a request is repeated', () => {
  test('with growing delays and jitter', async () => {
    const { clock, script, outcome } = send(GET, status(500), status(502), reset());
    await clock.advance(149);
    expect(script.requests).toHaveLength(1);
    await clock.advance(1);
    expect(script.requests).toHaveLength(2);
    await clock.advance(300);
    expect(script.requests).toHaveLength(3);
    await clock.advance(600);
    expect(await outcome).toEqual({ ok: true });
  });

  test('not sooner than Retry-After says', async () => {
    const { clock, script } = send(POST, status(429, 3));
    await clock.advance(3000);
    expect(script.requests).toHaveLength(1);
    await clock.advance(200);
    expect(script.requests).toHaveLength(2);
  });

  test('five times in all, then the last error is thrown', async () => {
    const { clock, script, outcome } = send(GET, ...Array.from({ length: 9 }, reset));
    await clock.advance(1_000_000);
    expect(await outcome).toBeInstanceOf(TransportError);
    expect(script.requests).toHaveLength(5);
  });

  test('unless its signal is aborted meanwhile', async () => {
    const stop = new AbortController();
    const { clock, script, outcome } = send({ ...GET, signal: stop.signal }, reset());
    await settle();
    stop.abort(new Error('enough'));
    expect(await outcome).toEqual(new Error('enough'));
    expect([script.requests.length, clock.pending]).toEqual([1, 0]);
  });
});

describe('what may be repeated', () => {
  test.each([
    ['a read', GET, 2],
    ['a server-side apply', APPLY, 2],
    ['a merge patch', MERGE, 1],
    ['a create', POST, 1],
    ['a replace', PUT, 1],
    ['a delete', DELETE, 1],
  ])('%s after a broken connection or a bare 5xx: %j in %i attempts', async (_what, request, expected) => {
    expect(await attempts(request, reset())).toBe(expected);
    expect(await attempts(request, status(503))).toBe(expected);
  });

  test.each([
    ['429, with or without Retry-After', [status(429)], 2],
    ['503 with Retry-After', [status(503, 1)], 2],
    ['503 that wants half an hour: the caller has its own queue', [status(503, 1800)], 1],
    ['409', [status(409, 1)], 1],
    ['404', [status(404)], 1],
    ['an error that is nobody’s answer', [new TypeError('bug')], 1],
  ])('a create answered by %s', async (_what, answers, expected) => {
    expect(await attempts(POST, ...answers)).toBe(expected);
  });
});

test('a watch is passed through', async () => {
  const lines = async function* (): AsyncGenerator {
    yield await Promise.resolve('line');
  };
  const script = new ScriptedTransport();
  script.stream = lines;
  const transport = withRetry(script, { clock: new ManualClock(), log: recordingLogger() });
  const read: unknown[] = [];
  for await (const line of transport.stream(GET)) read.push(line);
  expect(read).toEqual(['line']);
});
