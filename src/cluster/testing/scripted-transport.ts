import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

export type Answer = Error | Readonly<Record<string, unknown>> | string;

/**
 * Answers requests one after the other from a script, and keeps them. An Error is thrown. Anything else is
 * the body of a 200.
 */
export class ScriptedTransport implements Transport {
  readonly requests: TransportRequest[] = [];
  readonly #answers: Answer[];

  constructor(...answers: readonly Answer[]) {
    this.#answers = [...answers];
  }

  request(request: TransportRequest): Promise<TransportResponse> {
    this.requests.push(request);
    const answer = this.#answers.shift();
    if (answer === undefined)
      return Promise.reject(new Error(`unexpected ${request.method} ${request.path}`));
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ status: 200, headers: {}, body: answer });
  }

  stream(request: TransportRequest): AsyncIterable<unknown> {
    throw new Error(`unexpected stream of ${request.path}`);
  }
}
