/** The ways in which a flow sends its packets. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ProbeTarget } from '../../cluster.ts';
import type { Echo } from './agent-protocol.ts';
import { nextSourcePort } from './source-port.ts';

export interface Sender {
  /** Sends a packet. Never throws. */
  send(packet: number): void;
  close(): void;
}

/** The events that a sender reports. */
export interface Hears {
  answered(packet: number): void;
  /** An unexpected answer. */
  failed(code: string): void;
}

type Where = Pick<ProbeTarget, 'host' | 'port'>;

/** Lost, with an error: by the packet filter of our own namespace, or by a router without a route. */
const LOST: readonly (string | undefined)[] = ['EPERM', 'EHOSTUNREACH', 'ENETUNREACH'];

/** One datagram from each source port. */
export function newDatagrams(target: Where, timeout: number, hears: Hears): Sender {
  const open = new Set<DatagramSocket>();
  const send = (packet: number): void => {
    const socket = datagramSocket(target.host);
    open.add(socket);
    const close = (): void => {
      clearTimeout(timer);
      if (open.delete(socket)) socket.close();
    };
    const timer = setTimeout(close, timeout);
    socket.once('message', () => {
      hears.answered(packet);
      close();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      close();
      if (error.code === 'EADDRINUSE') send(packet);
      else fail(hears, error);
    });
    socket.bind(nextSourcePort(), () => {
      // Connected, so an ICMP "port unreachable" is reported as an error.
      socket.connect(target.port, target.host, () => {
        socket.send(String(packet));
      });
    });
  };
  return {
    send,
    close: () => {
      for (const socket of open) socket.close();
      open.clear();
    },
  };
}

/**
 * One SYN from each source port. A connection is reset at once, which leaves nothing behind at either end.
 */
export function newConnections(target: Where, timeout: number, hears: Hears): Sender {
  const open = new Set<Socket>();
  const send = (packet: number): void => {
    const socket = connect({ ...target, localPort: nextSourcePort(), family: isIPv6(target.host) ? 6 : 4 });
    open.add(socket);
    const close = (): void => {
      clearTimeout(timer);
      open.delete(socket);
      end(socket);
    };
    const timer = setTimeout(close, timeout);
    socket.once('connect', () => {
      hears.answered(packet);
      close();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isPending = open.has(socket);
      close();
      if (!isPending) return;
      if (error.code === 'EADDRINUSE' || error.code === 'EADDRNOTAVAIL') send(packet);
      else fail(hears, error);
    });
  };
  return {
    send,
    close: () => {
      for (const socket of open) end(socket);
      open.clear();
    },
  };
}

/** All datagrams from one source port. */
export async function sameDatagrams(target: Where, hears: Hears): Promise<Sender> {
  const socket = datagramSocket(target.host);
  socket.on('message', (message: Buffer) => {
    hears.answered(packetIn(message.toString()));
  });
  socket.bind(nextSourcePort());
  await once(socket, 'listening');
  const connected = once(socket, 'connect');
  socket.connect(target.port, target.host);
  await connected;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    fail(hears, error);
  });
  return {
    send: (packet) => {
      socket.send(String(packet), (error: NodeJS.ErrnoException | null) => {
        if (error !== null) fail(hears, error);
      });
    },
    close: () => socket.close(),
  };
}

/**
 * All lines on one connection, which is not restored when it breaks.
 * @throws when it cannot be made within the time
 */
export async function sameConnection(target: Where, timeout: number, hears: Hears): Promise<Sender> {
  const socket = connect({
    ...target,
    localPort: nextSourcePort(),
    family: isIPv6(target.host) ? 6 : 4,
    noDelay: true,
  });
  await once(socket, 'connect', { signal: AbortSignal.timeout(timeout) }).catch((cause: unknown) => {
    socket.destroy();
    throw new Error(`no connection to ${target.host} port ${target.port} within ${timeout} ms`, { cause });
  });
  socket.on('error', () => undefined);
  createInterface({ input: socket })
    .on('line', (line) => {
      hears.answered(packetIn(line));
    })
    .on('error', () => undefined);
  return {
    send: (packet) => {
      if (socket.writable) socket.write(`${packet}\n`);
    },
    close: () => socket.resetAndDestroy(),
  };
}

/**
 * resetAndDestroy() of a connecting socket waits until it is connected. A refused one would go on sending
 * SYNs for two minutes.
 */
export function end(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

const datagramSocket = (host: string): DatagramSocket => createSocket(isIPv6(host) ? 'udp6' : 'udp4');

const packetIn = (echo: string): number => Number((JSON.parse(echo) as Echo).text);

function fail(hears: Hears, error: NodeJS.ErrnoException): void {
  if (!LOST.includes(error.code)) hears.failed(error.code ?? error.message);
}
