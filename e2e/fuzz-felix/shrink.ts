/** Makes a disagreement small: fewer objects with the same packet. */
import { Prepared } from '../../src/simulator/prepared.ts';
import { readWorld } from '../../src/simulator/snapshot.ts';
import type { Packet } from './packets.ts';
import { simulate } from './packets.ts';
import { agrees, look, type Compared, type Stage } from './compare.ts';
import { createAll, readAll, removeAll, type RoundObject } from './store.ts';

/** A disagreement with the objects that it needs, as they are stored. */
export interface Fixture {
  readonly stored: readonly RoundObject[];
  readonly packet: Packet;
  readonly sources: readonly string[];
  /** The fate of the packet. */
  readonly felix: 'Allowed' | 'Denied';
  /** The source that the far end saw. */
  readonly source?: string;
}

/**
 * Leaves out one written object after the other, and puts it back where the disagreement needs it. The round's
 * objects are on the cluster.
 * @param written is shortened, so whoever cleans up removes what is left
 */
export async function shrink(
  stage: Stage,
  written: RoundObject[],
  packet: Packet,
): Promise<Fixture | undefined> {
  for (const object of [...written]) {
    await removeAll(stage.client, [object]);
    await stage.cast.cluster.policiesProgrammed();
    if (agrees(await again(stage, packet))) {
      await createAll(stage.client, [object]);
      await stage.cast.cluster.policiesProgrammed();
    } else written.splice(written.indexOf(object), 1);
  }
  const last = await again(stage, packet);
  if (agrees(last) || last.sight.seen === 'unclear') return undefined;
  const sources = stage.addresses.of(packet.from);
  return {
    stored: await readAll(stage.client),
    packet,
    sources,
    felix: last.sight.seen,
    ...(last.sight.source !== undefined && { source: last.sight.source }),
  };
}

async function again({ client, cast, addresses }: Stage, packet: Packet): Promise<Compared> {
  const prepared = new Prepared(readWorld(await readAll(client)));
  const outcome = simulate(prepared, packet, addresses.of(packet.from));
  const [compared] = await look(cast, [{ packet, outcome }]);
  if (compared === undefined) throw new Error('a packet that nobody has sent');
  return compared;
}
