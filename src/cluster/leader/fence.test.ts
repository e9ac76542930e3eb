import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../errors.ts';
import { Fence, LeaseLost, withFence } from './fence.ts';
import { withRetry } from '../http/retry.ts';
import { recordingLogger } from '../testing/logs.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { ScriptedTransport } from '../testing/scripted-transport.ts';
import type { Transport, TransportRequest } from '../http/transport.ts';
import { UndiciTransport } from '../http/undici-transport.ts';

const WRITE: TransportRequest = {
  method: 'PATCH',
  path: '/x',
  body: {},
  contentType: 'application/apply-patch+yaml',
};

/** A clock whose timers are late, like those of a process that was paused. */
class LateClock extends ManualClock {
  #late = 0;

  override now(): number {
    return super.now() + this.#late;
  }

  stopFor(ms: number): void {
    this.#late += ms;
  }
}

describe('a fence', () => {
  test('falls at its time, and not before', async () => {
    const clock = new ManualClock();
    const fence = new Fence(clock, 100);
    await clock.advance(99);
    expect(fence.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(fence.signal.reason).toEqual(new LeaseLost('the lease is lost: it was not renewed in time'));
  });

  test('is extended while it stands, and never raised again', async () => {
    const clock = new ManualClock();
    const fence = new Fence(clock, 100);
    await clock.advance(50);
    fence.extend(200);
    await clock.advance(149);
    expect(fence.signal.aborted).toBe(false);
    await clock.advance(1);
    fence.extend(1000);
    expect(fence.signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('falls before its timer when somebody asks the clock', () => {
    const clock = new LateClock();
    const fence = new Fence(clock, 100);
    clock.stopFor(100);
    expect(fence.signal.aborted).toBe(false);
    fence.expire();
    expect(fence.signal.aborted).toBe(true);
  });
});

describe('a fenced transport', () => {
  const setup = (transport: Transport) => {
    const clock = new LateClock();
    const fence = new Fence(clock, 10_000);
    const retrying = withRetry(transport, { clock, log: recordingLogger(), random: () => 0 });
    return { clock, fence, fenced: withFence(retrying, fence) };
  };

  test('passes requests on while the fence stands', async () => {
    const script = new ScriptedTransport({ ok: true });
    expect((await setup(script).fenced.request(WRITE)).body).toEqual({ ok: true });
  });

  test('begins nothing when the time is over, timer or not', async () => {
    const script = new ScriptedTransport();
    const { clock, fenced } = setup(script);
    clock.stopFor(10_000);
    await expect(fenced.request(WRITE)).rejects.toThrow(LeaseLost);
    expect(script.requests).toEqual([]);
  });

  test('ends what waits to be repeated, also for Retry-After', async () => {
    const busy = new ApiError({ code: 429, message: 'busy', retryAfterSeconds: 20 });
    const script = new ScriptedTransport(busy);
    const { clock, fenced } = setup(script);
    const outcome = fenced.request(WRITE).catch((error: unknown) => error);
    await clock.advance(10_000);
    expect(await outcome).toBeInstanceOf(LeaseLost);
    expect([script.requests.length, clock.pending]).toEqual([1, 0]);
  });

  test('cuts off what is under way', async () => {
    const silent = new ScriptedTransport();
    silent.request = async ({ signal }) => {
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      throw new TransportError('cut');
    };
    const { clock, fenced } = setup(silent);
    const outcome = fenced.request(WRITE).catch((error: unknown) => error);
    await clock.advance(10_000);
    expect(await outcome).toBeInstanceOf(Error);
  });

  test("ends by the caller's signal too", async () => {
    const stop = new AbortController();
    const { fenced } = setup(new ScriptedTransport(new TransportError('reset')));
    const outcome = fenced.request({ ...WRITE, signal: stop.signal }).catch((error: unknown) => error);
    await settle();
    stop.abort(new Error('enough'));
    expect(await outcome).toEqual(new Error('enough'));
  });
});

describe('what waits for a connection when the time runs out', () => {
  /** A server that accepts connections only on request, and keeps the received data. */
  async function gate() {
    const received: string[] = [];
    const server = createServer((socket) => {
      socket.on('data', (bytes) => {
        received.push(String(bytes));
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}');
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { received, server, port: (server.address() as AddressInfo).port };
  }

  test.each([
    ['is not sent: there was none yet', 0],
    ['is not sent: they were all taken', 1],
  ])('%s', async (_why, busy) => {
    const { received, server, port } = await gate();
    const clock = new LateClock();
    const bare = new UndiciTransport({
      credentials: {
        server: `http://127.0.0.1:${String(port)}`,
        current: () => Promise.resolve({ headers: {}, tls: {} }),
        invalidate: () => undefined,
      },
      clock,
      userAgent: 'test',
      connections: 1,
    });
    const fence = new Fence(clock, 10_000);
    const fenced = withFence(withRetry(bare, { clock, log: recordingLogger() }), fence);
    const others = Array.from({ length: busy }, () => bare.request({ method: 'GET', path: '/other' }));
    const outcome = fenced.request(WRITE).then(
      () => 'sent',
      (error: unknown) => error,
    );
    // The transport has read its credentials and asked undici for a connection.
    await Promise.resolve();
    await Promise.resolve();
    clock.stopFor(10_000);
    expect(await outcome).toBeInstanceOf(LeaseLost);
    await Promise.all(others);
    expect(received.filter((text) => text.startsWith('PATCH'))).toEqual([]);
    await bare.close();
    server.close();
  });
});
