import { expect, test } from '@jest/globals';
import { withFields } from './logger.ts';
import { recordingLogger } from './testing/logs.ts';

test.each(['debug', 'info', 'warn', 'error'] as const)('adds its fields to a line of level %s', (level) => {
  const log = recordingLogger();
  let round = 1;
  const child = withFields(log, () => ({ round, object: '' }));
  child[level]({ object: 'Tier/x' }, 'one');
  round = 2;
  child[level]({}, 'two');
  expect(log.lines).toEqual([
    { level, message: 'one', fields: { round: 1, object: 'Tier/x' } },
    { level, message: 'two', fields: { round: 2, object: '' } },
  ]);
});
