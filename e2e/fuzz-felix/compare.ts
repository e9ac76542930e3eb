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
/** Silence counts once it has lasted so many times longer than any answer took. */
const SLACK = 3;
/** Under any load. */
const LONGEST = 10_000;
/** Once the first look has disagreed, every packet gets all the time that one SYN has. */
const LONG = 950;
const LOOKS = 4;

export interface Expected {
  readonly packet: Packet;
  readonly outcome: Outcome;
}

/**
 * A packet that disagrees is sent again, because labels of namespaces and kube-proxy may be late. So is one
 * without an answer, where other answers took so long that its own may have been missed.
 */
export async function look(cast: Cast, expected: readonly Expected[]): Promise<readonly Compared[]> {
  let compared = await once(cast, expected, ({ outcome }) => PATIENCE[outcome.verdict]);
  const slowest = Math.max(0, ...compared.map(({ sight }) => sight.milliseconds ?? 0));
  const patience = Math.min(LONGEST, slowest * SLACK);
  if (patience > PATIENCE.Denied) {
    const silent = compared.filter(({ sight }) => sight.seen === 'Denied');
    compared = replaced(compared, await once(cast, silent, () => patience));
  }
  for (let number = 2; number <= LOOKS; number++) {
    const wrong = compared.filter((each) => !agrees(each));
    if (wrong.length === 0) break;
    await delay(500);
    const again = await once(cast, wrong, ({ outcome }) =>
      Math.max(patience, outcome.verdict === 'Allowed' ? PATIENCE.Allowed : LONG),
    );
    compared = replaced(compared, again);
  }
  return compared;
}

function replaced(all: readonly Compared[], some: readonly Compared[]): readonly Compared[] {
  const byPacket = new Map(some.map((each) => [each.packet, each]));
  return all.map((each) => byPacket.get(each.packet) ?? each);
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

/** The kernel's errors for what kube-proxy rejects. */
const REJECTED: readonly string[] = ['ECONNREFUSED', 'ENETUNREACH'];

/** True where Felix and the simulator agree, about the source that the far end sees as well. */
export function agrees({ outcome, sight }: Compared): boolean {
  const { verdict, decisive, isOneOfSeveral } = outcome;
  if (sight.seen === 'unclear')
    return verdict === 'Denied' && decisive.layer === 'Service' && REJECTED.includes(sight.detail ?? '');
  if (sight.seen !== verdict) return false;
  if (isOneOfSeveral === true) return true;
  return sight.source === undefined || decisive.layer !== 'delivery' || decisive.source === sight.source;
}
