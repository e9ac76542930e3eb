/** What the probes of one fault come to. Pure. */
import type { FlowTally, Stall } from '../cluster.ts';
import { demand, type Demand, type FlowSpec } from './flows.ts';
import type { State } from './state.ts';

/** A flow and what its probes saw from before the fault until all was well again. */
export interface Observation {
  readonly flow: FlowSpec;
  readonly tally: FlowTally;
}

/** Undecided probes got no answer, but the control was silent too, or the sender itself stood still: they say something about the machine. */
export interface Verdict {
  /** Of flows that had to pass: probes whose control packet was answered, and those of them that were not. */
  readonly allowed: { readonly sent: number; readonly lost: number; readonly undecided: number };
  /** Of flows that were never to pass. */
  readonly refused: { readonly sent: number; readonly passed: number; readonly undecided: number };
  /** A sentence each. */
  readonly violations: readonly string[];
}

/**
 * @param states those of the firewall from the first probe to the last
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

/** TCP repeats what was dropped on an established connection: a drop shows as an answer later than 100 ms, and so does a machine that stood still. */
const canBeLate = ({ kind, protocol }: FlowSpec): boolean => kind === 'established' && protocol === 'TCP';
const ANSWER_WITHIN = 100;

/** What was late while any sender stood still is undecided: nodes, both ends and the senders of other flows share the processors. */
function withoutLate(tally: FlowTally, stalls: readonly Stall[]): FlowTally {
  const isExcused = (time: string): boolean => {
    const sent = Date.parse(time);
    return stalls.some(({ from, to }) => Date.parse(from) <= sent + ANSWER_WITHIN && Date.parse(to) >= sent);
  };
  return { ...tally, countedLosses: tally.countedLosses - tally.lossTimes.filter(isExcused).length };
}

function violationsOf({ flow, tally, must }: Observation & { readonly must: Demand }): readonly string[] {
  const { controlled, answered, countedLosses, longestGapMs } = tally;
  // A flow whose probes nobody watches proves nothing.
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
