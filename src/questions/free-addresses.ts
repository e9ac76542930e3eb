/** Addresses for pods that do not exist. */
import { containsCidr, formatAddress, parseAddress, type Cidr } from '../net/cidr.ts';
import type { World } from '../simulator/world.ts';

/** Gives out addresses of the pools that neither a pod nor a node has, each once. */
export class FreeAddresses {
  readonly #taken: ReadonlySet<string>;
  readonly #next: Readonly<Record<4 | 6, Generator<string, undefined>>>;

  constructor({ pods, nodes, pools }: World) {
    this.#taken = new Set([...pods, ...nodes].flatMap(({ addresses }) => addresses));
    const cidrs = pools.map(({ cidr }) => cidr);
    const of = (family: 4 | 6): readonly Cidr[] => cidrs.filter((cidr) => cidr.family === family);
    this.#next = {
      4: this.#free(pools.length === 0 ? [WITHOUT_POOLS] : of(4)),
      6: this.#free(of(6)),
    };
  }

  /** At most one of each family. */
  take(): readonly string[] {
    return ([4, 6] as const).flatMap((family) => {
      const { value } = this.#next[family].next();
      return value === undefined ? [] : [value];
    });
  }

  *#free(pools: readonly Cidr[]): Generator<string, undefined> {
    for (const pool of pools) {
      for (let offset = 1n; offset < 1n << 20n; offset++) {
        const { family, value } = pool;
        const address: Cidr = { family, value: value + offset, prefix: family === 4 ? 32 : 128 };
        if (!containsCidr(pool, address)) break;
        const text = formatAddress(address);
        if (!this.#taken.has(text)) yield text;
      }
    }
  }
}

/** 100.64.0.0/10 is nobody's (RFC 6598), so no rule is likely to name it. */
export const WITHOUT_POOLS: Cidr = { ...parseAddress('100.64.0.0'), prefix: 10 };
