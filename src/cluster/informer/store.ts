import { isDeepStrictEqual } from 'node:util';
import type { StoredMetadata } from '../resource.ts';

/** A change of one object in the store. `old` and `new` are projections. */
export type ChangeEvent<T> =
  | { readonly type: 'added'; readonly key: string; readonly new: T }
  | { readonly type: 'modified'; readonly key: string; readonly old: T; readonly new: T }
  | { readonly type: 'deleted'; readonly key: string; readonly old: T };

/** A stored projection with the metadata that identifies the object's version and its uid. */
export interface Entry<T> {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly value: T;
}

export function entryOf<T>({ uid, resourceVersion }: StoredMetadata, value: T): Entry<T> {
  return { uid, resourceVersion, value };
}

/**
 * A handler that calls `notify` when the projection itself differs.
 * @param absent the value that represents an absent object
 */
export const ifChanged =
  <T>(notify: () => void, absent?: T) =>
  (event: ChangeEvent<T>): void => {
    const old = event.type === 'added' ? absent : event.old;
    const now = event.type === 'deleted' ? absent : event.new;
    if (!isDeepStrictEqual(old, now)) notify();
  };

/** Read access to the copy of a collection. Keys are the informer's `keyOf`. */
export interface StoreReader<T> {
  readonly size: number;
  get(key: string): T | undefined;
  /** The resourceVersion of the projected object. Undefined if there is no such object. */
  versionOf(key: string): string | undefined;
  /** Sorted keys. */
  keys(): readonly string[];
  /** All projections, in the order of the keys. */
  list(): readonly T[];
}

/** Projections by key. Every change returns the events that lead from the old content to the new. */
export class Store<T> implements StoreReader<T> {
  #entries: Map<string, Entry<T>> = new Map();

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  versionOf(key: string): string | undefined {
    return this.#entries.get(key)?.resourceVersion;
  }

  entry(key: string): Entry<T> | undefined {
    return this.#entries.get(key);
  }

  keys(): readonly string[] {
    return [...this.#entries.keys()].sort();
  }

  list(): readonly T[] {
    return [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry.value);
  }

  put(key: string, entry: Entry<T>): readonly ChangeEvent<T>[] {
    const old = this.#entries.get(key);
    this.#entries.set(key, entry);
    return difference(key, old, entry);
  }

  remove(key: string): readonly ChangeEvent<T>[] {
    const old = this.#entries.get(key);
    this.#entries.delete(key);
    return difference(key, old, undefined);
  }

  /**
   * Replaces the content with a whole list. Objects that it lacks are reported as deleted: nobody was
   * watching when that happened.
   */
  replace(entries: Map<string, Entry<T>>): readonly ChangeEvent<T>[] {
    const before = this.#entries;
    this.#entries = entries;
    const gone = [...before].filter(([key]) => !entries.has(key));
    return [
      ...gone.flatMap(([key, old]) => difference(key, old, undefined)),
      ...[...entries].flatMap(([key, entry]) => difference(key, before.get(key), entry)),
    ];
  }
}

function difference<T>(
  key: string,
  old: Entry<T> | undefined,
  entry: Entry<T> | undefined,
): readonly ChangeEvent<T>[] {
  if (old === undefined) return entry === undefined ? [] : [{ type: 'added', key, new: entry.value }];
  if (entry === undefined) return [{ type: 'deleted', key, old: old.value }];
  if (old.uid !== entry.uid) {
    // Deleted and recreated while nobody watched. A handler that keeps state for each object must learn of
    // both.
    return [
      { type: 'deleted', key, old: old.value },
      { type: 'added', key, new: entry.value },
    ];
  }
  if (old.resourceVersion === entry.resourceVersion) return [];
  return [{ type: 'modified', key, old: old.value, new: entry.value }];
}
