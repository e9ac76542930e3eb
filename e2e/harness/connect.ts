import { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from '../../src/cluster/clock.ts';
import { TransportError } from '../../src/cluster/errors.ts';
import { kubeConfigCredentials } from '../../src/cluster/http/kubeconfig.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { Transport, TransportRequest, TransportResponse } from '../../src/cluster/http/transport.ts';
import { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import { waitFor } from '../wait.ts';

/** A transport with the identity of a kubeconfig file, which is read again as the operator reads its own. */
export function connect(kubeconfig: string): UndiciTransport {
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    return config;
  };
  const credentials = kubeConfigCredentials(load, { clock: systemClock, log: recordingLogger() });
  return new UndiciTransport({ credentials, clock: systemClock, userAgent: 'clusterfirewall-test' });
}

/** A network that a test can take down. Open watches break, and no request succeeds until it is restored. */
export class BreakableTransport implements Transport {
  readonly requests: TransportRequest[] = [];
  /** Awaited before a request is passed on. */
  before: (request: TransportRequest) => Promise<void> = () => Promise.resolve();
  readonly #transport: Transport;
  #broken = false;
  #open = new AbortController();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  break(): void {
    this.#broken = true;
    this.#open.abort();
  }

  mend(): void {
    this.#broken = false;
    this.#open = new AbortController();
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    await this.#pass(request);
    return this.#transport.request(request);
  }

  async *stream(request: TransportRequest): AsyncGenerator<unknown, void, undefined> {
    await this.#pass(request);
    const cut = this.#open.signal;
    const signal = request.signal === undefined ? cut : AbortSignal.any([request.signal, cut]);
    try {
      yield* this.#transport.stream({ ...request, signal });
    } catch (error) {
      throw cut.aborted ? new TransportError('the network is down') : error;
    }
  }

  async #pass(request: TransportRequest): Promise<void> {
    if (this.#broken) throw new TransportError('the network is down');
    this.requests.push(request);
    await this.before(request);
  }
}

/** Resolves when the condition holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  within = 30_000,
): Promise<void> {
  await waitFor(async () => ((await condition()) ? true : undefined), { what, within });
}
