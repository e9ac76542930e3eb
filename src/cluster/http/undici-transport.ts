import { isDeepStrictEqual } from 'node:util';
import type { Dispatcher } from 'undici';
import { abortReason } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { ApiError, isApiError, statusError, TransportError, messageOf } from '../errors.ts';
import type { Credentials, Identity, TlsMaterial } from './kubeconfig.ts';
import { ListReader, MAX_OBJECT, refuseBeyond } from './list-reader.ts';
import { RequestPool, type PoolRequest } from './request-pool.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

export interface UndiciTransportOptions {
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** For example `clusterfirewall/0.1.0`. It appears in the API server's audit log. */
  readonly userAgent: string;
  /** Connections for requests, default 16. Each watch has one more of its own. */
  readonly connections?: number;
}

interface Pools {
  readonly tls: TlsMaterial;
  readonly requests: RequestPool;
  readonly watches: RequestPool;
}

const JSON_TYPE = 'application/json';
const TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * kube-apiserver closes idle connections after 90 s. With undici's default of 4 s, almost every reconcile
 * would need a TLS handshake.
 */
const KEEP_ALIVE_MS = 60_000;

/**
 * A transport over shared connection pools that follows rotated credentials.
 *
 * It uses HTTP/1.1 deliberately. With HTTP/2, all watches and writes share one connection: one stall would
 * stop everything, and ending a watch would not end its socket. Watches have their own pool, because each
 * holds its connection for minutes.
 */
export class UndiciTransport implements Transport {
  readonly #options: UndiciTransportOptions;
  readonly #open = new Set<RequestPool>();
  #pools: Pools | undefined;
  #closed = false;

  constructor(options: UndiciTransportOptions) {
    this.#options = options;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const identity = await this.#options.credentials.current();
    try {
      return await this.#send(request, identity);
    } catch (error) {
      const renewed = await this.#renewed(identity, error);
      if (renewed === undefined) throw error;
      return this.#send(request, renewed);
    }
  }

  async *stream(request: TransportRequest): AsyncGenerator<unknown, void, undefined> {
    const identity = await this.#options.credentials.current();
    let answer: Dispatcher.ResponseData;
    try {
      answer = await this.#openStream(request, identity);
    } catch (error) {
      const renewed = await this.#renewed(identity, error);
      if (renewed === undefined) throw error;
      answer = await this.#openStream(request, renewed);
    }
    try {
      yield* jsonLines(answer.body);
    } catch (error) {
      throw readableError(error, request);
    }
  }

