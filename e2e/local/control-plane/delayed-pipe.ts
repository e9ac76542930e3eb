import type { Socket } from 'node:net';

/** Passes on what a socket receives, its end included, in order. */
export interface Pipe {
  /** From now on everything takes this many milliseconds. */
  delay(milliseconds: number): void;
  /** Passes nothing until it is released, and keeps it. */
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
      // A slow receiver slows the sender down, as a connection without us between would.
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
