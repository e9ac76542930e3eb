import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import type { ProbeResult, ProbeTarget } from '../../cluster.ts';
import type { Echo } from './agent-protocol.ts';
import { end } from './senders.ts';
import { nextSourcePort } from './source-port.ts';

/** One connection or one datagram from a source port that this namespace did not use recently. */
export async function probe(target: ProbeTarget, timeout: number): Promise<ProbeResult> {
  for (;;) {
    const attempt = target.protocol === 'UDP' ? probeUdp : probeTcp;
    const result = await attempt(target, nextSourcePort(), timeout);
    if (result !== 'port in use') return result;
  }
}

type Attempt = ProbeResult | 'port in use';

function probeTcp(target: ProbeTarget, localPort: number, timeout: number): Promise<Attempt> {
  const { promise, settle, allowed } = attempt(timeout, () => {
    end(socket);
  });
  const socket = connect({
    host: target.host,
    port: target.port,
    localPort,
    family: isIPv6(target.host) ? 6 : 4,
    noDelay: true,
  });
  socket.on('error', (error) => {
    settle(failure(error));
  });
  socket.once('connect', () => {
    if (target.echo === false) allowed();
    else socket.write('probe\n');
  });
  createInterface({ input: socket })
    .once('line', allowed)
    .on('error', () => undefined);
  return promise;
}

function probeUdp(target: ProbeTarget, localPort: number, timeout: number): Promise<Attempt> {
  const socket = createSocket(isIPv6(target.host) ? 'udp6' : 'udp4');
  const { promise, settle, allowed } = attempt(timeout, () => socket.close());
  socket.on('error', (error) => {
    settle(failure(error));
  });
  socket.once('message', (message) => {
    allowed(message.toString());
  });
  socket.bind(localPort, () => {
    // Connected, so an ICMP "port unreachable" is reported as an error.
    socket.connect(target.port, target.host, (error?: Error) => {
      if (error === undefined) socket.send('probe');
      else settle(failure(error));
    });
  });
  return promise;
}

interface Pending {
  readonly promise: Promise<Attempt>;
  readonly settle: (result: Attempt) => void;
  readonly allowed: (echo?: string) => void;
}

function attempt(timeout: number, close: () => void): Pending {
  const started = performance.now();
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  let settled = false;
  const settle = (result: Attempt): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    close();
    resolve(result);
  };
  const timer = setTimeout(() => {
    settle({ verdict: 'refused' });
  }, timeout);
  const allowed = (echo?: string): void => {
    const milliseconds = Math.round(performance.now() - started);
    const seen = echo === undefined ? {} : { seenFrom: (JSON.parse(echo) as Echo).seenFrom };
    settle({ verdict: 'allowed', milliseconds, ...seen });
  };
  return { promise, settle, allowed };
}

function failure(error: NodeJS.ErrnoException): Attempt {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'port in use';
    // The kernel's error for a sender whose own packet filter dropped the packet.
    case 'EPERM':
      return { verdict: 'refused' };
    default:
      return { verdict: 'inconclusive', error: error.code ?? error.message };
  }
}
