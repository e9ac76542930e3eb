/** One or more informers: the process starts and stops them, and waits until they are in sync. */
export interface Informers {
  start(): void;
  /** Ends lists and watches; resolves when they have ended. */
  stop(): Promise<void>;
  /** True once every first list is in; stays true. */
  readonly hasSynced: boolean;
}

/** Several informers as one. */
export class InformerGroup implements Informers {
  readonly #members: readonly Informers[];

  constructor(members: readonly Informers[]) {
    this.#members = members;
  }

  start(): void {
    for (const member of this.#members) member.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }

  get hasSynced(): boolean {
    return this.#members.every(({ hasSynced }) => hasSynced);
  }
}
