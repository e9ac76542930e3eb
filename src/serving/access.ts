/**
 * Who may read metrics. The API server decides, by a TokenReview and a SubjectAccessReview, as in
 * controller-runtime (pkg/metrics/filters).
 */
import { createHash } from 'node:crypto';
import { isRecord, valueAt } from '../json.ts';
import type { Clock } from '../cluster/clock.ts';
import type { Transport } from '../cluster/http/transport.ts';
import type { Logger } from '../cluster/logger.ts';
import type { Answer } from './server.ts';
import { messageOf } from '../cluster/errors.ts';

export interface AccessOptions {
  /** Requests in it need `create` on tokenreviews and subjectaccessreviews. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A right that was taken away ends after this time. */
export const ALLOWED_MS = 60_000;
export const MAX_ALLOWED = 32;
const REVIEW_MS = 5000;

const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

/** Fields of a TokenReview's user, which a SubjectAccessReview takes as they are. */
interface User {
  readonly user: string;
  readonly uid?: string;
  readonly groups?: readonly unknown[];
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Remembers who was allowed, for a while. A refusal is not remembered. */
export class AccessReviews {
  readonly #options: AccessOptions;
  /** By a hash of the token: until when it is allowed. Oldest first. */
  readonly #allowed = new Map<string, number>();
  #problem = '';

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /**
   * Decides about a reader of `path`. Returns undefined if he may, or the refusal. Whatever cannot be decided
   * is refused.
   * @param authorization - the header of that name
   */
  async refusal(authorization: string | undefined, path: string): Promise<Answer | undefined> {
    const token = /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return unauthorized('send a bearer token of the cluster');
    const hash = createHash('sha256').update(`${path} ${token}`).digest('base64');
    if ((this.#allowed.get(hash) ?? -Infinity) > this.#options.clock.now()) return undefined;
    this.#allowed.delete(hash);
    try {
      const refusal = await this.#review(token, path);
      this.#problem = '';
      if (refusal === undefined) this.#remember(hash);
      return refusal;
    } catch (error) {
      this.#note(error);
      return { status: 503, body: 'the API server could not be asked; the log has the reason\n' };
    }
  }

  async #review(token: string, path: string): Promise<Answer | undefined> {
    const tokenReview = await this.#create(TOKEN_REVIEWS, 'authentication.k8s.io/v1', 'TokenReview', {
      token,
    });
    if (valueAt(tokenReview, 'status', 'authenticated') !== true) {
      return unauthorized('the API server does not know the token');
    }
    const user = userOf(valueAt(tokenReview, 'status', 'user'));
    const spec = { ...user, nonResourceAttributes: { path, verb: 'get' } };
    const access = await this.#create(ACCESS_REVIEWS, 'authorization.k8s.io/v1', 'SubjectAccessReview', spec);
    if (valueAt(access, 'status', 'allowed') === true) return undefined;
    return { status: 403, body: `not allowed: bind the ClusterRole clusterfirewall-metrics-reader\n` };
  }

  async #create(path: string, apiVersion: string, kind: string, spec: object): Promise<unknown> {
    const body = { apiVersion, kind, spec };
    const request = { method: 'POST', path, body, timeoutMs: REVIEW_MS } as const;
    return (await this.#options.transport.request(request)).body;
  }

  #remember(hash: string): void {
    const [oldest] = this.#allowed.keys();
    if (oldest !== undefined && this.#allowed.size >= MAX_ALLOWED) this.#allowed.delete(oldest);
    this.#allowed.set(hash, this.#options.clock.now() + ALLOWED_MS);
  }

  /** Logs a problem once, because whoever reaches the port can repeat it at will. */
  #note(error: unknown): void {
    const problem = messageOf(error);
    if (problem !== this.#problem) {
      this.#options.log.warn({ err: error }, 'metrics: a reader could not be reviewed, and was refused');
    }
    this.#problem = problem;
  }
}

/** @throws Error if a part is missing or malformed: without it another user could be reviewed */
function userOf(value: unknown): User {
  const { username, uid, groups, extra } = isRecord(value) ? value : {};
  if (typeof username !== 'string' || username === '') throw new Error('a TokenReview without a user name');
  if (uid !== undefined && typeof uid !== 'string') throw new Error('a TokenReview with a malformed uid');
  if (groups !== undefined && !Array.isArray(groups)) throw new Error('a TokenReview with malformed groups');
  if (extra !== undefined && !isRecord(extra)) throw new Error('a TokenReview with malformed extra fields');
  return {
    user: username,
    ...(uid === undefined ? {} : { uid }),
    ...(groups === undefined ? {} : { groups }),
    ...(extra === undefined ? {} : { extra }),
  };
}

const unauthorized = (why: string): Answer => ({
  status: 401,
  body: `not authenticated: ${why}\n`,
  headers: { 'www-authenticate': 'Bearer' },
});
