/**
 * An HTTP server whose use of memory is bounded, whoever reaches its port and whatever he sends or does not
 * read (docs/decisions/0016-ports.md).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../cluster/clock.ts';
import type { Logger } from '../cluster/logger.ts';
import { parseAddress } from './address.ts';

export interface Answer {
  /** HTTP status. */
  readonly status: number;
  readonly body: string;
  /** Default: plain text. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Question {
  /** Without the query. */
  readonly path: string;
  /** The header of that name. */
  readonly authorization: string | undefined;
}

export interface ServerOptions {
  /** The option that the address was given to, for messages. */
  readonly flag: string;
  /** `HOST:PORT`, or `:PORT` for every address of the machine. Port 0 takes a free one. */
  readonly address: string;
  /** How many connections may be open. One more ends the oldest one. */
  readonly connections: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called for GET and HEAD. */
  readonly answer: (question: Question) => Promise<Answer>;
}

export interface RunningServer {
  readonly port: number;
  /** Cuts every connection. */
  close(): Promise<void>;
}

/**
 * A connection is ended after this time, whether the request is still arriving or the answer is not read. It
 * is Prometheus' own limit for a scrape, and longer than any probe.
 */
export const CONNECTION_MS = 10_000;
const MAX_HEADER_BYTES = 8 * 1024;

/**
 * Listens.
 * @throws Error naming the flag when the address is malformed or cannot be bound
 */
export async function serve(options: ServerOptions): Promise<RunningServer> {
  return start(createServer({ maxHeaderSize: MAX_HEADER_BYTES }), options);
}

/** The same over TLS. Every handshake fails until the server has got a certificate (`setSecureContext`). */
export async function serveTls(
  options: ServerOptions,
): Promise<RunningServer & { readonly server: TlsServer }> {
  const server = createTlsServer({ maxHeaderSize: MAX_HEADER_BYTES });
  return { ...(await start(server, options)), server };
}

async function start(server: Server | TlsServer, options: ServerOptions): Promise<RunningServer> {
  // With one request for each connection, nobody can have many answers waiting on it.
  server.maxRequestsPerSocket = 1;
  server.on('request', (request, response) => {
    void respond(request, response, options);
  });
  const cutAll = boundConnections(server, options);
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        cutAll();
      }),
  };
}

/** Bounds number and duration of connections, from the first packet on. Returns how to end all of them. */
function boundConnections(server: Server | TlsServer, { connections, clock }: ServerOptions): () => void {
  /** Oldest first. */
  const open = new Map<Socket, () => void>();
  const end = (socket: Socket): void => {
    open.get(socket)?.();
    open.delete(socket);
    socket.destroy();
  };
  server.on('connection', (socket: Socket) => {
    const [oldest] = open.keys();
    if (oldest !== undefined && open.size >= connections) end(oldest);
    const stopTimer = clock.setTimeout(() => {
      end(socket);
    }, CONNECTION_MS);
    open.set(socket, stopTimer);
    socket.once('close', () => {
      end(socket);
    });
  });
  return () => {
    for (const socket of [...open.keys()]) end(socket);
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, log, flag }: ServerOptions,
): Promise<void> {
  const { status, body, headers } = await answerTo(request, answer).catch((error: unknown): Answer => {
    log.warn({ err: error, flag }, 'a request failed');
    return { status: 500, body: 'the log has the reason\n' };
  });
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...headers,
  });
  response.end(body);
}

async function answerTo(
  { method, url = '', headers }: IncomingMessage,
  answer: ServerOptions['answer'],
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, body: 'only GET and HEAD\n', headers: { allow: 'GET, HEAD' } };
  }
  return answer({ path: url.split('?')[0] ?? '', authorization: headers.authorization });
}

function listen(server: Server, { flag, address }: ServerOptions): Promise<void> {
  const { host, port } = parseAddress(flag, address);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`${flag}: cannot listen on ${address}: ${cause.message}`, { cause }));
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
}
