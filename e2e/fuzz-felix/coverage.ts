/** Which features have decided about packets. */
import { isDeepStrictEqual } from 'node:util';
import { Prepared } from '../../src/simulator/prepared.ts';
import type { World } from '../../src/simulator/world.ts';
import type { Expected } from './compare.ts';
import { FEATURES, type Feature } from './features.ts';
import { simulate, type Addresses } from './packets.ts';
import type { RoundObject } from './store.ts';

/** A world, what it was read from, and the addresses of its parties. */
export interface Scene {
  readonly world: World;
  readonly stored: readonly RoundObject[];
  readonly addresses: Addresses;
}

/** Packets whose verdict is another one without the feature. */
export function decisive<E extends Expected>(
  { world, stored, addresses }: Scene,
  feature: Feature,
  packets: readonly E[],
): readonly E[] {
  const without = FEATURES[feature](world, stored);
  // Most worlds lack most features.
  if (isDeepStrictEqual(without, world)) return [];
  const prepared = new Prepared(without);
  return packets.filter(
    ({ packet, outcome }) =>
      simulate(prepared, packet, addresses.of(packet.from)).verdict !== outcome.verdict,
  );
}

export class Coverage {
  readonly #decisive = new Map<Feature, number>(
    (Object.keys(FEATURES) as Feature[]).map((name) => [name, 0]),
  );

  add(scene: Scene, packets: readonly Expected[]): void {
    for (const [name, count] of this.#decisive)
      this.#decisive.set(name, count + decisive(scene, name, packets).length);
  }

  /** Features with the number of packets that they have decided about, the rarest first. */
  table(): readonly (readonly [string, number])[] {
    return [...this.#decisive].sort(([, a], [, b]) => a - b);
  }
}
