import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveHealth, type HealthServer } from './health.ts';

let health: HealthServer | undefined;
afterEach(async () => {
  await health?.close();
  health = undefined;
});

async function start(ready: { value: boolean }): Promise<string> {
  health = await serveHealth({
    address: '127.0.0.1:0',
    unready: () => (ready.value ? undefined : 'stale: Namespace'),
    metrics: () => Promise.resolve('up 1\n'),
  });
  return `http://127.0.0.1:${health.port}`;
}

describe('the health server', () => {
  test('is alive at once and ready when it has no reason not to be, which it tells', async () => {
    const ready = { value: false };
    const url = await start(ready);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const refused = await fetch(`${url}/readyz`);
    expect(refused.status).toBe(503);
    expect(await refused.text()).toBe('not ready: stale: Namespace\n');
    ready.value = true;
    expect((await fetch(`${url}/readyz?verbose`)).status).toBe(200);
  });

  test('serves metrics as text, and nothing else', async () => {
    const url = await start({ value: true });
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toBe('up 1\n');
    expect((await fetch(`${url}/debug`)).status).toBe(404);
  });

  test.each(['8081', 'localhost', ':99999', 'a:b:80'])(
    'refuses the address %s and names the flag',
    async (address) => {
      const options = { address, unready: () => undefined, metrics: () => Promise.resolve('') };
      await expect(serveHealth(options)).rejects.toThrow(/--health-address: ".*" is not HOST:PORT/);
    },
  );

  test('says that the address is in use', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const options = {
      address: `127.0.0.1:${port}`,
      unready: () => undefined,
      metrics: () => Promise.resolve(''),
    };
    await expect(serveHealth(options)).rejects.toThrow(/cannot listen on .*EADDRINUSE/);
    await new Promise((resolve) => other.close(resolve));
  });
});
