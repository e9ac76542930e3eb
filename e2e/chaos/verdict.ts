/** Judges the probes of one fault. Pure. */
import type { FlowTally, Stall } from '../cluster.ts';
import { demand, type Demand, type FlowSpec } from './flows.ts';
import type { State } from './state.ts';

/** A flow and its probes, from before the fault until everything was correct again. */
export interface Observation {
  readonly flow: FlowSpec;
  readonly tally: FlowTally;
}

/**
 * Undecided probes got no answer, but the control was silent too, or the sender itself was stopped. They say
 * something about the machine only.
 */
export interface Verdict {
  /**
   * For flows that had to pass: probes whose control packet was answered, and the unanswered probes among
   * them.
   */
  readonly allowed: { readonly sent: number; readonly lost: number; readonly undecided: number };
  /** For flows that had to be refused all the time. */
  readonly refused: { readonly sent: number; readonly passed: number; readonly undecided: number };
  /** One sentence each. */
  readonly violations: readonly string[];
}

/**
 * @param states states of the firewall from the first probe to the last
 * @param disturbed see demand()
 */
export function judge(
  observations: readonly Observation[],
  states: readonly State[],
  disturbed: ReadonlySet<string>,
): Verdict {
  const stalls = observations.flatMap(({ tally }) => tally.stalls);
  const demanded = observations.map(({ flow, tally }) => ({
    flow,
    tally: canBeLate(flow) ? withoutLate(tally, stalls) : tally,
    must: demand(flow, states, disturbed),
  }));
  const sum = (must: Demand, count: (tally: FlowTally) => number): number =>
    demanded.filter((each) => each.must === must).reduce((total, { tally }) => total + count(tally), 0);
  const controlled = (must: Demand): number => sum(must, (tally) => tally.controlled);
  const undecided = (must: Demand): number => sum(must, (tally) => tally.lost - tally.countedLosses);
  return {
    allowed: {
      sent: controlled('passes'),
      lost: sum('passes', (tally) => tally.countedLosses),
      undecided: undecided('passes'),
    },
    refused: {
      sent: controlled('never passes'),
      passed: sum('never passes', (tally) => tally.answered),
      undecided: undecided('never passes'),
    },
    violations: demanded.flatMap(violationsOf),
  };
}

/**
 * TCP repeats dropped packets of an established connection. A drop looks like an answer later than 100 ms,
 * and so does a stopped machine.
 */
const canBeLate = ({ kind, protocol }: FlowSpec): boolean => kind === 'established' && protocol === 'TCP';
const ANSWER_WITHIN = 100;

/**
 * Late answers while any sender was stopped are undecided, because all nodes and senders share the
 * processors.
 */
function withoutLate(tally: FlowTally, stalls: readonly Stall[]): FlowTally {
  const isExcused = (time: string): boolean => {
    const sent = Date.parse(time);
    return stalls.some(({ from, to }) => Date.parse(from) <= sent + ANSWER_WITHIN && Date.parse(to) >= sent);
  };
  return { ...tally, countedLosses: tally.countedLosses - tally.lossTimes.filter(isExcused).length };
}

function violationsOf({ flow, tally, must }: Observation & { readonly must: Demand }): readonly string[] {
  const { controlled, answered, countedLosses, longestGapMs } = tally;
  // A flow without decided probes proves nothing.
  if (controlled === 0) return [`${flow.id}: no probe was sent whose control packet was answered`];
  const of = `of ${String(controlled)} probes`;
  if (must === 'passes' && answered === 0) return [`${flow.id}: none ${of} was answered`];
  if (must === 'passes' && countedLosses > 0) {
    const gap = `longest gap ${String(Math.round(longestGapMs))} ms`;
    return [`${flow.id}: lost ${String(countedLosses)} ${of} although allowed all the time, ${gap}`];
  }
  if (must === 'never passes' && answered > 0)
    return [`${flow.id}: ${String(answered)} ${of} passed although refused all the time`];
  return [];
}
