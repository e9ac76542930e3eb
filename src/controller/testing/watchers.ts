import type { GeneratedObject } from '../../calico/types.ts';

export type Stored = ReadonlyMap<string, GeneratedObject>;

/** What nodes know: of each kind, all writes up to one; which one, nobody can say until it has settled. */
export class Nodes {
  readonly #chance: (below: number) => number;
  readonly #pending = new Map<string, ((known: Map<string, GeneratedObject>) => void)[]>();
  readonly known = new Map<string, GeneratedObject>();

  /** @param chance a whole number from 0 to below `below` */
  constructor(chance: (below: number) => number) {
    this.#chance = chance;
  }

  told(kind: string, write: (known: Map<string, GeneratedObject>) => void): void {
    this.#pending.set(kind, [...(this.#pending.get(kind) ?? []), write]);
  }

  learn(all: boolean): void {
    for (const [kind, writes] of this.#pending) {
      const count = all ? writes.length : this.#chance(writes.length + 1);
      for (const write of writes.splice(0, count)) write(this.known);
      this.#pending.set(kind, writes);
    }
  }
}
