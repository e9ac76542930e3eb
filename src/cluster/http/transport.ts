/** The way in which a request reaches an API server. The fakes of the tests implement this too. */

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type QueryValue = string | number | boolean | undefined;

export interface TransportRequest {
  readonly method: Method;
  /** Absolute, escaped path without query. See collectionPath and objectPath. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Accepted media types, default `application/json`. */
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for every attempt immediately before its first byte is written. Aborting `signal` here is the last
   * chance to keep the request unsent.
   */
  readonly beforeSend?: (() => void) | undefined;
  /**
   * For a list: called with each item as soon as it has arrived. The result replaces the item, so a long list
   * is never in memory as a whole. Must not throw. A transport may ignore this and return the original items.
   */
  readonly item?: ((item: unknown) => unknown) | undefined;
  /**
   * Time for the whole answer in milliseconds, default 30 s. For a stream, only the head of the answer
   * counts.
   */
  readonly timeoutMs?: number;
}

export interface TransportResponse {
  /** From 200 to 299. Every other status is thrown. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON. If the answer is not JSON (for example from /readyz), its text. */
  readonly body: unknown;
}

export interface Transport {
  /**
   * @throws ApiError when the server answers with a failure
   * @throws TransportError when no complete answer arrives
   * @throws the signal's reason when aborted
   */
  request(request: TransportRequest): Promise<TransportResponse>;

  /**
   * The JSON lines of a streamed answer (a watch), each parsed. It ends when the server ends it. A reader
   * that stops early closes the connection, and so does `signal`. Throws like `request`, at the first step or
   * between lines.
   */
  stream(request: TransportRequest): AsyncIterable<unknown>;
}
