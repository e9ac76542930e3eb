import { expect, test } from '@jest/globals';
import { listed, QuestionError, refuseTooMany } from './errors.ts';

test('a table that nobody reads is refused with the way to a smaller one', () => {
  expect(() => {
    refuseTooMany(600, 600);
  }).not.toThrow();
  expect(() => {
    refuseTooMany(700, 700);
  }).toThrow(QuestionError);
});

test('long lists are cut, and say how much is missing', () => {
  expect(listed(['a', 'b'], 2)).toBe('a, b');
  expect(listed(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
});
