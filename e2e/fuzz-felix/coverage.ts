/** Which features have decided about packets. */
import { Prepared } from '../../src/simulator/prepared.ts';
import type { World } from '../../src/simulator/world.ts';
import { FEATURES } from './features.ts';
import { simulate, type Addresses } from './packets.ts';
import type { Compared } from './compare.ts';

export class Coverage {
  readonly #decisive = new Map<string, number>(Object.keys(FEATURES).map((name) => [name, 0]));

  add(world: World, compared: readonly Compared[], addresses: Addresses): void {
    for (const [name, without] of Object.entries(FEATURES)) {
      const other = new Prepared(without(world));
      const count = compared.filter(({ packet, outcome }) => {
        const { verdict } = simulate(other, packet, addresses.of(packet.from));
        return verdict !== outcome.verdict;
      }).length;
      this.#decisive.set(name, (this.#decisive.get(name) ?? 0) + count);
    }
  }

  /** Features with the number of packets that they have decided about, the rarest first. */
  table(): readonly (readonly [string, number])[] {
    return [...this.#decisive].sort(([, a], [, b]) => a - b);
  }
}
