/** Finds the class of an address outside. Sources have millions of them, so nothing is remembered of one. */
import { parseAddress } from '../net/cidr.ts';
import type { OutsideClass } from '../simulator/outside.ts';

interface Entry {
  readonly from: bigint;
  readonly to: bigint;
  readonly number: number;
  readonly class: OutsideClass;
}

export class OutsideIndex {
  readonly #entries: Readonly<Record<4 | 6, readonly Entry[]>>;

  constructor(classes: readonly OutsideClass[]) {
    const entries = classes.flatMap((each, number) =>
      each.ranges.map(({ from, to }) => ({ from, to, number, class: each })),
    );
    const sorted = (family: 4 | 6): readonly Entry[] =>
      entries.filter((entry) => entry.class.family === family).sort((a, b) => (a.from < b.from ? -1 : 1));
    this.#entries = { 4: sorted(4), 6: sorted(6) };
  }

  /** Undefined for an address of the cluster. @throws AddressError */
  find(address: string): Pick<Entry, 'number' | 'class'> | undefined {
    const { family, value } = parseAddress(address);
    const entries = this.#entries[family];
    let [low, high] = [0, entries.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const entry = entries[middle];
      if (entry === undefined) return undefined;
      if (value < entry.from) high = middle - 1;
      else if (value > entry.to) low = middle + 1;
      else return entry;
    }
    return undefined;
  }
}
