import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../clock.ts';
import { TransportError } from '../errors.ts';
import type { Credentials, Identity } from './kubeconfig.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import type { TransportRequest } from './transport.ts';
import { UndiciTransport } from './undici-transport.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let handler: Handler;
const seen: IncomingMessage[] = [];
const server = createServer((request, response) => {
  seen.push(request);
  handler(request, response);
});
let identities: Identity[];
let invalidations: number;
let transport: UndiciTransport;

const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

function connect(
  clock: ConstructorParameters<typeof UndiciTransport>[0]['clock'] = systemClock,
): UndiciTransport {
  const { port } = server.address() as AddressInfo;
  const credentials: Credentials = {
    server: `http://127.0.0.1:${String(port)}`,
    current: () => Promise.resolve(identities[0] ?? { headers: {}, tls: {} }),
    invalidate: () => {
      invalidations += 1;
      identities.shift();
    },
  };
  return new UndiciTransport({ credentials, clock, userAgent: 'test/1' });
}

beforeEach(async () => {
  seen.length = 0;
  identities = [{ headers: { authorization: 'Bearer t1' }, tls: {} }];
  invalidations = 0;
  handler = (_request, response) => {
    json(response, 200, { ok: true });
  };
  await once(server.listen(0, '127.0.0.1'), 'listening');
  transport = connect();
});
afterEach(async () => {
  await transport.close();
  server.closeAllConnections();
  server.close();
});

const GET: TransportRequest = { method: 'GET', path: '/api/v1/pods' };

async function read(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const line of stream) lines.push(line);
  return lines;
}

describe('a request', () => {
  test('carries query, body, credentials and user agent, and brings the parsed answer', async () => {
    const body = Promise.withResolvers<string>();
    handler = (request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        body.resolve(text);
        json(response, 201, { metadata: { name: 'ü' } }, { 'x-extra': '1' });
      });
    };
    const answer = await transport.request({
      method: 'PATCH',
      path: '/apis/a/v1/b',
      query: { force: true, limit: 5, selector: 'a in (b, c)', left: undefined },
      body: { a: 1 },
      contentType: 'application/apply-patch+yaml',
    });
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'x-extra': '1' },
      body: { metadata: { name: 'ü' } },
    });
    expect(seen[0]).toMatchObject({
      method: 'PATCH',
      url: '/apis/a/v1/b?force=true&limit=5&selector=a+in+%28b%2C+c%29',
    });
    expect(seen[0]?.headers).toMatchObject({
      authorization: 'Bearer t1',
      'user-agent': 'test/1',
      'content-type': 'application/apply-patch+yaml',
    });
    expect(await body.promise).toBe('{"a":1}');
  });

  test('brings text that is not JSON as it is', async () => {
    handler = (_request, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
    expect((await transport.request({ method: 'GET', path: '/readyz' })).body).toBe('ok');
  });

  test('that is refused throws the Status, with Retry-After', async () => {
    handler = (_request, response) => {
      json(
        response,
        429,
        { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'slow down' },
        { 'retry-after': '3' },
      );
    };
    await expect(transport.request(GET)).rejects.toMatchObject({
      name: 'ApiError',
      ...{ code: 429, reason: 'TooManyRequests', message: 'slow down', retryAfterSeconds: 3 },
    });
  });

  test('that is not answered in time throws', async () => {
    const clock = new ManualClock();
    await transport.close();
    transport = connect(clock);
    const arrived = Promise.withResolvers<undefined>();
    handler = () => {
      arrived.resolve(undefined);
    };
    const request = transport.request({ ...GET, timeoutMs: 1234 });
    const outcome = request.catch((error: unknown) => error);
    await arrived.promise;
    await clock.advance(1234);
    expect(await outcome).toEqual(new TransportError('GET /api/v1/pods: no answer within 1234 ms'));
    expect(clock.pending).toBe(0);
  });

  test('that is aborted throws the reason', async () => {
    const stop = new AbortController();
    handler = () => {
      stop.abort(new Error('enough'));
    };
    await expect(transport.request({ ...GET, signal: stop.signal })).rejects.toMatchObject({
      name: 'Error',
      message: 'enough',
    });
  });

  test('whose connection breaks throws a TransportError that names it', async () => {
    handler = (request) => request.socket.destroy();
    await expect(transport.request(GET)).rejects.toMatchObject({
      name: 'TransportError',
      message: expect.stringContaining('GET /api/v1/pods: '),
    });
  });

  test('whose answer is broken JSON throws', async () => {
    handler = (_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{');
    await expect(transport.request(GET)).rejects.toThrow(TransportError);
  });

  test.each([
    ['the answer', undefined, 200],
    ['the answer', undefined, 503],
    ['the list without its objects', (each: unknown): unknown => each, 200],
  ])('ends when %s is endless', async (what, item, status) => {
    const megabyte = 'x'.repeat(1024 * 1024);
    handler = (request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).write('{"metadata":"');
      const more = (): void => {
        while (!response.destroyed && response.write(megabyte)) continue;
      };
      response.on('drain', more);
      more();
    };
    await expect(transport.request({ ...GET, ...(item && { item }) })).rejects.toMatchObject({
      name: 'TransportError',
      message: expect.stringMatching(new RegExp(`^GET /api/v1/pods: ${what} has more than \\d+ characters$`)),
    });
  });

  test('for a list hands over its items as they come, whole characters always', async () => {
    const text = JSON.stringify({
      metadata: { resourceVersion: '7' },
      items: [{ name: 'ü' }, { name: 'b' }],
    });
    const bytes = Buffer.from(text);
    const inside = bytes.indexOf(0xc3) + 1;
    handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write(bytes.subarray(0, inside));
      setImmediate(() => response.end(bytes.subarray(inside)));
    };
    const item = (each: unknown): unknown => [each];
    const { body } = await transport.request({ ...GET, item });
    expect(body).toEqual({ metadata: { resourceVersion: '7' }, items: [[{ name: 'ü' }], [{ name: 'b' }]] });
    handler = (_request, response) => {
      json(response, 403, { kind: 'Status', reason: 'Forbidden', message: 'no', items: [1] });
    };
    await expect(transport.request({ ...GET, item })).rejects.toMatchObject({
      code: 403,
      reason: 'Forbidden',
    });
  });

  test('reuses connections', async () => {
    for (let round = 0; round < 20; round += 1) await transport.request(GET);
    // Two, because the first may not be known to be free when the next request arrives.
    expect(new Set(seen.map((request) => request.socket)).size).toBeLessThanOrEqual(2);
  });
});

