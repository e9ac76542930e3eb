import { describe, expect, test } from '@jest/globals';
import type { Result } from '../cluster/queue.ts';
import { nextLook, REFUSED_RETRY_MS, type RoundEnd } from './next-look.ts';
import { objectId } from './objects/kinds.ts';

type Nodes = Partial<RoundEnd['nodes']>;
type Outcome = Partial<RoundEnd['outcome']>;
interface End extends Partial<Omit<RoundEnd, 'nodes' | 'outcome' | 'next'>> {
  readonly nodes?: Nodes;
  readonly outcome?: Outcome;
  readonly next?: Partial<RoundEnd['next']>;
}

const look = ({ nodes, outcome, next, ...end }: End): Result =>
  nextLook({
    isShown: true,
    isRefused: false,
    calmMs: 0,
    statusMs: 0,
    assertionsMs: 0,
    openingsMs: 0,
    ...end,
    next: { areDue: false, waits: [], ...next },
    outcome: { stopped: undefined, interrupted: false, written: [], ...outcome },
    nodes: { failure: undefined, mustSettle: false, waits: [], ...nodes },
  });

const after = (ms: number): Result => ({ type: 'requeueAfter', ms });
const retry = ({ message }: { readonly message: string }): Result => ({ type: 'retry', message });
const written = [
  { id: objectId('Tier', { name: 'x' }), kind: 'Tier', uid: 'u', resourceVersion: '1' },
] as const;
const stopped = { message: 'connection reset', retryAfterMs: 0 };

describe('the next look', () => {
  test.each<[string, End, Result]>([
    ['nothing waits', { next: { waits: [0] } }, { type: 'done' }],
    ['a write failed', { outcome: { stopped } }, retry(stopped)],
    ['the server asks for time', { outcome: { stopped: { ...stopped, retryAfterMs: 7000 } } }, after(7000)],
    ['the watch is late', { isShown: false }, retry({ message: 'the watch does not show what was written' })],
    ['the status has more to say', { statusMs: 40_000 }, after(40_000)],
    ['assertions are judged again', { assertionsMs: 40_000 }, after(40_000)],
    ['the round was cut short', { outcome: { interrupted: true } }, after(0)],
    ['the next wave is due', { next: { areDue: true }, outcome: { written } }, after(0)],
    ['the next wave is due, and this one had no effect', { next: { areDue: true } }, after(100)],
    ['the next wave has to wait', { next: { waits: [0, 700, 3000] }, isRefused: true }, after(700)],
    ['something was refused', { isRefused: true, calmMs: 250_000 }, after(REFUSED_RETRY_MS)],
    ['an object is contested', { calmMs: 250_000 }, after(250_000)],
    [
      'a write failed, and another wave is due',
      { outcome: { stopped }, next: { areDue: true } },
      retry(stopped),
    ],
  ])('where %s', (_, end, expected) => {
    expect(look(end)).toEqual(expected);
  });
});

describe('the next look, where nodes wait for something beside the plan', () => {
  /** The longest time for which an object may be contested. */
  const calm: End = { calmMs: 300_000 };
  const soon: End = { next: { areDue: true }, outcome: { written } };
  const passing = { message: 'etcd is sad', isRefused: false };
  const refused = { message: 'no right to patch Nodes', isRefused: true };

  test.each<[string, End, Nodes, Result]>([
    ['nothing waits', {}, { waits: [0, 0] }, { type: 'done' }],
    ['only nodes wait', {}, { waits: [0, 2000] }, after(2000)],
    ['nodes are to be looked at sooner than the plan', calm, { waits: [4000, 0] }, after(4000)],
    ['the plan is to be looked at sooner', { calmMs: 1500 }, { waits: [4000] }, after(1500)],
    ['an enforcement label was refused', calm, { failure: refused }, after(REFUSED_RETRY_MS)],
    [
      'an enforcement label was refused, and nothing else waits',
      {},
      { failure: refused },
      after(REFUSED_RETRY_MS),
    ],
    [
      'an enforcement label was not written, and nothing else is due soon',
      calm,
      { failure: passing },
      retry(passing),
    ],
    ['an enforcement label was not written, and the plan goes on soon', soon, { failure: passing }, after(0)],
    ['the failsafes hold up what is next', soon, { failure: passing, mustSettle: true }, retry(passing)],
    ['the failsafes settle', soon, { mustSettle: true, waits: [800] }, after(0)],
    ['the plan is to be retried', { outcome: { stopped } }, { waits: [4000] }, retry(stopped)],
  ])('%s', (_, end, nodes, expected) => {
    expect(look({ ...end, nodes })).toEqual(expected);
  });
});
