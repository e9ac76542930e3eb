import type { ChangeEvent, StoreReader } from './store.ts';
import { isAtLeast } from '../resource.ts';

/** The copy of a collection, and its changes. */
export interface ObservedStore {
  readonly store: StoreReader<unknown>;
  /**
   * Calls the handler for every change, after the store was updated. Returns a function that removes the
   * handler.
   */
  addEventHandler(handler: (event: ChangeEvent<unknown>) => void): () => void;
}

/**
 * The objects that a watch must show. A proof starts before the request to the API server. It therefore sees
 * every change that the answer may or may not contain. Answer and watch use two connections, and either may
 * be ahead.
 */
export class WatchProof {
  readonly #store: StoreReader<unknown>;
  readonly #removeHandler: () => void;
  /** Keys that changed since the proof started. */
  readonly #touched = new Set<string>();
  readonly #deleted = new Set<string>();
  /** Expected versions that are not shown yet. */
  readonly #missing = new Map<string, string>();
  /** Keys that are no longer stored but still shown. */
  readonly #extra = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(observed: ObservedStore) {
    this.#store = observed.store;
    this.#removeHandler = observed.addEventHandler((event) => {
      this.#take(event);
    });
  }

  /** Requires the copy to show this object at this version or a later one, or its deletion. */
  expect(key: string, version: string): void {
    if (!this.#shows(key, version)) this.#missing.set(key, version);
  }

  /**
   * Calls expect for each key with its version. Any other object that the copy had at the start of the proof
   * must disappear.
   */
  expectAll(stored: ReadonlyMap<string, string>): void {
    for (const [key, version] of stored) this.expect(key, version);
    for (const key of this.#store.keys()) {
      if (!stored.has(key) && !this.#touched.has(key)) this.#extra.add(key);
    }
  }

  /** Keys that the copy does not show yet, or shows although they are gone. */
  get pending(): readonly string[] {
    return [...this.#missing.keys(), ...this.#extra];
  }

  /** Resolves when nothing is pending. */
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
