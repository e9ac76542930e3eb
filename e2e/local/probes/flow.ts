/** A flow of probes, beside its control. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FlowOptions, FlowTally, FlowTarget } from '../../cluster.ts';
import {
  newConnections,
  newDatagrams,
  sameConnection,
  sameDatagrams,
  type Hears,
  type Sender,
} from './senders.ts';
import { createTally, settledAfter, type TallyLimits } from './tally.ts';

export interface Flow {
  /** @throws when somebody answered, but not what was asked. */
  tally(): FlowTally;
  /** Resolves when the last packets had their time. @throws as `tally` */
  stop(): Promise<FlowTally>;
}

const EVERY = 20;
/** Stopped for more than 40 ms: by its own event loop, or with the machine. */
const SENT_WITHIN = EVERY + 40;
/** Linux sends a SYN again after a second: answered later, it would not be the first that got through. */
const ONE_PACKET: TallyLimits = {
  answerWithin: 900,
  controlWithin: 450,
  controls: 1,
  sentWithin: SENT_WITHIN,
};
/** Linux sends a segment again 200 ms after it was lost or, once the next ones get through, at once; nothing else takes that long. */
const RETRANSMITTED: TallyLimits = {
  answerWithin: 100,
  controlWithin: 50,
  controls: 5,
  sentWithin: SENT_WITHIN,
};
const CONNECT_WITHIN = 3000;

export async function startFlow(target: FlowTarget, kind: FlowOptions['kind'] = 'new'): Promise<Flow> {
  const repeats = kind === 'established' && target.protocol !== 'UDP';
  const limits = repeats ? RETRANSMITTED : ONE_PACKET;
  const tally = createTally(limits, performance.timeOrigin);
  let failure: string | undefined;
  const failed = (code: string): void => {
    failure ??= code;
  };
  const heard: Hears = {
    answered: (packet) => {
      tally.answered(packet, performance.now());
    },
    failed,
  };
  const controlHeard: Hears = {
    answered: (packet) => {
      tally.controlAnswered(packet, performance.now());
    },
    failed: () => undefined,
  };
  const packets = await sender(target, kind, limits, heard);
  const { address: host, port } = target.control;
  const control = await sameDatagrams({ host, port }, controlHeard);
  let last = 0;
  const stopTicking = tick(() => {
    const now = performance.now();
    tally.settle(now);
    tally.sent(++last, now);
    control.send(last);
    packets.send(last);
  });
  const total = (): FlowTally => {
    if (failure !== undefined) throw new Error(`${target.host} port ${target.port}: ${failure}`);
    tally.settle(performance.now());
    return tally.total();
  };
  return {
    tally: total,
    stop: async () => {
      stopTicking();
      await delay(settledAfter(limits) + EVERY);
      packets.close();
      control.close();
      return total();
    },
  };
}

async function sender(
  { host, port, protocol }: FlowTarget,
  kind: FlowOptions['kind'],
  { answerWithin }: TallyLimits,
  hears: Hears,
): Promise<Sender> {
  const where = { host, port };
  if (kind === 'established') {
    return protocol === 'UDP' ? sameDatagrams(where, hears) : sameConnection(where, CONNECT_WITHIN, hears);
  }
  return (protocol === 'UDP' ? newDatagrams : newConnections)(where, answerWithin, hears);
}

/** Calls at the beat from now on, without catching up what a busy machine missed. Returns what ends it. */
function tick(work: () => void): () => void {
  const start = performance.now();
  let timer: NodeJS.Timeout;
  const beat = (): void => {
    // Rounded: a timer may be early by what its turn of the event loop took.
    const next = start + (Math.round((performance.now() - start) / EVERY) + 1) * EVERY;
    timer = setTimeout(beat, Math.ceil(next - performance.now()));
    work();
  };
  beat();
  return () => {
    clearTimeout(timer);
  };
}
