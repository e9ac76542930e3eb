/** A flow of probes, together with its control. */
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
  /** @throws for an unexpected answer */
  tally(): FlowTally;
  /**
   * Resolves when the last packets had time to be answered.
   * @throws like `tally`
   */
  stop(): Promise<FlowTally>;
}

const EVERY = 20;
/** The sender was stopped for more than 40 ms, by its own event loop or together with the machine. */
const SENT_WITHIN = EVERY + 40;
/** Linux repeats a SYN after a second. A later answer would not be the answer to the first SYN. */
const ONE_PACKET: TallyLimits = {
  answerWithin: 900,
  controlWithin: 450,
  controls: 1,
  sentWithin: SENT_WITHIN,
};
/**
 * Linux repeats a lost segment after 200 ms or, once the next ones arrive, at once. Nothing else takes that
 * long.
 */
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

/**
 * Calls at the beat from now on, without making up for calls that a busy machine missed. Returns a function
 * that ends it.
 */
function tick(work: () => void): () => void {
  const start = performance.now();
  let timer: NodeJS.Timeout;
  const beat = (): void => {
    // Rounded, because a timer may be early by the time that its turn of the event loop took.
    const next = start + (Math.round((performance.now() - start) / EVERY) + 1) * EVERY;
    timer = setTimeout(beat, Math.ceil(next - performance.now()));
    work();
  };
  beat();
  return () => {
    clearTimeout(timer);
  };
}
