/** Prints the results of a campaign. Pure. */
import type { Verdict } from './verdict.ts';

export interface Outcome {
  readonly number: number;
  readonly fault: string;
  readonly parameters: string;
  /**
   * Milliseconds from the end of the work, or of the fault if that is later, until everything was correct.
   * Undefined if that never happened.
   */
  readonly convergedMs: number | undefined;
  readonly verdict: Verdict;
  /** Path of the evidence of a failed fault. */
  readonly evidence?: string;
}

export function line(outcome: Outcome): string {
  const { number, fault, parameters, convergedMs, verdict, evidence } = outcome;
  const { allowed, refused, violations } = verdict;
  const converged =
    convergedMs === undefined ? 'not converged' : `converged in ${(convergedMs / 1000).toFixed(1)} s`;
  return [
    `${String(number).padStart(4)}  ${fault.padEnd(17)}  ${hasFailed(outcome) ? 'FAILED' : 'ok'}  ${converged}`,
    `allowed ${String(allowed.sent)} sent, ${String(allowed.lost)} lost`,
    `refused ${String(refused.sent)} sent, ${String(refused.passed)} passed`,
    `${String(allowed.undecided + refused.undecided)} undecided`,
    parameters,
  ]
    .join('; ')
    .concat(...violations.map(indented))
    .concat(evidence === undefined ? '' : `\n        evidence: ${evidence}`);
}

/** The evidence contains all lines. */
const LINES = 12;

function indented(text: string): string {
  const lines = text.split('\n');
  const more = lines.length > LINES ? [`… and ${String(lines.length - LINES)} more`] : [];
  return [...lines.slice(0, LINES), ...more].map((each) => `\n        ${each}`).join('');
}

export const hasFailed = ({ verdict, convergedMs }: Outcome): boolean =>
  verdict.violations.length > 0 || convergedMs === undefined;

/** Results by class and in total. The last line is `N passed, N failed`. */
export function table(outcomes: readonly Outcome[]): string {
  const classes = [...new Set(outcomes.map(({ fault }) => fault))].sort();
  const rows = classes.map((fault) =>
    row(
      fault,
      outcomes.filter((each) => each.fault === fault),
    ),
  );
  const lines = [HEADER, ...rows, row('total', outcomes)];
  const widths = HEADER.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const aligned = lines.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const failed = outcomes.filter(hasFailed).length;
  return `${aligned.join('\n')}\n\n${String(outcomes.length - failed)} passed, ${String(failed)} failed`;
}

const HEADER = [
  'fault',
  'times',
  'failed',
  'converged s p50',
  'max',
  'allowed sent',
  'lost',
  'refused sent',
  'passed',
  'undecided',
];

function row(name: string, outcomes: readonly Outcome[]): readonly string[] {
  const times = outcomes.flatMap(({ convergedMs }) => convergedMs ?? []).sort((a, b) => a - b);
  const inSeconds = (ms: number | undefined): string => (ms === undefined ? '-' : (ms / 1000).toFixed(1));
  const sum = (count: (verdict: Verdict) => number): string =>
    String(outcomes.reduce((total, { verdict }) => total + count(verdict), 0));
  return [
    name,
    String(outcomes.length),
    String(outcomes.filter(hasFailed).length),
    inSeconds(times[Math.floor(times.length / 2)]),
    inSeconds(times.at(-1)),
    sum(({ allowed }) => allowed.sent),
    sum(({ allowed }) => allowed.lost),
    sum(({ refused }) => refused.sent),
    sum(({ refused }) => refused.passed),
    sum(({ allowed, refused }) => allowed.undecided + refused.undecided),
  ];
}
