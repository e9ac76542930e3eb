import { describe, expect, test } from '@jest/globals';
import type { FlowTally } from '../cluster.ts';
import type { FlowSpec } from './flows.ts';
import { INITIAL, type State } from './state.ts';
import { judge } from './verdict.ts';

const admin: State = { ...INITIAL, admin: true };
const nobody = new Set<string>();

const flow = (id: string, isAllowed: FlowSpec['isAllowed']): FlowSpec => ({
  id,
  from: 'edge/proxy1',
  to: 'app/web1',
  port: 80,
  protocol: 'TCP',
  kind: 'new',
  isAllowed,
});
const open = flow('open', () => true);
const shut = flow('shut', () => false);
const opened = flow('opened', (state) => state.admin);

const tally = (answered: number, countedLosses: number): FlowTally => ({
  sent: answered + countedLosses,
  answered,
  lost: countedLosses,
  controlled: answered + countedLosses,
  countedLosses,
  lossTimes: [],
  stalls: [],
  longestGapMs: 0,
  milliseconds: 1000,
});

describe('a flow that is allowed all the time', () => {
  test('may lose no probe', () => {
    expect(judge([{ flow: open, tally: tally(100, 0) }], [INITIAL, admin], nobody)).toEqual({
      allowed: { sent: 100, lost: 0, undecided: 0 },
      refused: { sent: 0, passed: 0, undecided: 0 },
      violations: [],
    });
    const { allowed, violations } = judge([{ flow: open, tally: tally(99, 1) }], [INITIAL, admin], nobody);
    expect(allowed).toEqual({ sent: 100, lost: 1, undecided: 0 });
    expect(violations).toEqual([expect.stringContaining('open: lost 1 of 100 probes')]);
  });

  test('a loss while the control path was silent or the sender was stopped is undecided, and reported', () => {
    const busy = { ...tally(100, 0), sent: 120, lost: 20 };
    const { allowed, violations } = judge([{ flow: open, tally: busy }], [INITIAL], nobody);
    expect(violations).toEqual([]);
    expect(allowed).toEqual({ sent: 100, lost: 0, undecided: 20 });
  });

  test('a loss among undecided probes counts', () => {
    const busy = { ...tally(99, 1), sent: 120, lost: 21 };
    const { allowed, violations } = judge([{ flow: open, tally: busy }], [INITIAL], nobody);
    expect(violations).toEqual([expect.stringContaining('open: lost 1 of 100 probes')]);
    expect(allowed).toEqual({ sent: 100, lost: 1, undecided: 20 });
  });

  test('a late answer while any sender was stopped is undecided, but a lost packet counts', () => {
    const at = (ms: number): string => new Date(ms).toISOString();
    const losing = { ...tally(99, 1), lossTimes: [at(1000)] };
    const stalled = (from: number, to: number) => ({
      ...{ flow: shut, tally: { ...tally(0, 100), stalls: [{ from: at(from), to: at(to) }] } },
    });
    const lostOf = (lossy: FlowSpec, from: number, to: number): number =>
      judge([{ flow: lossy, tally: losing }, stalled(from, to)], [INITIAL], nobody).allowed.lost;
    const connection: FlowSpec = { ...open, kind: 'established' };
    expect(lostOf(connection, 950, 1050)).toBe(0);
    expect(lostOf(connection, 1090, 1200)).toBe(0);
    expect(lostOf(connection, 800, 990)).toBe(1);
    expect(lostOf(connection, 1110, 1200)).toBe(1);
    expect(lostOf(open, 950, 1050)).toBe(1);
    expect(lostOf({ ...connection, protocol: 'UDP' }, 950, 1050)).toBe(1);
  });

  test('silence proves nothing', () => {
    expect(judge([{ flow: open, tally: tally(0, 0) }], [INITIAL], nobody).violations).toHaveLength(1);
    expect(judge([{ flow: shut, tally: tally(0, 0) }], [INITIAL], nobody).violations).toHaveLength(1);
  });
});

test('a flow that is refused all the time may pass no probe', () => {
  expect(judge([{ flow: shut, tally: tally(0, 100) }], [INITIAL, admin], nobody)).toEqual({
    allowed: { sent: 0, lost: 0, undecided: 0 },
    refused: { sent: 100, passed: 0, undecided: 0 },
    violations: [],
  });
  const { refused, violations } = judge([{ flow: shut, tally: tally(1, 99) }], [INITIAL], nobody);
  expect(refused).toEqual({ sent: 100, passed: 1, undecided: 0 });
  expect(violations).toEqual([expect.stringContaining('shut: 1 of 100 probes passed')]);
});

test('a flow that the work opens, or another client disturbs, has no verdict', () => {
  const observations = [{ flow: opened, tally: tally(50, 50) }];
  expect(judge(observations, [INITIAL, admin], nobody).violations).toEqual([]);
  expect(judge(observations, [admin, admin], nobody).violations).toHaveLength(1);
  expect(judge(observations, [admin, admin], new Set(['opened'])).violations).toEqual([]);
});
