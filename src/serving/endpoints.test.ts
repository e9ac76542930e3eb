import { afterEach, describe, expect, test } from '@jest/globals';
import { recordingLogger } from '../cluster/testing/logs.ts';
import { ManualClock } from '../cluster/testing/manual-clock.ts';
import { serveEndpoints, type EndpointFlags, type Endpoints } from './endpoints.ts';

const FREE = '127.0.0.1:0';

let endpoints: Endpoints | undefined;
afterEach(async () => {
  await endpoints?.close();
  endpoints = undefined;
});

const state = { why: undefined as string | undefined, stuck: undefined as string | undefined };
async function start(flags: EndpointFlags) {
  endpoints = await serveEndpoints({
    flags,
    clock: new ManualClock(),
    log: recordingLogger(),
    unready: () => state.why,
    stuck: () => state.stuck,
    metrics: () => Promise.resolve('up 1\n'),
    connect: () => {
      throw new Error('no API server is needed');
    },
  });
  const urlOf = (port: number | undefined): string => `http://127.0.0.1:${String(port)}`;
  return { health: urlOf(endpoints.healthPort), metrics: urlOf(endpoints.metricsPort) };
}

describe('endpoints', () => {
  test('are nowhere by default', async () => {
    await start({});
    expect(endpoints).toMatchObject({ healthPort: undefined, metricsPort: undefined });
  });

  test('tell kubelet that the process is alive, and why it is not ready', async () => {
    const { health } = await start({ healthAddress: FREE });
    state.why = 'stale: Namespace';
    expect((await fetch(`${health}/healthz`)).status).toBe(200);
    const refused = await fetch(`${health}/readyz`);
    expect(refused.status).toBe(503);
    expect(await refused.text()).toBe('not ready: stale: Namespace\n');
    state.why = undefined;
    expect((await fetch(`${health}/readyz?verbose`)).status).toBe(200);
  });

  test('tell kubelet that only a new process can go on', async () => {
    const { health } = await start({ healthAddress: FREE });
    state.stuck = 'a round does not end';
    const refused = await fetch(`${health}/healthz`);
    expect([refused.status, await refused.text()]).toEqual([503, 'stuck: a round does not end\n']);
    expect((await fetch(`${health}/readyz`)).status).toBe(200);
    state.stuck = undefined;
  });

  test('have metrics on a port of their own, which serves nothing else', async () => {
    const { health, metrics } = await start({ healthAddress: FREE, metricsAddress: FREE });
    const response = await fetch(`${metrics}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toBe('up 1\n');
    expect((await fetch(`${metrics}/healthz`)).status).toBe(404);
    expect((await fetch(`${health}/metrics`)).status).toBe(404);
  });

  test.each(['127.0.0.1:0', '127.9.9.9:0', 'localhost:0', '[::1]:0'])(
    'may have metrics without a certificate at %s',
    async (metricsAddress) => {
      await start({ metricsAddress });
      expect(endpoints?.metricsPort).toBeGreaterThan(0);
    },
  );

  test.each([
    ':0',
    '0.0.0.0:0',
    '[::]:0',
    '10.0.0.1:0',
    '127.example.com:0',
    '[::ffff:127.0.0.1]:0',
    '1270.0.1:0',
  ])('may not have metrics without a certificate at %s', async (metricsAddress) => {
    await expect(start({ healthAddress: FREE, metricsAddress })).rejects.toThrow(
      /^--metrics-address: .* is not a loopback address: add --metrics-certificate, or listen on 127.0.0.1$/,
    );
  });

  test('need an address for a certificate', async () => {
    await expect(start({ metricsCertificate: '/tmp' })).rejects.toThrow('needs --metrics-address');
  });

  test('listen on none if one of them cannot', async () => {
    const { health } = await start({ healthAddress: FREE });
    const taken = new URL(health).host;
    const second = serveEndpoints({
      flags: { healthAddress: FREE, metricsAddress: taken },
      clock: new ManualClock(),
      log: recordingLogger(),
      unready: () => undefined,
      stuck: () => undefined,
      metrics: () => Promise.resolve(''),
      connect: () => {
        throw new Error('no API server is needed');
      },
    });
    await expect(second).rejects.toThrow(/--metrics-address: cannot listen on .*EADDRINUSE/);
  });
});
