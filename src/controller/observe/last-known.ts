/** Remembers of each object what could be read of it before it could not. */
import type { ChangeEvent } from '../../cluster/informer/store.ts';
import { Informer, type InformerContext, type InformerOptions } from '../../cluster/informer/informer.ts';
import type { Logger } from '../../cluster/logger.ts';
import type { StoredObject } from '../../cluster/resource.ts';
import type { Flaw, Reading, Unreadable } from '../../inventory/unreadable.ts';

/** The part of an object that a copy of the cluster keeps. */
export interface Remembered<T> {
  readonly uid: string;
  readonly value: T;
  readonly unreadable: readonly Unreadable[];
}

interface LastKnownOptions<T> {
  readonly read: (object: StoredObject) => Reading<T>;
  /** Adds what is missing in `now` from the last version that could be read. */
  readonly keep: (now: T, before: T) => T;
  readonly log: Logger;
}

/** One shared empty list, because hardly any object has a flaw. */
const NONE: readonly never[] = [];

/**
 * Reads objects of one kind. It depends on the versions of each object and on their order alone, so one version
 * may be read any number of times. It lives as long as the process, longer than an informer.
 */
export class LastKnown<T> {
  readonly #options: LastKnownOptions<T>;
  /** By uid: the last version that could be read. For an object that never could, as much as could at first. */
  readonly #before = new Map<string, T>();
  /** Uids of objects that nobody knows from before. */
  readonly #lost = new Set<string>();
  /** By uid: the flaws in the log. */
  readonly #logged = new Map<string, string>();

  constructor(options: LastKnownOptions<T>) {
    this.#options = options;
  }

  /**
   * @param hasSynced false during the first list. An object in it may have been readable before this process.
   */
  project(object: StoredObject, hasSynced: boolean): Remembered<T> {
    const { uid } = object.metadata;
    const { value, flaws } = this.#options.read(object);
    if (flaws.length === 0) {
      this.forget(uid);
      this.#before.set(uid, value);
      return { uid, value, unreadable: NONE };
    }
    this.#log(uid, flaws);
    const before = this.#before.get(uid);
    if (before === undefined) {
      if (hasSynced && !this.#lost.has(uid)) this.#before.set(uid, value);
      else this.#lost.add(uid);
    }
    const isLost = this.#lost.has(uid);
    return {
      uid,
      value: before === undefined ? value : this.#options.keep(value, before),
      unreadable: flaws.map((flaw) => ({ ...flaw, isLost })),
    };
  }

  /** An informer whose copy holds what this remembers. Objects that are gone are forgotten. */
  informer(
    context: InformerContext,
    options: Omit<InformerOptions<Remembered<T>>, 'project'>,
  ): Informer<Remembered<T>> {
    const informer: Informer<Remembered<T>> = new Informer<Remembered<T>>(context, {
      ...options,
      project: (object) => this.project(object, informer.hasSynced),
      onChange: (event) => {
        this.note(event);
        options.onChange(event);
      },
    });
    return informer;
  }

  forget(uid: string): void {
    this.#before.delete(uid);
    this.#lost.delete(uid);
    this.#logged.delete(uid);
  }

  /** Forgets an object that is gone. */
  readonly note = (event: ChangeEvent<Remembered<T>>): void => {
    if (event.type === 'deleted') this.forget(event.old.uid);
  };

  /** Objects such as Nodes have a new version every few seconds. */
  #log(uid: string, flaws: readonly Flaw[]): void {
    const text = JSON.stringify(flaws);
    if (this.#logged.get(uid) === text) return;
    this.#logged.set(uid, text);
    for (const { kind, name, field, why } of flaws)
      this.#options.log.warn({ kind, name, field, why }, 'object cannot be read: the field is left out');
  }
}

/** For addresses: those that are known now, and those that were. */
export const both = (now: readonly string[], before: readonly string[]): readonly string[] =>
  [...new Set([...now, ...before])].sort();
