import type { GeneratedObject } from '../../calico/types.ts';
import { generatedKinds } from '../objects/kinds.ts';

export type Stored = ReadonlyMap<string, GeneratedObject>;

/** After an outage a node has listed a kind again within so many milliseconds. */
const OUTAGE_GRACE_MS = 9500;

/** Undefined: deleted. */
interface News {
  readonly id: string;
  readonly object: GeneratedObject | undefined;
}

/**
 * The knowledge of nodes. They know all writes of a kind up to some write, and which one is open until it has
 * settled.
 */
export class Nodes {
  readonly #chance: (below: number) => number;
  readonly #pending = new Map<string, News[]>(generatedKinds.map((kind) => [kind, []]));
  /** Keyed by kind; absent where every write is heard. */
  readonly #outageGraceUntil = new Map<string, number>();
  readonly known = new Map<string, GeneratedObject>();

  /** @param chance a whole number from 0 to below `below` */
  constructor(chance: (below: number) => number) {
    this.#chance = chance;
  }

  told(kind: string, news: News): void {
    this.#pending.get(kind)?.push(news);
  }

  /** Notes that the API server was away until `now`. Each kind is watched again at its own time. */
  loseTouch(now: number): void {
    for (const kind of generatedKinds) this.#outageGraceUntil.set(kind, now + this.#chance(OUTAGE_GRACE_MS));
  }

  /** Lets them hear some of what they can, in any order. Returns what they know then. */
  learnSome(): Stored {
    for (const [kind, pending] of this.#pending)
      if (!this.#outageGraceUntil.has(kind)) this.#learn(pending.splice(0, this.#chance(pending.length + 1)));
    return new Map(this.known);
  }

  /** Lets them hear everything that can be heard by then. Returns what they know on the way. */
  learnAll(now: number): readonly Stored[] {
    const heard = [...this.#pending].flatMap(([kind, pending]) => {
      const at = this.#outageGraceUntil.get(kind);
      if (at === undefined) return [{ at: 0, news: pending.splice(0) }];
      if (at > now) return [];
      this.#outageGraceUntil.delete(kind);
      const news = listed(pending.splice(0));
      // A node may program a part of a list in one go.
      const part = news.splice(0, this.#chance(news.length + 1));
      return [
        { at, news: part },
        { at: at + this.#chance(200), news },
      ];
    });
    return heard
      .filter(({ news }) => news.length > 0)
      .sort((a, b) => a.at - b.at)
      .map(({ news }) => {
        this.#learn(news);
        return new Map(this.known);
      });
  }

  #learn(news: readonly News[]): void {
    for (const { id, object } of news) {
      if (object === undefined) this.known.delete(id);
      else this.known.set(id, object);
    }
  }
}

/** Works like Felix with a new list: it takes what is there by name, then deletes what is missing. */
function listed(writes: readonly News[]): News[] {
  const last = [...new Map(writes.map((news) => [news.id, news])).values()];
  const byName = last.filter(({ object }) => object !== undefined).sort((a, b) => (a.id < b.id ? -1 : 1));
  return [...byName, ...last.filter(({ object }) => object === undefined)];
}
