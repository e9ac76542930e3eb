import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { on, once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ApiServerRelay } from '../../cluster.ts';
import { startApiServerRelay } from './api-server-relay.ts';

/**
 * Takes the place of the API server: it repeats the bytes that it receives, and reports the end of a
 * connection.
 */
let server: Server;
let relay: ApiServerRelay;
let atServer: Socket[];
let clients: Socket[];

beforeEach(async () => {
  atServer = [];
  clients = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    atServer.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => socket.end('end'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay = await startApiServerRelay(`https://127.0.0.1:${portOf(server)}`);
});

afterEach(async () => {
  for (const socket of clients) socket.destroy();
  await relay[Symbol.asyncDispose]();
  server.close();
});

const portOf = (listener: Server): number => (listener.address() as AddressInfo).port;

async function client(port = Number(new URL(relay.server).port)): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.setEncoding('utf8');
  socket.on('error', () => undefined);
  clients.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function hears(socket: Socket, text: string): Promise<void> {
  let heard = '';
  for await (const [chunk] of chunksOf(socket)) {
    heard += chunk;
    if (heard === text) return;
  }
  throw new Error(`heard "${heard}", not "${text}"`);
}

const chunksOf = (socket: Socket): AsyncIterable<[string]> =>
  on(socket, 'data', { close: ['close'] }) as AsyncIterable<[string]>;

describe('a relay to the API server', () => {
  test('passes on bytes and ends, in both directions', async () => {
    const socket = await client();
    const heard = hears(socket, 'helloend');
    socket.end('hello');
    await heard;
  });

  test('keeps the bytes of open connections in a black hole until it is restored, and passes new connections', async () => {
    const before = await client();
    const echo = hears(before, 'one');
    before.write('one');
    await echo;
    relay.blackHole();
    const events: string[] = [];
    for (const event of ['data', 'end', 'close']) before.on(event, () => events.push(event));
    before.end('two');
    const after = await client();
    const answered = hears(after, 'three');
    after.write('three');
    await answered;
    expect(events).toEqual([]);
    const healed = hears(before, 'twoend');
    relay.restore();
    await healed;
  });

  test('answers no new connection once new ones are in the black hole too', async () => {
    relay.blackHoleAll();
    const held = await client();
    const events: string[] = [];
    for (const event of ['data', 'end', 'close']) held.on(event, () => events.push(event));
    held.write('hello');
    const besides = await client(portOf(server));
    const answered = hears(besides, 'hello');
    besides.write('hello');
    await answered;
    expect(events).toEqual([]);
    const healed = hears(held, 'hello');
    relay.restore();
    await healed;
  });

  test('reports to the server in the end that a client gave up in a black hole', async () => {
    const socket = await client();
    const echo = hears(socket, 'one');
    socket.write('one');
    await echo;
    relay.blackHole();
    socket.resetAndDestroy();
    const later = await client();
    const answered = hears(later, 'two'); // The relay now knows that the first connection has ended.
    later.write('two');
    await answered;
    const [far] = atServer;
    if (far === undefined) throw new Error('the server has no connection');
    const closed = new Promise((resolve) => far.once('close', resolve));
    relay.restore();
    await closed;
  });

  test('resets both ends', async () => {
    const socket = await client();
    const echo = hears(socket, 'one');
    socket.write('one');
    await echo;
    const [far] = atServer;
    const errors = [socket, far].map(async (end) => {
      const [error] = (await once(end ?? socket, 'error')) as [NodeJS.ErrnoException];
      return error.code;
    });
    relay.cut();
    expect(await Promise.all(errors)).toEqual(['ECONNRESET', 'ECONNRESET']);
  });

  test('delays each direction', async () => {
    const socket = await client();
    relay.delay(100);
    const started = performance.now();
    const heard = hears(socket, 'hello');
    socket.write('hello');
    await heard;
    expect(performance.now() - started).toBeGreaterThanOrEqual(199);
  });

  test('keeps the order when a delay ends', async () => {
    const socket = await client();
    relay.delay(100);
    const heard = hears(socket, '12end');
    socket.write('1', () => {
      relay.delay(0);
      socket.end('2');
    });
    await heard;
  });
});
