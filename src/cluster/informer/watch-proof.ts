import type { ChangeEvent, StoreReader } from './store.ts';
import { isAtLeast } from '../resource.ts';

/** The copy of a collection, and what happens to it. */
export interface ObservedStore {
  readonly store: StoreReader<unknown>;
  /** The handler is called for every change, when the store has it already. Returns a function that removes the handler. */
  addEventHandler(handler: (event: ChangeEvent<unknown>) => void): () => void;
}

/**
 * The objects that a watch must show. A proof begins before the API server is asked, so it sees every change that the answer may not
 * contain yet or may still contain: an answer and a watch are two connections, and either may be ahead.
 */
export class WatchProof {
  readonly #store: StoreReader<unknown>;
  readonly #removeHandler: () => void;
  /** Keys of changes since the proof began. */
  readonly #touched = new Set<string>();
  readonly #deleted = new Set<string>();
  /** Versions to be shown. */
  readonly #missing = new Map<string, string>();
  /** Not stored any more. */
  readonly #extra = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(observed: ObservedStore) {
    this.#store = observed.store;
    this.#removeHandler = observed.addEventHandler((event) => {
      this.#take(event);
    });
  }

  /** The copy must show this object at this version or a later one, or its deletion. */
  expect(key: string, version: string): void {
    if (!this.#shows(key, version)) this.#missing.set(key, version);
  }

  /** As expect, for each of these by its version. No other object that the copy had when the proof began may stay in it. */
  expectAll(stored: ReadonlyMap<string, string>): void {
    for (const [key, version] of stored) this.expect(key, version);
    for (const key of this.#store.keys()) {
      if (!stored.has(key) && !this.#touched.has(key)) this.#extra.add(key);
    }
  }

  /** Keys of what the copy does not show yet, or still shows. */
  get pending(): readonly string[] {
    return [...this.#missing.keys(), ...this.#extra];
  }

  /** Resolves when nothing is pending any more. */
  fulfilled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        if (this.#missing.size + this.#extra.size === 0) resolve();
      };
      this.#wake();
    });
  }

  end(): void {
    this.#removeHandler();
  }

  #take({ type, key }: ChangeEvent<unknown>): void {
    this.#touched.add(key);
    if (type === 'deleted') this.#deleted.add(key);
    else this.#deleted.delete(key);
    this.#extra.delete(key);
    const version = this.#missing.get(key);
    if (version !== undefined && this.#shows(key, version)) this.#missing.delete(key);
    this.#wake();
  }

  #shows(key: string, version: string): boolean {
    if (this.#deleted.has(key)) return true;
    const shown = this.#store.versionOf(key);
    if (shown === undefined) return false;
    return shown === version || (this.#touched.has(key) && isAtLeast(shown, version));
  }
}
