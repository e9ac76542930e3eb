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

const EVERY_MS = 20;
/** A sender that is later by more was stopped, by its own event loop or together with the machine. */
const LATE_MS = 40;

type Limits = Omit<TallyLimits, 'sentWithin'>;
/** Linux repeats a SYN after a second. A later answer would not be the answer to the first SYN. */
const ONE_PACKET: Limits = { answerWithin: 900, controlWithin: 450, controls: 1 };
/**
 * Linux repeats a lost segment after 200 ms or, once the next ones arrive, at once. Nothing else takes that
 * long.
 */
const RETRANSMITTED: Limits = { answerWithin: 100, controlWithin: 50, controls: 5 };
const CONNECT_WITHIN = 3000;

export async function startFlow(
  target: FlowTarget,
  { kind = 'new', every = EVERY_MS }: FlowOptions = {},
): Promise<Flow> {
  const repeats = kind === 'established' && target.protocol !== 'UDP';
  const limits = { ...(repeats ? RETRANSMITTED : ONE_PACKET), sentWithin: every + LATE_MS };
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
  const stopTicking = tick(every, () => {
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
      await delay(settledAfter(limits) + every);
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
function tick(every: number, work: () => void): () => void {
  const start = performance.now();
  let timer: NodeJS.Timeout;
  const beat = (): void => {
    // Rounded, because a timer may be early by the time that its turn of the event loop took.
    const next = start + (Math.round((performance.now() - start) / every) + 1) * every;
    timer = setTimeout(beat, Math.ceil(next - performance.now()));
    work();
  };
  beat();
  return () => {
    clearTimeout(timer);
  };
}
