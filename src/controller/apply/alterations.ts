/** Remembers which objects the API server alters when they are written, and tries them again ever more slowly. */
import { backoffDelay, type BackoffPolicy } from '../../cluster/backoff.ts';
import type { Clock } from '../../cluster/clock.ts';

/** Each try is a write. A webhook may make another object of each, so its own watch event must not be a sign. */
const RETRY: BackoffPolicy = { initialMs: 1000, maxMs: 60_000, factor: 2, jitter: 0 };

interface Alteration {
  /** The content that was written: see contentOf. */
  readonly content: string;
  /** See Written.altered. */
  readonly fields: readonly string[];
  readonly tries: number;
  readonly retryAt: number;
}

/**
 * Nothing in it decides what counts as desired. A restart forgets it, which costs one more write for each
 * object.
 */
export class Alterations {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #alterations = new Map<string, Alteration>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** @param fields Written.altered of a write with this content; empty: it is stored as desired */
  note(id: string, content: string, fields: readonly string[]): void {
    if (fields.length === 0) {
      this.#alterations.delete(id);
      return;
    }
    const tries = this.#of(id, content)?.tries ?? 0;
    const retryAt = this.#clock.now() + backoffDelay(RETRY, tries, () => 0);
    this.#alterations.set(id, { content, fields, tries: tries + 1, retryAt });
  }

  /** The fields that the last write of this content had altered; undefined: none, or another content. */
  fields(id: string, content: string): readonly string[] | undefined {
    return this.#of(id, content)?.fields;
  }

  /** Milliseconds until this content may be written again; 0 = now. Undefined as in `fields`. */
  waitMs(id: string, content: string): number | undefined {
    const alteration = this.#of(id, content);
    return alteration === undefined ? undefined : Math.max(0, alteration.retryAt - this.#clock.now());
  }

  /** Forgets all objects but these. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#alterations.keys()) if (!ids.has(id)) this.#alterations.delete(id);
  }

  #of(id: string, content: string): Alteration | undefined {
    const alteration = this.#alterations.get(id);
    return alteration?.content === content ? alteration : undefined;
  }
}
