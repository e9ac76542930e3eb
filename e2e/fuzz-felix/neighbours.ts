/**
 * Makes all IPv6 neighbours permanent while nothing is refused yet. Neighbour discovery is ICMPv6, which policies
 * of host endpoints refuse like anything else. Packets would then be lost whenever an entry has grown old, for
 * reasons that the packets themselves do not have.
 */
import { forEachLimit } from '../../src/cluster/parallel.ts';
import { NODES, OUTSIDE, PODS, type Cast } from './cast.ts';
import { sendAll, type Addresses, type Packet } from './packets.ts';

const PATIENCE_MS = 3000;
const AT_ONCE = 4;

/** The lines of `ip neigh` are `ADDRESS dev DEVICE lladdr MAC … STATE`. */
const PERMANENT = `ip -6 neigh show | while read -r address dev device lladdr mac rest; do
  [ "$lladdr" = lladdr ] && ip -6 neigh replace "$address" lladdr "$mac" dev "$device" nud permanent
done; true`;

export async function fixNeighbours(cast: Cast, addresses: Addresses): Promise<void> {
  const names = [
    ...PODS.map(({ namespace, name }) => `pod ${namespace}/${name}`),
    ...NODES.map(({ name }) => `node ${name}`),
    ...OUTSIDE.map(({ name }) => `outside ${name}`),
  ];
  const greetings = names.flatMap((from) =>
    names
      .filter((name) => name !== from && !(isOutside(name) && isOutside(from)))
      .flatMap((name) => addresses.of(name).filter((address) => address.includes(':')))
      .map((to): Packet => ({ from, to, protocol: 'ICMP', port: 0 })),
  );
  await sendAll(cast, greetings, () => PATIENCE_MS);
  await forEachLimit(names, AT_ONCE, async (name) => {
    await cast.cluster.run(cast.endpoint(name), ['sh', '-c', PERMANENT]);
  });
}

const isOutside = (name: string): boolean => name.startsWith('outside');
