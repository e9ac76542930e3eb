/** Longest-prefix look-ups among many CIDRs. */
import type { Cidr } from './cidr.ts';

export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Values that belong to CIDRs. A look-up costs one step for each prefix length that occurs. */
export class PrefixMap<T> {
  readonly #byLength: Readonly<Record<4 | 6, Map<number, Map<bigint, T[]>>>> = { 4: new Map(), 6: new Map() };

  add({ family, value, prefix }: Cidr, of: T): void {
    const lengths = this.#byLength[family];
    const blocks = lengths.get(prefix) ?? new Map<bigint, T[]>();
    lengths.set(prefix, blocks);
    const key = value >> BigInt(BITS[family] - prefix);
    const list = blocks.get(key);
    if (list === undefined) blocks.set(key, [of]);
    else list.push(of);
  }

  /** Everything whose CIDR contains the address. */
  containing({ family, value }: Address): readonly T[] {
    const found: T[] = [];
    for (const [prefix, blocks] of this.#byLength[family]) {
      const of = blocks.get(value >> BigInt(BITS[family] - prefix));
      if (of !== undefined) found.push(...of);
    }
    return found;
  }

  hasAny({ family, value }: Address): boolean {
    for (const [prefix, blocks] of this.#byLength[family]) {
      if (blocks.has(value >> BigInt(BITS[family] - prefix))) return true;
    }
    return false;
  }

  /** True where one CIDR contains all of `inner`. */
  covers(inner: Cidr): boolean {
    for (const [prefix, blocks] of this.#byLength[inner.family]) {
      if (prefix <= inner.prefix && blocks.has(inner.value >> BigInt(BITS[inner.family] - prefix)))
        return true;
    }
    return false;
  }
}

export function prefixSet(cidrs: readonly Cidr[]): PrefixMap<true> {
  const set = new PrefixMap<true>();
  for (const cidr of cidrs) set.add(cidr, true);
  return set;
}
