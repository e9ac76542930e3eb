import { createSocket, type RemoteInfo, type SocketType } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ListeningPort } from '../../cluster.ts';
import type { Echo } from './agent-protocol.ts';

const listening = new Map<string, Promise<void>>();

/** Starts an echo server on the given address or on all addresses. Does nothing when there is one already. */
export async function listen({ port, protocol = 'TCP' }: ListeningPort, address?: string): Promise<void> {
  const key = [protocol, address, port].join();
  const started = listening.get(key) ?? (protocol === 'TCP' ? listenTcp : listenUdp)(port, address);
  listening.set(key, started);
  return started;
}

/**
 * On all addresses, and for UDP also on each single one, because a socket for all addresses answers from the
 * address that the way back suggests. Link-local ones are left out: such a socket answers from them anyway,
 * and they change when Felix gives a tunnel its MAC address.
 */
export async function listenOnEach(
  ports: readonly ListeningPort[],
  addresses: readonly string[],
): Promise<void> {
  const own = addresses.filter((address) => !address.startsWith('fe80:'));
  const each = (port: ListeningPort): readonly (string | undefined)[] =>
    port.protocol === 'UDP' ? [undefined, ...own] : [undefined];
  await Promise.all(ports.flatMap((port) => each(port).map((address) => listen(port, address))));
}

async function listenTcp(port: number, address: string | undefined): Promise<void> {
  const server = createServer(echoLines);
  server.listen(port, address);
  await once(server, 'listening');
}

function echoLines(socket: Socket): void {
  const seenFrom = { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
  socket.on('error', () => socket.destroy());
  createInterface({ input: socket })
    .on('line', (text) => socket.write(`${JSON.stringify({ seenFrom, text } satisfies Echo)}\n`))
    .on('error', () => socket.destroy());
}

async function listenUdp(port: number, address: string | undefined): Promise<void> {
  if (address !== undefined) await bindUdp(isIPv6(address) ? 'udp6' : 'udp4', port, address);
  else await Promise.all([bindUdp('udp4', port), bindUdp('udp6', port).catch(ignoreMissingIPv6)]);
}

async function bindUdp(type: SocketType, port: number, address?: string): Promise<void> {
  const socket = createSocket({ type, ipv6Only: type === 'udp6', reuseAddr: true });
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    const seenFrom = { address: from.address, port: from.port };
    socket.send(
      JSON.stringify({ seenFrom, text: message.toString() } satisfies Echo),
      from.port,
      from.address,
    );
  });
  const bound = once(socket, 'listening');
  socket.bind(port, address);
  await bound;
  socket.on('error', () => undefined);
}

function ignoreMissingIPv6(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EAFNOSUPPORT' && error.code !== 'EADDRNOTAVAIL') throw error;
}

/** A socket for both families shows IPv4 peers as ::ffff:192.0.2.1. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
