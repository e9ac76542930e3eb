import { isDeepStrictEqual } from 'node:util';
import { backoffDelay, type BackoffPolicy } from '../../cluster/backoff.ts';
import { sleep } from '../../cluster/clock.ts';
import { detectCalico, type CalicoApi, type ServedCalico } from './calico-api.ts';
import { CalicoMemory } from './calico-config.ts';
import type { InformerContext } from '../../cluster/informer/informer.ts';
import { GeneratedObjects, type GeneratedObjectsOptions } from './generated-objects.ts';

/** While all is well: API servers of Calico are replaced and upgraded without a sign that we could watch. */
const RECHECK_MS = 30_000;
/**
 * One GET that nobody else makes: rare enough for a server that is down, and soon enough for the policies
 * that wait for it.
 */
const BACKOFF: BackoffPolicy = { initialMs: 500, maxMs: 4000, factor: 2, jitter: 1 };

/** Looks again and again at how Calico is served, and keeps a copy of what is stored of it while it is. */
export class CalicoConnection {
  readonly #context: InformerContext;
  readonly #options: GeneratedObjectsOptions;
  #api: CalicoApi | undefined;
  #stored: GeneratedObjects | undefined;
  #nudge = new AbortController();

  /** `onChange` is also called when the answer changed. */
  constructor(context: InformerContext, options: GeneratedObjectsOptions) {
    this.#context = context;
    this.#options = { memory: new CalicoMemory(context.log), ...options };
  }

  /** Undefined before the first answer. */
  get api(): CalicoApi | undefined {
    return this.#api;
  }

  /** Undefined while Calico is not served or not yet listed. */
  get stored(): GeneratedObjects | undefined {
    return this.#stored?.informers.hasSynced === true ? this.#stored : undefined;
  }

  /** Something went wrong that another way of being served would explain: look now. */
  lookAgain(): void {
    this.#nudge.abort();
  }

  /** Resolves when `signal` was aborted and everything has ended. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const isWell = await this.#look(signal);
      failures = isWell ? 0 : failures + 1;
      const delay = isWell ? RECHECK_MS : backoffDelay(BACKOFF, failures - 1, Math.random);
      this.#nudge = new AbortController();
      await sleep(this.#context.clock, delay, AbortSignal.any([signal, this.#nudge.signal])).catch(
        () => undefined,
      );
    }
    await this.#stored?.informers.stop();
  }

  async #look(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#take(await detectCalico(this.#context.transport, signal));
      return this.#api?.served === true;
    } catch (error) {
      if (!signal.aborted) this.#context.log.warn({ err: error }, 'cannot see how Calico is served');
      return false;
    }
  }

  async #take(api: CalicoApi): Promise<void> {
    if (isDeepStrictEqual(api, this.#api)) return;
    if (api.served) this.#context.log.info({ mode: api.mode, version: api.version }, 'Calico is served');
    else this.#context.log.warn({ reason: api.reason }, api.message);
    this.#api = api;
    await this.#stored?.informers.stop();
    this.#stored = api.served ? this.#copy(api) : undefined;
    this.#options.onChange();
  }

  #copy(served: ServedCalico): GeneratedObjects {
    const stored = new GeneratedObjects(served, this.#context, this.#options);
    stored.informers.start();
    return stored;
  }
}
