import { isRecord } from '../json.ts';

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/**
 * A server may ask for any delay, and a proxy in front of it for a day. A copy of the cluster must not be blind
 * that long. kube-apiserver itself asks for one second, and for up to half a minute while it starts.
 */
const MAX_RETRY_AFTER_SECONDS = 60;

/** The API server answered with a failure. This is its Status object as an Error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly code: number;
  /**
   * Kubernetes' reason in CamelCase, for example NotFound, Conflict or Expired. Empty when the answer had
   * none.
   */
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  /**
   * From the Retry-After header, or from details.retryAfterSeconds where the header is missing. At most a
   * minute.
   */
  readonly retryAfterSeconds: number | undefined;

  constructor(fields: {
    readonly code: number;
    readonly reason?: string;
    readonly message: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number | undefined;
  }) {
    super(fields.message);
    this.code = fields.code;
    this.reason = fields.reason ?? '';
    this.causes = fields.causes ?? [];
    this.retryAfterSeconds = boundedDelay(fields.retryAfterSeconds);
  }
}

const boundedDelay = (seconds: number | undefined): number | undefined =>
  seconds !== undefined && seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) : undefined;

/**
 * No complete answer arrived: the connection was refused, reset or cut off, or timed out. The request may
 * have been carried out.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError';
}

/** Builds the error from a Status body (`kind: Status`), or else from the plain text of an answer. */
export function statusError(code: number, body: unknown, retryAfterSeconds?: number): ApiError {
  if (!isRecord(body)) {
    const text = typeof body === 'string' && body.trim() !== '' ? `: ${body.trim().slice(0, 500)}` : '';
    return new ApiError({ code, message: `HTTP ${String(code)}${text}`, retryAfterSeconds });
  }
  const details = isRecord(body['details']) ? body['details'] : {};
  const seconds = details['retryAfterSeconds'];
  return new ApiError({
    code: typeof body['code'] === 'number' ? body['code'] : code,
    reason: typeof body['reason'] === 'string' ? body['reason'] : '',
    message: typeof body['message'] === 'string' ? body['message'] : `HTTP ${String(code)}`,
    causes: Array.isArray(details['causes']) ? details['causes'].filter(isRecord) : [],
    retryAfterSeconds: retryAfterSeconds ?? (typeof seconds === 'number' ? seconds : undefined),
  });
}

export function isApiError(error: unknown, code: number, reason?: string): error is ApiError {
  return (
    error instanceof ApiError && error.code === code && (reason === undefined || error.reason === reason)
  );
}

/** The object or the whole resource does not exist. */
export const isNotFound = (error: unknown): error is ApiError => isApiError(error, 404);

/** A field manager or a resourceVersion conflicts with the write. */
export const isConflict = (error: unknown): error is ApiError => isApiError(error, 409, 'Conflict');

export const isAlreadyExists = (error: unknown): error is ApiError => isApiError(error, 409, 'AlreadyExists');

export const isForbidden = (error: unknown): error is ApiError => isApiError(error, 403);

/**
 * kube-apiserver's messages for an expired version. Calico's API server passes on only the message for a
 * watch: the reason is always InternalError (projectcalico/calico apiserver/pkg/storage/calico/watcher.go,
 * convertEvent).
 */
const TOO_OLD = /too old resource version|resourceVersion for the provided \w+ is too old/;

/** The resourceVersion or continue token is older than the oldest version in etcd. Only a new list helps. */
export function isExpired(error: unknown): error is ApiError {
  if (!(error instanceof ApiError)) return false;
  const { code, reason, message } = error;
  return (
    code === 410 ||
    reason === 'Expired' ||
    reason === 'Gone' ||
    (reason === 'InternalError' && TOO_OLD.test(message))
  );
}

/**
 * A server that has just started fills its watch cache first. Retry-After grows with the time that this takes
 * (k8s.io/apiserver pkg/storage/cacher, calculateRetryAfterForUnreadyCache).
 */
export const isInitializing = (error: unknown): error is ApiError =>
  isApiError(error, 429) && error.message.includes('storage is (re)initializing');

/** The words of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** True for an error of the API server, or of the way to it. */
export const isServerError = (error: unknown): boolean =>
  error instanceof ApiError || error instanceof TransportError;

/**
 * True for errors that say nothing about the version that was asked for: the connection broke, or the server
 * was too busy.
 */
export const isConnectionTrouble = (error: unknown): boolean =>
  error instanceof TransportError || (error instanceof ApiError && error.code === 429);