  /** Closes every connection for good. Current and later requests fail. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pools = undefined;
    await Promise.all([...this.#open].map((pool) => pool.destroy()));
    this.#open.clear();
  }

  /** A refused identity may be outdated. Returns the new one if it has changed. */
  async #renewed(identity: Identity, error: unknown): Promise<Identity | undefined> {
    if (!isApiError(error, 401)) return undefined;
    this.#options.credentials.invalidate();
    const renewed = await this.#options.credentials.current();
    return isDeepStrictEqual(renewed, identity) ? undefined : renewed;
  }

  async #send(request: TransportRequest, identity: Identity): Promise<TransportResponse> {
    const deadline = this.#deadline(request);
    try {
      const pool = this.#poolsFor(identity.tls).requests;
      const answer = await pool.request(this.#message(request, identity, deadline.signal));
      const headers = flatHeaders(answer.headers);
      const isSuccess = answer.statusCode >= 200 && answer.statusCode <= 299;
      const item = isSuccess ? request.item : undefined;
      const body = await readBody(answer.body, headers['content-type'] ?? '', item);
      if (!isSuccess) throw statusError(answer.statusCode, body, retryAfterSeconds(headers));
      return { status: answer.statusCode, headers, body };
    } catch (error) {
      throw readableError(error, request);
    } finally {
      deadline.cancel();
    }
  }

  async #openStream(request: TransportRequest, identity: Identity): Promise<Dispatcher.ResponseData> {
    const deadline = this.#deadline(request);
    try {
      const pool = this.#poolsFor(identity.tls).watches;
      const answer = await pool.request(this.#message(request, identity, deadline.signal));
      if (answer.statusCode === 200) return answer;
      const headers = flatHeaders(answer.headers);
      const body = parseBody(await readText(answer.body), headers['content-type'] ?? '');
      throw statusError(answer.statusCode, body, retryAfterSeconds(headers));
    } catch (error) {
      throw readableError(error, request);
    } finally {
      deadline.cancel();
    }
  }

  #message(request: TransportRequest, identity: Identity, signal: AbortSignal): PoolRequest {
    const { method, path, query, body, contentType = JSON_TYPE, accept = JSON_TYPE, beforeSend } = request;
    return {
      method,
      path: query === undefined ? path : `${path}${queryString(query)}`,
      headers: {
        ...identity.headers,
        accept,
        'user-agent': this.#options.userAgent,
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
      beforeSend,
    };
  }

  /** The caller's signal combined with the time limit for the answer, or for the head of a stream. */
  #deadline(request: TransportRequest): { readonly signal: AbortSignal; readonly cancel: () => void } {
    const { signal, timeoutMs = TIMEOUT_MS } = request;
    const controller = new AbortController();
    const cancel = this.#options.clock.setTimeout(() => {
      controller.abort(new TransportError(`${describe(request)}: no answer within ${String(timeoutMs)} ms`));
    }, timeoutMs);
    return {
      signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
      cancel,
    };
  }

  #poolsFor(tls: TlsMaterial): Pools {
    if (this.#closed) throw new TransportError('the transport is closed');
    if (this.#pools !== undefined && isDeepStrictEqual(this.#pools.tls, tls)) return this.#pools;
    if (this.#pools !== undefined) {
      // Rotated: requests in progress may finish on the old connections.
      this.#retire(this.#pools.requests);
      this.#retire(this.#pools.watches);
    }
    const { connections = 16 } = this.#options;
    this.#pools = { tls, requests: this.#newPool(tls, connections), watches: this.#newPool(tls, null) };
    return this.#pools;
  }

  #newPool(tls: TlsMaterial, connections: number | null): RequestPool {
    const pool = new RequestPool(new URL(this.#options.credentials.server).origin, {
      connections,
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Only the caller's signal limits both here, because a watch may be silent for minutes.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { ...tls, timeout: CONNECT_TIMEOUT_MS, keepAlive: true, keepAliveInitialDelay: 30_000 },
    });
    this.#open.add(pool);
    return pool;
  }

  #retire(pool: RequestPool): void {
    const forget = (): void => {
      this.#open.delete(pool);
    };
    pool.close().then(forget, forget);
  }
}

async function* jsonLines(body: Dispatcher.ResponseData['body']): AsyncGenerator<unknown, void, undefined> {
  body.setEncoding('utf8');
  let rest = '';
  for await (const chunk of body) {
    // Only the chunk is searched, because a large event arrives in many.
    const [head = '', ...tail] = String(chunk).split('\n');
    const lines = [rest + head, ...tail];
    rest = lines.pop() ?? '';
    refuseBeyond(MAX_OBJECT, rest.length, 'an event');
    for (const line of lines) {
      if (line !== '') yield parseLine(line);
    }
  }
  if (rest !== '') yield parseLine(rest);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new TransportError(`cut in the middle of a line: ${line.slice(0, 100)}`, { cause: error });
  }
}

async function readBody(
  body: Dispatcher.ResponseData['body'],
  contentType: string,
  item: TransportRequest['item'],
): Promise<unknown> {
  if (item === undefined || !contentType.includes('json'))
    return parseBody(await readText(body), contentType);
  const reader = new ListReader(item);
  body.setEncoding('utf8');
  for await (const chunk of body) reader.push(String(chunk));
  return reader.end();
}

/** @throws RangeError for a text that is larger than any object */
async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  body.setEncoding('utf8');
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    refuseBeyond(MAX_OBJECT, text.length, 'the answer');
  }
  return text;
}

function parseBody(text: string, contentType: string): unknown {
  if (!contentType.includes('json')) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TransportError(`the answer is not the JSON that it says it is: ${text.slice(0, 100)}`, {
      cause: error,
    });
  }
}

function queryString(query: NonNullable<TransportRequest['query']>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

function flatHeaders(headers: Dispatcher.ResponseData['headers']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === 'string' ? value : value.join(', ')]],
    ),
  );
}

/** Reads seconds, which Kubernetes sends. HTTP also allows a date; then the backoff decides. */
function retryAfterSeconds(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['retry-after'];
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}

/**
 * An error that a caller can act on: the reason of its own abort, the server's answer, or the lack of an
 * answer.
 */
function readableError(error: unknown, request: TransportRequest): Error {
  if (request.signal?.aborted === true) return abortReason(request.signal);
  if (error instanceof ApiError || error instanceof TransportError) return error;
  const message = messageOf(error);
  return new TransportError(`${describe(request)}: ${message}`, { cause: error });
}

const describe = (request: TransportRequest): string => `${request.method} ${request.path}`;
