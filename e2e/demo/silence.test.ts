import { expect, test } from '@jest/globals';
import { ManualClock } from '../../src/cluster/testing/manual-clock.ts';
import { tellOfSilence } from './silence.ts';

test('a work that prints nothing is told of every ten seconds, and one that prints is not', async () => {
  const clock = new ManualClock();
  const said: string[] = [];
  const silence = tellOfSilence(clock, (text) => said.push(text));
  await clock.advance(9_000);
  silence.heard();
  await clock.advance(9_000);
  expect(said).toEqual([]);
  await clock.advance(11_000);
  expect(said).toEqual(['  still working, 19 s in all', '  still working, 29 s in all']);
  silence.end();
  await clock.advance(60_000);
  expect(said).toHaveLength(2);
});
