/**
 * Stories with packets, on one cluster with one operator. A test's name begins with its id: jest
 * --selectProjects packets --testNamePattern '\bS3\b'
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { complaints } from './felix-logs.ts';
import { clearAway } from '../harness/firewall.ts';
import { startStage, type Stage } from '../harness/pods-stage.ts';
import type { Story } from './story.ts';

const START_WITHIN = 600_000;
const STORY_WITHIN = 600_000;

export const playStories = (stories: readonly Story[]): void => {
  let stage: Stage | undefined;

  function theStage(): Stage {
    if (stage === undefined) throw new Error('the stage did not start: see the first error');
    return stage;
  }

  beforeAll(async () => {
    stage = await startStage();
  }, START_WITHIN);

  // Leftovers of a failed story must not fail the next one.
  afterEach(async () => {
    if (stage !== undefined) await clearAway(stage.cluster);
  }, START_WITHIN);

  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  }, START_WITHIN);

  test.each(stories)('$id $title', (story) => story.play(theStage()), STORY_WITHIN);

  test('Felix programmed everything', async () => {
    expect(await complaints(theStage().cluster)).toEqual([]);
  });
};
