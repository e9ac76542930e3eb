import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { ApiServerRelay } from '../../cluster.ts';
import { createPipe } from './delayed-pipe.ts';

/**
 * Runs in this process, on a free port of 127.0.0.1.
 * @param server `https://HOST:PORT`
 */
export async function startApiServerRelay(server: string): Promise<ApiServerRelay> {
  const target = new URL(server);
  const open = new Set<Connection>();
  let holdsNew = false;
  let latency = 0;
  const listener = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: target.hostname, port: Number(target.port), allowHalfOpen: true });
    const connection = join(near, far, () => open.delete(connection));
    open.add(connection);
    connection.delay(latency);
    if (holdsNew) connection.hold();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const each = (work: (connection: Connection) => void): void => {
    for (const connection of open) work(connection);
  };
  const delay = (milliseconds: number): void => {
    latency = milliseconds;
    each((connection) => {
      connection.delay(milliseconds);
    });
  };
  return {
    server: `https://127.0.0.1:${port}`,
    blackHole: () => {
      each((connection) => {
        connection.hold();
      });
    },
    blackHoleAll: () => {
      holdsNew = true;
      each((connection) => {
        connection.hold();
      });
    },
    delay,
    cut: () => {
      each((connection) => {
        connection.cut();
      });
    },
    restore: () => {
      holdsNew = false;
      delay(0);
      each((connection) => {
        connection.release();
      });
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      each((connection) => {
        connection.cut();
      });
      await closed;
    },
  };
}

interface Connection {
  delay(milliseconds: number): void;
  hold(): void;
  release(): void;
  cut(): void;
}

/**
 * Sends RST, except for a socket whose FIN is just being sent. libuv refuses that with EINVAL
 * (uv_tcp_close_reset). Node then counts the handle as closing, never closes it, and waits for it forever at
 * the end of the process.
 */
function reset(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}

/** The client's socket and the one to the API server, until both are closed. */
function join(near: Socket, far: Socket, closed: () => void): Connection {
  const pipes = [createPipe(near, far), createPipe(far, near)];
  let isHeld = false;
  let isBroken = false;
  const cut = (): void => {
    for (const socket of [near, far]) reset(socket);
  };
  for (const socket of [near, far]) {
    socket.setNoDelay(true);
    socket.on('error', () => {
      isBroken = true;
      if (!isHeld) cut(); // In a black hole, the other end does not see it.
    });
    socket.once('close', () => {
      if (near.destroyed && far.destroyed) closed();
    });
  }
  return {
    delay: (milliseconds) => {
      for (const pipe of pipes) pipe.delay(milliseconds);
    },
    hold: () => {
      isHeld = true;
      for (const pipe of pipes) pipe.hold();
    },
    release: () => {
      isHeld = false;
      for (const pipe of pipes) pipe.release();
      if (isBroken) cut();
    },
    cut,
  };
}
