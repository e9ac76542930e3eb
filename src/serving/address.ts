import { isIPv4 } from 'node:net';

/** Where to listen. */
export interface Address {
  /** Undefined for every address of the machine. */
  readonly host: string | undefined;
  /** 0 takes a free port. */
  readonly port: number;
  /** Only processes of the same machine, or of the same pod, reach it. */
  readonly isLoopback: boolean;
}

/**
 * Reads `HOST:PORT` or `:PORT`.
 * @param flag - the option that the value was given to, for messages
 * @throws Error naming the flag
 */
export function parseAddress(flag: string, value: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(value) ?? [];
  if (port === undefined || Number(port) > 65535) {
    throw new Error(`${flag}: "${value}" is not HOST:PORT or :PORT, for example 127.0.0.1:8080`);
  }
  const host = bracketed ?? plain ?? '';
  return { host: host === '' ? undefined : host, port: Number(port), isLoopback: isLoopback(host) };
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
