/** Sends packets and compares what becomes of them with the simulator's answer. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Transport } from '../../src/cluster/http/transport.ts';
import type { Outcome } from '../../src/simulator/trail.ts';
import type { Cast } from './cast.ts';
import { sendAll, type Addresses, type Packet, type Sight } from './packets.ts';

export interface Compared {
  readonly packet: Packet;
  readonly outcome: Outcome;
  readonly sight: Sight;
}

export interface Stage {
  readonly cast: Cast;
  readonly client: Transport;
  readonly addresses: Addresses;
}

/** A machine that is busy may be late by this much, and an answer that is expected gets as much time. */
const PATIENCE = { Allowed: 3000, Denied: 450, Unknown: 450 } as const;
/** Once the first look has disagreed, every packet gets all the time that one SYN has. */
const LONG = 950;
const LOOKS = 4;

export interface Expected {
  readonly packet: Packet;
  readonly outcome: Outcome;
}

/** A packet that disagrees is sent again, because labels of namespaces and kube-proxy may be late. */
export async function look(cast: Cast, expected: readonly Expected[]): Promise<readonly Compared[]> {
  let compared = await once(cast, expected, ({ outcome }) => PATIENCE[outcome.verdict]);
  for (let number = 2; number <= LOOKS; number++) {
    const wrong = compared.filter((each) => !agrees(each));
    if (wrong.length === 0) break;
    await delay(500);
    const again = new Map(
      (
        await once(cast, wrong, ({ outcome }) => (outcome.verdict === 'Allowed' ? PATIENCE.Allowed : LONG))
      ).map((each) => [each.packet, each]),
    );
    compared = compared.map((each) => again.get(each.packet) ?? each);
  }
  return compared;
}

async function once<E extends Expected>(
  cast: Cast,
  expected: readonly E[],
  patience: (each: E) => number,
): Promise<readonly Compared[]> {
  const byPacket = new Map(expected.map((each) => [each.packet, each]));
  const time = (packet: Packet): number => {
    const each = byPacket.get(packet);
    return each === undefined ? LONG : patience(each);
  };
  const sights = await sendAll(
    cast,
    expected.map(({ packet }) => packet),
    time,
  );
  return expected.map(({ packet, outcome }, index) => ({
    packet,
    outcome,
    sight: sights[index] ?? { seen: 'unclear' },
  }));
}

/** True where Felix and the simulator agree, about the source that the far end sees as well. */
export function agrees({ outcome, sight }: Compared): boolean {
  const { verdict, decisive } = outcome;
  if (sight.seen === 'unclear')
    return verdict === 'Denied' && decisive.layer === 'Service' && sight.detail === 'ECONNREFUSED';
  if (sight.seen !== verdict) return false;
  return sight.source === undefined || decisive.layer !== 'delivery' || decisive.source === sight.source;
}
