/** Recorded rounds: the same stored objects and packets again, for another simulator. */
import { agrees, type Compared } from './compare.ts';
import type { RoundResult } from './round.ts';
import type { Prepared } from '../../src/simulator/prepared.ts';
import type { World } from '../../src/simulator/world.ts';
import { simulate, type Packet, type Sight, type Simulator } from './packets.ts';
import type { RoundObject } from './store.ts';

/** One round as plain data. */
export interface Recorded {
  readonly stored: readonly RoundObject[];
  readonly packets: readonly {
    readonly packet: Packet;
    /** Addresses of the sender. */
    readonly sources: readonly string[];
    readonly sight: Sight;
  }[];
}

export const record = (
  { stored, compared }: RoundResult,
  sourcesOf: (name: string) => readonly string[],
): Recorded => ({
  stored,
  packets: compared.map(({ packet, sight }) => ({ packet, sources: sourcesOf(packet.from), sight })),
});

/** A simulator, perhaps a mutated copy of ours. */
export interface Code extends Simulator {
  readonly Prepared: new (world: World) => Prepared;
  readonly readWorld: (objects: Iterable<unknown>) => World;
}

/** Packets about which the simulator says something else than Felix did. */
export function disagreements(code: Code, rounds: readonly Recorded[]): readonly Compared[] {
  return rounds.flatMap(({ stored, packets }) => {
    const prepared = new code.Prepared(code.readWorld(stored));
    return packets
      .map(({ packet, sources, sight }) => ({
        packet,
        sight,
        outcome: simulate(prepared, packet, sources, code),
      }))
      .filter((each) => !agrees(each));
  });
}
