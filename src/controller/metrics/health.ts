/** Answers kubelet and Prometheus. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthOptions {
  /** `HOST:PORT`, or `:PORT` for every address of the machine; port 0 takes a free one. */
  readonly address: string;
  /** Says why it is not ready; undefined when it is. */
  readonly unready: () => string | undefined;
  /** The metrics in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves /healthz (the process runs), /readyz (it knows the cluster) and /metrics.
 * @throws Error naming the flag when the address is malformed or cannot be bound
 */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const { host, port } = parseAddress(options.address);
  const server = createServer((request, response) => {
    answer(request.url ?? '', response, options).catch((error: unknown) => {
      response.writeHead(500).end(`${String(error)}\n`);
    });
  });
  await listen(server, host, port, options.address);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(
  url: string,
  response: ServerResponse,
  { unready, metrics }: HealthOptions,
): Promise<void> {
  switch (url.split('?')[0]) {
    case '/healthz':
      response.end('ok\n');
      return;
    case '/readyz': {
      const why = unready();
      if (why === undefined) response.end('ok\n');
      else response.writeHead(503).end(`not ready: ${why}\n`);
      return;
    }
    case '/metrics':
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(await metrics());
      return;
    default:
      response.writeHead(404).end('not found: ask for /healthz, /readyz or /metrics\n');
  }
}

function parseAddress(address: string): { readonly host: string | undefined; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(address) ?? [];
  if (port === undefined || Number(port) > 65535) {
    throw new Error(`--health-address: "${address}" is not HOST:PORT or :PORT, for example :8081`);
  }
  const host = bracketed ?? plain;
  return { host: host === undefined || host === '' ? undefined : host, port: Number(port) };
}

function listen(server: Server, host: string | undefined, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`--health-address: cannot listen on ${address}: ${cause.message}`, { cause }));
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
}
