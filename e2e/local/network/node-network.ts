/** Changes that a test may make to a node's network. */
import { isIPv6 } from 'node:net';
import type { HostPort } from '../../cluster.ts';
import { addAddress, attachSecondInterface } from './fabric.ts';
import { ip } from '../process/netns.ts';
import { shortHash } from './names.ts';
import { nft } from './packet-filter.ts';
import type { Run } from '../process/run.ts';

export interface NodePlace {
  readonly name: string;
  readonly namespace: string;
}

const withMask = (address: string): string => (isIPv6(address) ? `${address}/128` : `${address}/32`);

/**
 * On an interface that leads nowhere, like that of NodeLocal DNSCache. It is a bridge without ports, because
 * not every kernel has dummy devices.
 */
export async function addLocalAddress({ namespace }: NodePlace, address: string): Promise<void> {
  const device = `extra${shortHash(address).slice(0, 8)}`;
  const lines = [
    `link add ${device} type bridge`,
    `link set ${device} up`,
    addAddress(withMask(address), device),
  ];
  await ip(lines, namespace);
}

/**
 * keepalived keeps IPv6 addresses from being chosen as a source (preferred_lft 0). Their mask is the longest,
 * so they would be chosen.
 */
export async function addVirtualAddress({ namespace }: NodePlace, address: string): Promise<void> {
  const options = isIPv6(address) ? 'preferred_lft 0' : '';
  await ip([addAddress(withMask(address), 'eth0', options)], namespace);
}

export async function addInterface(
  run: Run,
  node: NodePlace,
  device: string,
  addresses: readonly string[],
): Promise<void> {
  await attachSecondInterface(run, node, device, addresses.map(withMask));
}

/**
 * The rules of the portmap plugin (its CNI-HOSTPORT-DNAT chain, called from PREROUTING and OUTPUT for
 * addresses of type LOCAL), without the masquerading of loopback. Each mapping has a base chain. All have the
 * same priority and are independent.
 */
export async function mapHostPort(
  { namespace }: NodePlace,
  { hostPort, protocol = 'TCP', pod, port }: HostPort,
): Promise<() => Promise<void>> {
  const transport = protocol.toLowerCase();
  const rules = pod.addresses.map((address) => {
    const [family, target] = isIPv6(address) ? ['ip6', `[${address}]`] : ['ip', address];
    const match = `fib daddr type local ${transport} dport ${hostPort}`;
    return `meta nfproto ${isIPv6(address) ? 'ipv6' : 'ipv4'} ${match} dnat ${family} to ${target}:${port};`;
  });
  const chain = (hook: string): string =>
    `chain ${hook} { type nat hook ${hook} priority -100; ${rules.join(' ')} }`;
  const table = `inet hostport-${transport}-${hostPort}`;
  await nft(namespace, `table ${table} { ${chain('prerouting')}; ${chain('output')}; }`);
  return () => nft(namespace, `delete table ${table}`);
}
