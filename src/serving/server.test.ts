import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { recordingLogger } from '../cluster/testing/logs.ts';
import { ManualClock } from '../cluster/testing/manual-clock.ts';
import { CONNECTION_MS, serve, type Answer, type RunningServer } from './server.ts';

const flag = '--x-address';
const CONNECTIONS = 8;
/** More than the kernel holds for a client that does not read. */
const BIG = 'x'.repeat(20_000_000);
const SLOW_TEST = 30_000;
const OK: Answer = { status: 200, body: 'ok\n' };

let running: RunningServer | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await running?.close();
  running = undefined;
});

async function start(
  answer: (path: string) => Promise<Answer> = () => Promise.resolve(OK),
  connections = CONNECTIONS,
) {
  const [clock, log] = [new ManualClock(), recordingLogger()];
  const answered: string[] = [];
  running = await serve({
    ...{ flag, connections, clock, log },
    address: '127.0.0.1:0',
    answer: ({ path }) => {
      answered.push(path);
      return answer(path);
    },
  });
  const { port } = running;
  return { clock, log, answered, port, url: `http://127.0.0.1:${port}` };
}

/** Resolves when the connection is closed or reset. */
const endOf = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined).once('close', resolve);
  });

/** A client that has sent `text`, and reads nothing by itself. */
async function client(port: number, text: string): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const closed = endOf(socket);
  await once(socket, 'connect');
  socket.write(text);
  return { socket, closed };
}

const HALF = 'GET /healthz HTTP/1.1\r\nhost: x\r\n';
const WHOLE = `${HALF}\r\n`;

/** Reads until the connection ends. */
async function rest(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += String(chunk);
  });
  socket.resume();
  if (!socket.closed) await endOf(socket);
  return text;
}

describe('a server', () => {
  test('answers GET and HEAD, without the query', async () => {
    const { url, answered } = await start();
    expect(await (await fetch(`${url}/healthz?verbose`)).text()).toBe('ok\n');
    expect((await fetch(`${url}/healthz`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${url}/healthz`, { method: 'POST', body: 'x' })).status).toBe(405);
    expect(answered).toEqual(['/healthz', '/healthz']);
  });

  test('tells the log why an answer failed, and the client only that it did', async () => {
    const { url, log } = await start(() => Promise.reject(new Error('disk full')));
    const response = await fetch(`${url}/x`);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('the log has the reason\n');
    expect(log.lines[0]).toMatchObject({ level: 'warn', fields: { err: new Error('disk full') } });
  });

  test.each(['8081', 'localhost', ':99999', 'a:b:80'])(
    'refuses the address %s and names the flag',
    async (address) => {
      const options = {
        flag,
        connections: CONNECTIONS,
        address,
        clock: new ManualClock(),
        log: recordingLogger(),
      };
      const answer = () => Promise.resolve(OK);
      await expect(serve({ ...options, answer })).rejects.toThrow(/--x-address: ".*" is not HOST:PORT/);
    },
  );

  test('says that the address is in use', async () => {
    const { port } = await start();
    const options = { flag, connections: CONNECTIONS, clock: new ManualClock(), log: recordingLogger() };
    const answer = () => Promise.resolve(OK);
    const second = serve({ ...options, answer, address: `127.0.0.1:${port}` });
    await expect(second).rejects.toThrow(/--x-address: cannot listen on .*EADDRINUSE/);
  });
});

describe('the connections of a server', () => {
  test('over the bound end the oldest ones, so that a probe is still answered', async () => {
    const { port, url } = await start();
    const halves = [];
    for (let count = 0; count < CONNECTIONS + 20; count += 1) halves.push(await client(port, HALF));
    await Promise.all(halves.slice(0, 20).map(({ closed }) => closed));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await halves[20]?.closed;
    expect(halves.filter(({ socket }) => !socket.closed)).toHaveLength(CONNECTIONS - 1);
  });

  test(
    'that are slow to read end each other too',
    async () => {
      const answer = (path: string) => Promise.resolve(path === '/big' ? { ...OK, body: BIG } : OK);
      const { port, url } = await start(answer, 2);
      const first = await client(port, WHOLE.replace('/healthz', '/big'));
      first.socket.pause();
      for (let count = 0; count < 2; count += 1) await client(port, HALF);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect((await rest(first.socket)).length).toBeLessThan(BIG.length);
    },
    SLOW_TEST,
  );

  test('end after a while in the middle of a request', async () => {
    const { port, clock, answered } = await start();
    const { closed, socket } = await client(port, HALF);
    // The server has taken the connection when it has answered a later one.
    await rest((await client(port, WHOLE)).socket);
    await clock.advance(CONNECTION_MS - 1);
    expect(socket.closed).toBe(false);
    await clock.advance(1);
    await closed;
    expect(answered).toHaveLength(1);
  });

  test(
    'end after a while if the answer is not read',
    async () => {
      const asked = Promise.withResolvers<undefined>();
      const { port, clock } = await start(() => {
        asked.resolve(undefined);
        return Promise.resolve({ ...OK, body: BIG });
      });
      const { socket } = await client(port, WHOLE);
      socket.pause();
      await asked.promise;
      await clock.advance(CONNECTION_MS);
      expect((await rest(socket)).length).toBeLessThan(BIG.length);
    },
    SLOW_TEST,
  );

  test('end after a while if the answer does not come', async () => {
    const { port, clock } = await start(() => new Promise(() => undefined));
    const { closed } = await client(port, WHOLE);
    await rest((await client(port, 'nonsense\r\n\r\n')).socket);
    await clock.advance(CONNECTION_MS);
    await closed;
  });

  test('carry one request each', async () => {
    const { port, answered } = await start();
    const { socket } = await client(port, WHOLE.repeat(100));
    const text = await rest(socket);
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(answered).toHaveLength(1);
  });

  test('end if the headers are too long', async () => {
    const { port, answered } = await start();
    const { socket } = await client(port, `${HALF}x: ${'x'.repeat(9000)}\r\n\r\n`);
    expect(await rest(socket)).toMatch(/^HTTP\/1.1 431 /);
    expect(answered).toEqual([]);
  });

  test('leave no timer behind', async () => {
    const { url, clock } = await start();
    await (await fetch(`${url}/healthz`)).text();
    const half = await client(Number(new URL(url).port), HALF);
    await running?.close();
    await half.closed;
    expect(clock.pending).toBe(0);
  });
});
