/** One or more informers. The process starts and stops them, and waits until they are in sync. */
export interface Informers {
  start(): void;
  /** Ends lists and watches. Resolves when they have ended. */
  stop(): Promise<void>;
  /** True as soon as every first list has arrived. Stays true. */
  readonly hasSynced: boolean;
}

/** Several informers behind one interface. */
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