describe('a stream', () => {
  test('ends when one event is endless', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    handler = (_request, response) => {
      response.writeHead(200).write('{"type":"');
      const more = (): void => {
        while (!response.destroyed && response.write(megabyte)) continue;
      };
      response.on('drain', more);
      more();
    };
    await expect(read(transport.stream(GET))).rejects.toThrow('an event has more than');
  });

  test('brings line by line, wherever the chunks are cut', async () => {
    const bytes = Buffer.from('{"a":"ü"}\n\n{"b":2}\n{"c":3}');
    handler = (_request, response) => {
      response.writeHead(200);
      const next = (at: number): void => {
        if (at === bytes.length) response.end();
        else response.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1));
      };
      next(0);
    };
    expect(await read(transport.stream({ ...GET, query: { watch: true } }))).toEqual([
      { a: 'ü' },
      { b: 2 },
      { c: 3 },
    ]);
    expect(seen[0]?.url).toBe('/api/v1/pods?watch=true');
  });

  test('that is refused throws the Status', async () => {
    handler = (_request, response) => {
      json(response, 403, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' });
    };
    await expect(read(transport.stream(GET))).rejects.toMatchObject({ code: 403, reason: 'Forbidden' });
  });

  test('that breaks throws what it has brought, then a TransportError', async () => {
    handler = (request, response) => {
      response.writeHead(200).write('{"a":1}\n{"b":', () => request.socket.destroy());
    };
    const lines: unknown[] = [];
    const reading = (async () => {
      for await (const line of transport.stream(GET)) lines.push(line);
    })();
    await expect(reading).rejects.toThrow(TransportError);
    expect(lines).toEqual([{ a: 1 }]);
  });

  test('that ends within a line throws', async () => {
    handler = (_request, response) => response.writeHead(200).end('{"a":1}\n{"b":');
    await expect(read(transport.stream(GET))).rejects.toThrow('cut in the middle');
  });

  test('may be silent for longer than a request', async () => {
    const clock = new ManualClock();
    await transport.close();
    transport = connect(clock);
    let finish = (): void => undefined;
    handler = (_request, response) => {
      response.writeHead(200).write('{"a":1}\n');
      finish = () => response.end('{"b":2}\n');
    };
    const lines: unknown[] = [];
    for await (const line of transport.stream(GET)) {
      lines.push(line);
      await clock.advance(3_600_000);
      finish();
    }
    expect(lines).toEqual([{ a: 1 }, { b: 2 }]);
  });

  test('is cut by its signal, and by a reader that stops', async () => {
    const closed: Promise<unknown>[] = [];
    handler = (request, response) => {
      closed.push(once(request.socket, 'close'));
      response.writeHead(200).write('{"a":1}\n');
    };
    const stop = new AbortController();
    const reading = (async () => {
      for await (const line of transport.stream({ ...GET, signal: stop.signal }))
        stop.abort(new Error(`after ${JSON.stringify(line)}`));
    })();
    await expect(reading).rejects.toThrow('after {"a":1}');
    for await (const line of transport.stream(GET)) {
      expect(line).toEqual({ a: 1 });
      break;
    }
    await Promise.all(closed);
    expect(closed).toHaveLength(2);
  });

  test('does not keep requests waiting, however many there are', async () => {
    const held: ServerResponse[] = [];
    handler = (request, response) => {
      if (request.url?.includes('watch') === true) {
        response.writeHead(200).write('{}\n');
        held.push(response);
      } else json(response, 200, {});
    };
    const watches = Array.from({ length: 40 }, () =>
      transport.stream({ ...GET, query: { watch: true } })[Symbol.asyncIterator](),
    );
    await Promise.all(watches.map((watch) => watch.next()));
    expect((await transport.request(GET)).status).toBe(200);
    expect(held).toHaveLength(40);
    await Promise.all(watches.map((watch) => watch.return()));
  });
});

