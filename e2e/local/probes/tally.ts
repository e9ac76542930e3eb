import type { FlowTally, Stall } from '../../cluster.ts';

export interface TallyLimits {
  /** Milliseconds after which a packet counts as lost. */
  readonly answerWithin: number;
  /**
   * Milliseconds for its control packet. There are fewer, so packets of a machine that is nearly too slow do
   * not count.
   */
  readonly controlWithin: number;
  /**
   * The number of control packets in a row, its own first, that must be answered for a loss to count. It is
   * more than one where an answer may only be late: the machine must then have been fast enough all the time.
   */
  readonly controls: number;
  /**
   * The maximum number of milliseconds between two packets of a running sender. A stopped sender neither
   * sends in time nor receives, so its losses around that time do not count.
   */
  readonly sentWithin: number;
}

/** Milliseconds after which a packet's fate is known. */
export const settledAfter = ({ answerWithin, controlWithin, controls }: TallyLimits): number =>
  controls > 1 ? answerWithin + controlWithin : answerWithin;

/**
 * The records of one flow. Times are milliseconds of a clock that never jumps. Packets are numbered in the
 * order of sending.
 */
export interface Tally {
  sent(packet: number, now: number): void;
  answered(packet: number, now: number): void;
  controlAnswered(packet: number, now: number): void;
  /** Decides on every packet whose time is over. */
  settle(now: number): void;
  /** The tally of the decided packets. */
  total(): FlowTally;
}

interface Instant {
  readonly sentAt: number;
  /** The sender was stopped before it. */
  readonly late: boolean;
  answered: boolean;
  controlled: boolean;
}

const MOST_TIMES = 1000;

/** @param epoch the time of day of the clock's 0, in milliseconds since 1970 */
export function createTally(limits: TallyLimits, epoch: number): Tally {
  const { answerWithin, controlWithin, controls, sentWithin } = limits;
  const pending = new Map<number, Instant>();
  const counts = { answered: 0, lost: 0, controlled: 0, countedLosses: 0 };
  const lossTimes: string[] = [];
  const stalls: Stall[] = [];
  const gaps = createGaps();
  let firstAnswered: string | undefined;
  let lastSent = Infinity;
  const timeOf = (at: number): string => new Date(epoch + at).toISOString();

  const from = (packet: number, count: number) =>
    Array.from({ length: count }, (_, i) => pending.get(packet + i));
  const isWatched = (packet: number, { sentAt }: Instant): boolean =>
    from(packet, controls).every(
      (instant) => instant?.controlled === true && instant.sentAt - sentAt <= answerWithin,
    );
  /** From right before it was sent until the last of its controls was followed by another packet. */
  const isStalled = (packet: number) => from(packet, controls + 1).some((instant) => instant?.late === true);
  const decide = (packet: number, instant: Instant): void => {
    const { sentAt, answered } = instant;
    const controlled = instant.controlled && (answered || !isStalled(packet));
    counts[answered ? 'answered' : 'lost'] += 1;
    if (controlled) counts.controlled += 1;
    if (answered) firstAnswered ??= timeOf(sentAt);
    const isCounted = !answered && controlled && isWatched(packet, instant);
    if (isCounted && ++counts.countedLosses <= MOST_TIMES) lossTimes.push(timeOf(sentAt));
    gaps.pass(sentAt, answered, isCounted);
  };
  return {
    sent: (packet, now) => {
      const late = now - lastSent > sentWithin;
      if (late && stalls.length < MOST_TIMES) stalls.push({ from: timeOf(lastSent), to: timeOf(now) });
      pending.set(packet, { sentAt: now, late, answered: false, controlled: false });
      lastSent = now;
    },
    answered: (packet, now) => {
      const instant = pending.get(packet);
      if (instant !== undefined && now - instant.sentAt <= answerWithin) instant.answered = true;
    },
    controlAnswered: (packet, now) => {
      const instant = pending.get(packet);
      if (instant !== undefined && now - instant.sentAt <= controlWithin) instant.controlled = true;
    },
    settle: (now) => {
      for (const [packet, instant] of pending) {
        if (now - instant.sentAt <= settledAfter(limits)) return;
        decide(packet, instant);
        pending.delete(packet);
      }
    },
    total: () => ({
      ...counts,
      sent: counts.answered + counts.lost,
      lossTimes: [...lossTimes],
      stalls: [...stalls],
      ...(firstAnswered === undefined ? {} : { firstAnswered }),
      longestGapMs: Math.round(gaps.longest()),
      milliseconds: Math.round(gaps.passed()),
    }),
  };
}

interface Gaps {
  pass(sentAt: number, answered: boolean, isCounted: boolean): void;
  longest(): number;
  /** From the first packet to the last. */
  passed(): number;
}

function createGaps(): Gaps {
  let first: number | undefined;
  let last = 0;
  let before = 0; // The last answered packet, or the first of all.
  let longest = 0;
  let hasLosses = false;
  return {
    pass: (sentAt, answered, isCounted) => {
      if (first === undefined) first = before = sentAt;
      last = sentAt;
      hasLosses ||= isCounted;
      if (hasLosses) longest = Math.max(longest, sentAt - before);
      if (!answered) return;
      before = sentAt;
      hasLosses = false;
    },
    longest: () => longest,
    passed: () => last - (first ?? last),
  };
}
