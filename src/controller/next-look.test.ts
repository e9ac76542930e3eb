import { describe, expect, test } from '@jest/globals';
import type { Result } from '../cluster/queue.ts';
import type { NodesWaiting } from './nodes/rollout.ts';
import { soonest, REFUSED_RETRY_MS } from './next-look.ts';

const after = (ms: number): Result => ({ type: 'requeueAfter', ms });
const next = (plan: Result, nodes: Partial<NodesWaiting>): Result =>
  soonest(plan, { failure: undefined, isHolding: false, waits: [], ...nodes });

/** As long as an object of pods may be contested. */
const CALM = after(300_000);
const passing = { message: 'connection reset', isRefused: false };
const refused = { message: 'no right to patch Nodes', isRefused: true };

describe('the next look, where nodes wait for something beside the plan', () => {
  test.each<[string, Result, Partial<NodesWaiting>, Result]>([
    ['nothing waits', { type: 'done' }, { waits: [0, 0] }, { type: 'done' }],
    ['only nodes wait', { type: 'done' }, { waits: [0, 2000] }, after(2000)],
    ['nodes are to be looked at sooner than the plan', CALM, { waits: [4000, 0] }, after(4000)],
    ['the plan is to be looked at sooner', after(1500), { waits: [4000] }, after(1500)],
    ['an enforcement label was refused', CALM, { failure: refused }, after(REFUSED_RETRY_MS)],
    [
      'an enforcement label was not written, and nothing else is due soon',
      CALM,
      { failure: passing },
      retry(passing),
    ],
    [
      'an enforcement label was not written, and the plan goes on soon',
      after(0),
      { failure: passing },
      after(0),
    ],
    ['the failsafes hold up what is next', after(0), { failure: passing, isHolding: true }, retry(passing)],
    ['the plan is to be retried', retry(refused), { waits: [4000] }, retry(refused)],
  ])('%s', (_name, plan, nodes, expected) => {
    expect(next(plan, nodes)).toEqual(expected);
  });
});

function retry({ message }: { readonly message: string }): Result {
  return { type: 'retry', message };
}
