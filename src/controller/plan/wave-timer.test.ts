import { describe, expect, test } from '@jest/globals';
import { allow, creation, deny, endpoint, nodeAllow, removal, set, tier } from '../testing/objects.ts';
import { ordered } from './order.ts';
import type { Step } from './step.ts';
import type { Transition } from './transition.ts';
import { SETTLE_MS, WaveTimer } from './wave-timer.ts';

/** A timer that was made long ago, and its clock. */
function settled(): { timer: WaveTimer; advance: (ms: number) => void; at: () => number } {
  let now = 5_000;
  const timer = new WaveTimer({ now: () => now });
  now += 1_000_000;
  return {
    timer,
    advance: (ms) => {
      now += ms;
    },
    at: () => now,
  };
}

const transition = (steps: readonly Step[], staged = true): Transition => ({
  plan: {
    phases: ordered(steps),
    comparisons: [],
    frozen: [],
    strays: new Map(),
    orphans: [],
    lingering: [],
    held: [],
    needed: [],
  },
  staged,
  needsStored: false,
});
const never = (): boolean => false;
const due = (
  timer: WaveTimer,
  steps: readonly Step[],
  { staged = true, ignoresWaves = never }: { staged?: boolean; ignoresWaves?: (step: Step) => boolean } = {},
) => {
  const { phases, waitMs } = timer.due(transition(steps, staged), ignoresWaves);
  return { steps: phases.map((some) => some.map(({ id }) => id)), waitMs };
};

const web = creation(allow({ name: 'web' }));
const some = creation(set({ name: 'office' }));
const closing = creation(deny({ name: 'deny' }));
const oldSet = removal(set({ name: 'old' }));
const oldTier = removal(tier());
const zone = removal(nodeAllow({ name: 'zone' }));
const joining = creation(endpoint('n', '*'));

describe('where waves wait', () => {
  test('only the first one is due', () => {
    const { timer } = settled();
    expect(due(timer, [web, some, closing])).toEqual({ steps: [['GlobalNetworkSet/office']], waitMs: 0 });
    expect(due(timer, [oldSet, web, closing])).toEqual({
      steps: [['GlobalNetworkPolicy/web'], ['GlobalNetworkPolicy/deny']],
      waitMs: 0,
    });
  });

  test('the next one waits until the ones before it have settled', () => {
    const { timer, advance } = settled();
    timer.wrote([some], true);
    advance(300);
    expect(due(timer, [web])).toEqual({ steps: [], waitMs: SETTLE_MS - 300 });
    advance(SETTLE_MS - 300);
    expect(due(timer, [web])).toEqual({ steps: [['GlobalNetworkPolicy/web']], waitMs: 0 });
  });

  test('none waits for its own wave, nor for a later one', () => {
    const { timer } = settled();
    timer.wrote([web, oldSet], true);
    expect(due(timer, [web]).waitMs).toBe(0);
  });

  test('the first wave waits for nothing, not even after an outage', () => {
    const { timer, at } = settled();
    timer.noteOutageEnd(at());
    expect(due(timer, [some]).waitMs).toBe(0);
  });

  test('all others wait longer after an outage, in which nodes hear of nothing', () => {
    const { timer, advance, at } = settled();
    timer.noteOutageEnd(at());
    advance(100);
    expect(due(timer, [web])).toEqual({ steps: [], waitMs: 9_900 });
  });

  test('a new process waits a second for what an earlier one may have written', () => {
    const timer = new WaveTimer({ now: () => 7 });
    expect(due(timer, [web]).waitMs).toBe(1000);
    expect(due(timer, [some]).waitMs).toBe(0);
  });

  test('repairs go with any wave, and meanwhile', () => {
    const { timer } = settled();
    const ignoresWaves = (step: Step): boolean => step === closing || step === oldTier;
    timer.wrote([some], true);
    expect(due(timer, [web, closing, oldTier], { ignoresWaves })).toEqual({
      steps: [['GlobalNetworkPolicy/deny'], [oldTier.id]],
      waitMs: SETTLE_MS,
    });
    expect(due(timer, [closing], { ignoresWaves })).toEqual({
      steps: [['GlobalNetworkPolicy/deny']],
      waitMs: 0,
    });
  });

  test.each([
    { endpoints: { leaving: true, joining: false }, first: SETTLE_MS, last: SETTLE_MS },
    { endpoints: { leaving: false, joining: true }, first: 0, last: SETTLE_MS },
    { endpoints: { leaving: false, joining: false }, first: 0, last: 0 },
  ])('for endpoints that are not ours: $endpoints', ({ endpoints, first, last }) => {
    const { timer } = settled();
    timer.noteEndpoints(endpoints);
    expect(due(timer, [web]).waitMs).toBe(first);
    expect(due(timer, [oldSet]).waitMs).toBe(last);
  });
});

describe('where no wave waits', () => {
  test('everything is due, in its order', () => {
    const { timer } = settled();
    expect(due(timer, [oldSet, web, some], { staged: false })).toEqual({
      steps: [['GlobalNetworkSet/office'], ['GlobalNetworkPolicy/web'], ['GlobalNetworkSet/old']],
      waitMs: 0,
    });
  });

  test('what was written of a transition settles first', () => {
    const { timer, advance } = settled();
    timer.wrote([some], true);
    expect(due(timer, [web], { staged: false })).toEqual({ steps: [], waitMs: SETTLE_MS });
    advance(SETTLE_MS);
    expect(due(timer, [web, oldSet], { staged: false }).steps).toHaveLength(2);
  });

  test('an outage settles first', () => {
    const { timer, at } = settled();
    timer.noteOutageEnd(at());
    expect(due(timer, [web], { staged: false })).toEqual({ steps: [], waitMs: 10_000 });
  });

  test.each([
    ['sets', oldSet],
    ['policies of nodes', zone],
    ['endpoints', joining],
  ])('the last steps wait for what was written before: %s', (_, last) => {
    const { timer, advance } = settled();
    timer.wrote([web], false);
    expect(due(timer, [last], { staged: false })).toEqual({ steps: [], waitMs: SETTLE_MS });
    advance(SETTLE_MS);
    expect(due(timer, [last], { staged: false })).toEqual({ steps: [[last.id]], waitMs: 0 });
  });

  test('there may be nothing to do', () => {
    expect(due(settled().timer, [], { staged: false })).toEqual({ steps: [], waitMs: 0 });
  });
});

describe('a transition has settled', () => {
  test('a while after its last write', () => {
    expect(new WaveTimer({ now: () => 0 }).settlingMs).toBe(0);
    const { timer, advance } = settled();
    expect(timer.settlingMs).toBe(0);
    timer.wrote([some], true);
    expect(timer.settlingMs).toBe(SETTLE_MS);
    advance(400);
    timer.wrote([web], false);
    expect(timer.settlingMs).toBe(SETTLE_MS - 400);
    advance(SETTLE_MS);
    expect(timer.settlingMs).toBe(0);
  });

  test('later when there was an outage', () => {
    const { timer, at } = settled();
    timer.wrote([some], true);
    timer.noteOutageEnd(at() - 500);
    expect(timer.settlingMs).toBe(9_500);
  });
});
