import { expect, test } from '@jest/globals';
import { suggestions } from './suggest.ts';

test.each([
  ['excpet', 'except'],
  ['ingres', 'ingress'],
  ['PEERS', 'peers'],
  ['prots', 'ports'],
  ['nodes', undefined],
  ['x', undefined],
  ['', undefined],
])('%s → %s', (word, meant) => {
  expect(suggestions(1)(word, ['except', 'ingress', 'peers', 'ports', 'mode'])).toBe(meant);
});

test('suggests for as many words as it was told to', () => {
  const suggest = suggestions(2);
  expect([1, 2, 3].map(() => suggest('prots', ['ports']))).toEqual(['ports', 'ports', undefined]);
});

test.each([
  ['ingresss', ['ingres', 'ingress']],
  ['ingresss', ['ingress', 'ingres']],
  ['pots', ['ports', 'prots']],
])('suggests the nearest word, and of several the first: %s', (word, known) => {
  expect(suggestions(1)(word, known)).toMatch(/^(ingress|ports)$/);
});

test('a swap of two letters is as far as a letter too many', () => {
  expect(suggestions(1)('prots', ['pots', 'ports'])).toBe('pots');
  expect(suggestions(1)('prots', ['ports', 'pots'])).toBe('ports');
});
