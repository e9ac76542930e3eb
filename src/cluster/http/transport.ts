/** How a request reaches an API server. The tests' fakes implement this too. */

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type QueryValue = string | number | boolean | undefined;

export interface TransportRequest {
  readonly method: Method;
  /** Absolute path without query, already escaped: see collectionPath and objectPath. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Media types of the answer, default `application/json`. */
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called for every attempt, right before its first byte goes to the connection: the last moment at which aborting `signal` keeps it unsent. */
  readonly beforeSend?: (() => void) | undefined;
  /**
   * For a list: given each of its items as soon as that has arrived; what it returns stands in the item's place, so that a long list is never
   * in memory as a whole. Must not throw. A transport may leave that out and answer with the items as they came.
   */
  readonly item?: ((item: unknown) => unknown) | undefined;
  /** Time for the whole answer, in milliseconds; default 30 s. A stream has it for the answer's head only. */
  readonly timeoutMs?: number;
}

export interface TransportResponse {
  /** 200 to 299: anything else is thrown. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON; the text as it is (for example of /readyz) when the answer is not JSON. */
  readonly body: unknown;
}

export interface Transport {
  /**
   * @throws ApiError when the server answers with anything but success.
   * @throws TransportError when no complete answer comes.
   * @throws the signal's reason when aborted.
   */
  request(request: TransportRequest): Promise<TransportResponse>;

  /**
   * The JSON lines of a streamed answer (a watch), one parsed value each. Ends when the server ends it. A reader that stops early closes the
   * connection; so does `signal`. Throws like `request`, at the first step or between lines.
   */
  stream(request: TransportRequest): AsyncIterable<unknown>;
}
