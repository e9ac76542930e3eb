/** What the probes of one fault come to. Pure. */
import type { FlowTally } from '../cluster.ts';
import { demand, type Demand, type FlowSpec } from './flows.ts';
import type { State } from './state.ts';

/** A flow and what its probes saw from before the fault until all was well again. */
export interface Observation {
  readonly flow: FlowSpec;
  readonly tally: FlowTally;
}

export interface Verdict {
  /** Of flows that had to pass: probes whose control packet was answered, and those of them that were not. */
  readonly allowed: { readonly sent: number; readonly lost: number };
  /** Of flows that were never to pass. */
  readonly refused: { readonly sent: number; readonly passed: number };
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
  const demanded = observations.map((each) => ({ ...each, must: demand(each.flow, states, disturbed) }));
  const sum = (must: Demand, key: 'controlled' | 'countedLosses' | 'answered'): number =>
    demanded.filter((each) => each.must === must).reduce((total, { tally }) => total + tally[key], 0);
  return {
    allowed: { sent: sum('passes', 'controlled'), lost: sum('passes', 'countedLosses') },
    refused: { sent: sum('never passes', 'controlled'), passed: sum('never passes', 'answered') },
    violations: demanded.flatMap(violationsOf),
  };
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
