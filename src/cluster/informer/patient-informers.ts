import type { Clock } from '../clock.ts';
import type { Informers } from './informer-group.ts';

/**
 * Informers that nothing has to wait for. A kind may not be listed because rights are missing or its API is not
 * served.
 */
export class PatientInformers implements Informers {
  readonly #informers: Informers;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #onGivenUp: () => void;
  #isPatient = true;
  #cancel: () => void = () => undefined;

  /** @param onGivenUp called when missing kinds are no longer waited for */
  constructor(informers: Informers, clock: Clock, patienceMs: number, onGivenUp: () => void) {
    this.#informers = informers;
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#onGivenUp = onGivenUp;
  }

  start(): void {
    this.#informers.start();
    this.#cancel = this.#clock.setTimeout(() => {
      const isGivenUp = !this.hasSynced;
      this.#isPatient = false;
      if (isGivenUp) this.#onGivenUp();
    }, this.#patienceMs);
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#informers.stop();
  }

  /** True once every kind is listed, or the time to wait for the others is over. */
  get hasSynced(): boolean {
    return !this.#isPatient || this.#informers.hasSynced;
  }
}
