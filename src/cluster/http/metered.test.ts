import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../errors.ts';
import { metered, type RequestOutcome } from './metered.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import type { Transport, TransportRequest } from './transport.ts';

const REQUEST: TransportRequest = { method: 'GET', path: '/api/v1/nodes' };

function setup(answer: () => Promise<void>) {
  const clock = new ManualClock();
  const outcomes: RequestOutcome[] = [];
  const inner: Transport = {
    async request() {
      await clock.advance(250);
      await answer();
      return { status: 201, headers: {}, body: undefined };
    },
    async *stream() {
      await clock.advance(250);
      await answer();
      yield 1;
      await clock.advance(60_000);
      yield 2;
    },
  };
  return { outcomes, transport: metered(inner, { clock, onRequest: (outcome) => outcomes.push(outcome) }) };
}

const drain = async (lines: AsyncIterable<unknown>): Promise<readonly unknown[]> => {
  const taken: unknown[] = [];
  for await (const line of lines) taken.push(line);
  return taken;
};

describe('a metered transport', () => {
  test('tells status and duration of a request', async () => {
    const { transport, outcomes } = setup(() => Promise.resolve());
    expect(await transport.request(REQUEST)).toMatchObject({ status: 201 });
    expect(outcomes).toEqual([{ request: REQUEST, code: '201', seconds: 0.25 }]);
  });

  test.each([
    [new ApiError({ code: 429, message: 'slow down' }), '429'],
    [new TransportError('reset'), '<error>'],
  ])('tells of %s and lets it through', async (error, code) => {
    const { transport, outcomes } = setup(() => Promise.reject(error));
    await expect(transport.request(REQUEST)).rejects.toBe(error);
    await expect(drain(transport.stream(REQUEST))).rejects.toBe(error);
    expect(outcomes.map((outcome) => outcome.code)).toEqual([code, code]);
  });

  test('counts a watch once, at its first line', async () => {
    const { transport, outcomes } = setup(() => Promise.resolve());
    expect(await drain(transport.stream(REQUEST))).toEqual([1, 2]);
    expect(outcomes).toEqual([{ request: REQUEST, code: '200', seconds: 0.25 }]);
  });
});
