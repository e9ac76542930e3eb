import type { Endpoint, SocketAddress } from '../../cluster.ts';
import { wireAddresses } from '../addresses.ts';
import { ip } from '../process/netns.ts';
import type { Run } from '../process/run.ts';

/** The echo service (RFC 862). */
const ECHO = 7;

/**
 * A link from namespace to namespace. Felix polices the node's end of each pod's own link, but nothing inside
 * a pod or a host outside.
 * @param number from 1, never used twice in a run
 */
export async function layWire(
  run: Run,
  from: Endpoint,
  to: Endpoint,
  number: number,
): Promise<SocketAddress> {
  const device = `wire${number}`;
  const [near, far] = [run.namespace(from.name), run.namespace(to.name)];
  const addresses = wireAddresses(number);
  await ip([`link add ${device} netns ${near} type veth peer name ${device} netns ${far}`]);
  const up = (namespace: string, address: string): Promise<void> =>
    ip([`address add ${address}/31 dev ${device}`, `link set ${device} up`], namespace);
  await Promise.all([
    up(near, addresses.near),
    up(far, addresses.far),
    to.listen([{ port: ECHO, protocol: 'UDP' }]),
  ]);
  return { address: addresses.far, port: ECHO };
}
