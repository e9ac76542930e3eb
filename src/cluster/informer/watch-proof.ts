import type { ChangeEvent } from './store.ts';
import { isAtLeast } from '../resource.ts';

/** As much of a copy as is compared. */
export interface ComparedStore {
  keys(): readonly string[];
  versionOf(key: string): string | undefined;
  listen(listener: ((event: ChangeEvent<unknown>) => void) | undefined): void;
}

/**
 * What the copy of a collection must come to show. Begun before the API server is asked, so that it hears of every change that the answer
 * may not contain yet or may still contain: an answer and a watch are two connections, and either may be ahead.
 */
export class WatchProof {
  readonly #store: ComparedStore;
  /** Changes since the claim began. */
  readonly #touched = new Set<string>();
  readonly #deleted = new Set<string>();
  /** Versions to be shown. */
  readonly #missing = new Map<string, string>();
  /** Not stored any more. */
  readonly #extra = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(copy: ComparedStore) {
    this.#store = copy;
    copy.listen((event) => {
      this.#take(event);
    });
  }

  /** The copy must show this object at this version or a later one, or its deletion. */
  expect(key: string, version: string): void {
    if (!this.#shows(key, version)) this.#missing.set(key, version);
  }

  /** As demand, each of these by its version; and of what the copy had when the claim began, it must keep no others. */
  expectAll(stored: ReadonlyMap<string, string>): void {
    for (const [key, version] of stored) this.expect(key, version);
    for (const key of this.#store.keys()) {
      if (!stored.has(key) && !this.#touched.has(key)) this.#extra.add(key);
    }
  }

  /** What the copy does not show yet, or still shows. */
  get pending(): readonly string[] {
    return [...this.#missing.keys(), ...this.#extra];
  }

  /** Resolves when nothing is open any more. */
  fulfilled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        if (this.#missing.size + this.#extra.size === 0) resolve();
      };
      this.#wake();
    });
  }

  end(): void {
    this.#store.listen(undefined);
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
