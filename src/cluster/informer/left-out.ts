import type { Logger } from '../logger.ts';
import { collectionPath, inWords, type Incomplete, type Resource } from '../resource.ts';

/** An object that a copy does not have as it is stored, because its metadata cannot be used. */
export interface LeftOutObject {
  readonly kind: string;
  /** `name` or `namespace/name`. */
  readonly name: string;
  /** For example `metadata.labels`. */
  readonly field: string;
  readonly why: string;
  /** True where the copy still has it as it was before. */
  readonly isKnown: boolean;
}

type Entry = Omit<LeftOutObject, 'kind'>;

interface LeftOutOptions {
  readonly resource: Resource;
  readonly log: Logger;
  /** Called with all of them whenever they have changed. */
  readonly onLeftOut?: (objects: readonly Entry[]) => void;
}

/** The objects that one copy leaves out. */
export class LeftOut {
  readonly #options: LeftOutOptions;
  readonly #objects = new Map<string, Entry>();

  constructor(options: LeftOutOptions) {
    this.#options = options;
  }

  /** After a list. */
  replace(all: readonly Incomplete[], isKnown: (object: Incomplete) => boolean): void {
    const before = this.#objects.size;
    this.#objects.clear();
    for (const each of all) this.#note(each, isKnown(each));
    if (before + all.length > 0) this.#announce();
  }

  add(object: Incomplete, isKnown: boolean): void {
    this.#note(object, isKnown);
    this.#announce();
  }

  /** For an object that is gone, or can be used again. */
  remove(key: string): void {
    if (this.#objects.delete(key)) this.#announce();
  }

  #note({ key, flaw }: Incomplete, isKnown: boolean): void {
    this.#objects.set(key, { name: key, ...flaw, isKnown });
    const fields = { resource: collectionPath(this.#options.resource), object: key, flaw: inWords(flaw) };
    this.#options.log.warn(fields, 'object left out: its metadata cannot be used');
  }

  #announce(): void {
    this.#options.onLeftOut?.([...this.#objects.values()]);
  }
}

/** The objects that the copies of a process leave out, each as long as it is stored in that form. */
export class LeftOutObjects {
  readonly #onChange: () => void;
  readonly #byKind = new Map<string, readonly LeftOutObject[]>();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Replaces what was noted of the kind. */
  note(kind: string, objects: readonly Entry[]): void {
    const before = this.#byKind.get(kind)?.length ?? 0;
    if (objects.length === 0) this.#byKind.delete(kind);
    else
      this.#byKind.set(
        kind,
        objects.map((each) => ({ kind, ...each })),
      );
    if (before + objects.length > 0) this.#onChange();
  }

  list(): readonly LeftOutObject[] {
    return [...this.#byKind.values()].flat();
  }
}
