import { expect, test } from '@jest/globals';
import { nearest } from './suggest.ts';

test.each([
  ['excpet', 'except'],
  ['ingres', 'ingress'],
  ['PEERS', 'peers'],
  ['prots', 'ports'],
  ['nodes', undefined],
  ['x', undefined],
  ['', undefined],
])('%s → %s', (word, meant) => {
  expect(nearest(word, ['except', 'ingress', 'peers', 'ports', 'mode'])).toBe(meant);
});
