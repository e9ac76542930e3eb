import { describe, expect, test } from '@jest/globals';
import { createTally } from './tally.ts';

const LIMITS = { answerWithin: 900, controlWithin: 450, controls: 1, sentWithin: 60 };
const LATER = 10_000;

/**
 * One packet every 20 ms. `.`: both answered; `x`: the control alone; `-`: neither; `?`: the packet alone;
 * `_`: none, the sender is stopped
 */
function tallyOf(packets: string, limits = LIMITS): ReturnType<ReturnType<typeof createTally>['total']> {
  const tally = createTally(limits, 0);
  let packet = 0;
  packets.split('').forEach((fate, i) => {
    if (fate === '_') return;
    packet += 1;
    tally.sent(packet, i * 20);
    if (fate === '.' || fate === '?') tally.answered(packet, i * 20 + 1);
    if (fate === '.' || fate === 'x') tally.controlAnswered(packet, i * 20 + 1);
  });
  tally.settle(LATER);
  return tally.total();
}

describe('a tally', () => {
  test('counts packets sent, answered and lost', () => {
    expect(tallyOf('..-x.')).toMatchObject({
      sent: 5,
      answered: 3,
      lost: 2,
      controlled: 4,
      milliseconds: 80,
    });
  });

  test('counts a loss only where the control answered', () => {
    expect(tallyOf('.---.')).toMatchObject({ lost: 3, countedLosses: 0, longestGapMs: 0, lossTimes: [] });
    expect(tallyOf('.x.?.')).toMatchObject({
      lost: 1,
      countedLosses: 1,
      lossTimes: ['1970-01-01T00:00:00.020Z'],
    });
  });

  test('measures a gap from the answer before it to the answer after it', () => {
    expect(tallyOf('..xxx..x.').longestGapMs).toBe(80);
    expect(tallyOf('.-x-.').longestGapMs).toBe(80);
    expect(tallyOf('.----.x.').longestGapMs).toBe(40);
  });

  test('measures a gap without answers around it from the first to the last packet', () => {
    expect(tallyOf('xxxx')).toMatchObject({ answered: 0, longestGapMs: 60 });
    expect(tallyOf('xxxx')).not.toHaveProperty('firstAnswered');
    expect(tallyOf('xx.')).toMatchObject({ longestGapMs: 40, firstAnswered: '1970-01-01T00:00:00.040Z' });
  });

  test('ignores an answer after its time', () => {
    const tally = createTally(LIMITS, 0);
    tally.sent(1, 0);
    tally.controlAnswered(1, 100);
    tally.answered(1, 901);
    tally.sent(2, 0);
    tally.controlAnswered(2, 451);
    tally.settle(LATER);
    expect(tally.total()).toMatchObject({ lost: 2, controlled: 1, countedLosses: 1 });
  });

  test('counts a late answer as lost only while the machine is fast enough all the time', () => {
    const limits = { answerWithin: 100, controlWithin: 50, controls: 5, sentWithin: 60 };
    expect(tallyOf('.xxxxx.', limits).countedLosses).toBe(2);
    expect(tallyOf('.x.-..x...', limits)).toMatchObject({ lost: 3, countedLosses: 0 });
    const slow = createTally(limits, 0);
    for (const [packet, at] of [0, 30, 60, 90, 120].entries()) {
      slow.sent(packet, at);
      slow.controlAnswered(packet, at + 1);
    }
    slow.settle(LATER);
    expect(slow.total()).toMatchObject({ lost: 5, countedLosses: 0 });
  });

  test('does not decide on losses right before or after the sender was stopped for more than 40 ms', () => {
    expect(tallyOf('.xx___x.x.')).toMatchObject({ sent: 7, lost: 4, controlled: 5, countedLosses: 2 });
    expect(tallyOf('.xx__x.x.')).toMatchObject({ sent: 7, lost: 4, controlled: 7, countedLosses: 4 });
    expect(tallyOf('.x___.x.')).toMatchObject({ lost: 2, countedLosses: 1 });
    expect(tallyOf('..___..')).toMatchObject({
      ...{ lost: 0, controlled: 4, countedLosses: 0 },
      stalls: [{ from: '1970-01-01T00:00:00.020Z', to: '1970-01-01T00:00:00.100Z' }],
    });
    expect(tallyOf('..__..').stalls).toEqual([]);
  });

  test('does not decide on a late answer where the sender was stopped meanwhile', () => {
    const limits = { answerWithin: 400, controlWithin: 50, controls: 3, sentWithin: 60 };
    expect(tallyOf('.xx...___.', limits).countedLosses).toBe(2);
    expect(tallyOf('.xx..___..', limits).countedLosses).toBe(1);
    expect(tallyOf('.xx.___...', limits).countedLosses).toBe(0);
  });

  test('leaves out packets that may still be answered', () => {
    const tally = createTally(LIMITS, 0);
    tally.sent(1, 0);
    tally.sent(2, 20);
    tally.settle(901);
    expect(tally.total()).toMatchObject({ sent: 1, lost: 1 });
  });
});
