import type { Socket } from 'node:net';

/** Passes on the bytes of a socket and its end, in order. */
export interface Pipe {
  /** Delays everything from now on by this many milliseconds. */
  delay(milliseconds: number): void;
  /** Keeps everything until it is released. */
  hold(): void;
  release(): void;
}

interface Parcel {
  readonly due: number;
  readonly deliver: () => void;
}

export function createPipe(from: Socket, to: Socket): Pipe {
  const parcels: Parcel[] = [];
  let latency = 0;
  let isHeld = false;
  let timer: NodeJS.Timeout | undefined;

  const pump = (): void => {
    clearTimeout(timer);
    while (!isHeld) {
      const [first] = parcels;
      if (first === undefined) return;
      const wait = first.due - performance.now();
      if (wait > 0) {
        timer = setTimeout(pump, Math.ceil(wait));
        return;
      }
      parcels.shift();
      first.deliver();
    }
  };
  const take = (deliver: () => void): void => {
    parcels.push({ due: performance.now() + latency, deliver });
    pump();
  };
  from.on('data', (chunk: Buffer) => {
    take(() => {
      // A slow receiver slows the sender down, as on a direct connection.
      if (!to.destroyed && !to.write(chunk)) from.pause();
    });
  });
  from.on('end', () => {
    take(() => to.end());
  });
  to.on('drain', () => {
    from.resume();
  });
  return {
    delay: (milliseconds) => {
      latency = milliseconds;
    },
    hold: () => {
      isHeld = true;
    },
    release: () => {
      isHeld = false;
      pump();
    },
  };
}