describe('credentials that are refused', () => {
  const unauthorized: Handler = (request, response) => {
    if (request.headers.authorization === 'Bearer t2') json(response, 200, { ok: true });
    else json(response, 401, { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'who?' });
  };

  test('are read anew and tried once more', async () => {
    handler = unauthorized;
    identities.push({ headers: { authorization: 'Bearer t2' }, tls: {} });
    expect((await transport.request(GET)).body).toEqual({ ok: true });
    expect(invalidations).toBe(1);
  });

  test('likewise for a stream', async () => {
    handler = unauthorized;
    identities.push({ headers: { authorization: 'Bearer t2' }, tls: {} });
    expect(await read(transport.stream(GET))).toEqual([{ ok: true }]);
  });

  test('and are still the same are not sent again', async () => {
    handler = unauthorized;
    identities.push({ headers: { authorization: 'Bearer t1' }, tls: {} });
    await expect(transport.request(GET)).rejects.toMatchObject({ code: 401 });
    expect(seen).toHaveLength(1);
  });

  test('rotated TLS material opens new connections and lets old ones end', async () => {
    const slow = Promise.withResolvers<ServerResponse>();
    handler = (request, response) => {
      if (request.url === '/slow') slow.resolve(response);
      else json(response, 200, {});
    };
    // Leaves idle connections open.
    for (let round = 0; round < 5; round += 1) await transport.request(GET);
    const underWay = transport.request({ method: 'GET', path: '/slow' });
    const response = await slow.promise;
    const old = new Set(seen.map((request) => request.socket));
    identities = [{ headers: {}, tls: { ca: 'NEW' } }];
    await transport.request(GET);
    expect(old.has(seen.at(-1)?.socket ?? response.req.socket)).toBe(false);
    json(response, 200, { finished: true });
    expect((await underWay).body).toEqual({ finished: true });
  });
});

test('closing cuts what is under way, for good', async () => {
  const arrived = Promise.withResolvers<undefined>();
  handler = () => {
    arrived.resolve(undefined);
  };
  const outcome = transport.request(GET).catch((error: unknown) => error);
  await arrived.promise;
  await transport.close();
  expect(await outcome).toBeInstanceOf(TransportError);
  await expect(transport.request(GET)).rejects.toThrow('the transport is closed');
  await expect(read(transport.stream(GET))).rejects.toThrow('the transport is closed');
  expect(seen).toHaveLength(1);
});
