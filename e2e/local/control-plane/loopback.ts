import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startChild } from '../process/child.ts';
import type { Run } from '../process/run.ts';

const RELAY = fileURLToPath(new URL('relay.ts', import.meta.url));

/**
 * Opens a free port on 127.0.0.1 that leads to `host:port` inside the namespace. Resolves to the port's
 * number.
 */
export async function relayFromLoopback(
  run: Run,
  namespace: string,
  host: string,
  port: number,
): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: nearPort } = server.address() as AddressInfo;
  const relay = startChild(
    run,
    { name: `relay-${port}`, namespace, file: process.execPath, args: [RELAY, host, String(port)] },
    ['ignore', 'log', 'log', 'ipc'],
  );
  await new Promise<void>((resolve, reject) => {
    relay.process.send('listen', server, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  server.close();
  return nearPort;
}
