import { expect, test } from '@jest/globals';
import { printable } from './printable.ts';

test.each([
  ['web-7', 'web-7'],
  ['a b.c', 'a b.c'],
  ['\u001b[31mred', String.raw`\u{1b}[31mred`],
  ['one\ntwo\r\t', String.raw`one\u{a}two\u{d}\u{9}`],
  ['\u202etxt', String.raw`\u{202e}txt`],
  ['\u009b1m\u007f\u2028', String.raw`\u{9b}1m\u{7f}\u{2028}`],
  ['größe', 'größe'],
])('%j is shown as %s', (text, shown) => {
  expect(printable(text)).toBe(shown);
});
