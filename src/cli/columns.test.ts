import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import { columns, paragraph } from './columns.ts';

test('columns are as wide as their longest cell', () => {
  expect(
    columns([
      ['A', 'B', 'C'],
      ['one', 'b', ''],
      ['x', 'bbb', 'c d'],
    ]),
  ).toBe('A     B     C\none   b\nx     bbb   c d\n');
});

test('a long name stands alone, and a long list continues below', () => {
  const name = 'n'.repeat(63);
  const list = Array.from({ length: 20 }, (_, index) => `default/group-${String(index)}`).join(', ');
  const lines = columns([
    ['NAME', 'GROUPS'],
    [name, list],
  ]).split('\n');
  expect(lines[1]).toBe(name);
  expect(lines[2]).toMatch(/^ {7}default\/group-0, /);
  expect(lines.slice(2).join(' ').replaceAll(/ +/g, ' ').trim()).toBe(list);
});

test('a last cell with a word that has no room stands below', () => {
  const field = 'defaults.exempt.systemNamespaces';
  expect(columns([['N'.repeat(30), 'S'.repeat(17), 'T'.repeat(16), field]])).toBe(
    `${'N'.repeat(30)}   ${'S'.repeat(17)}   ${'T'.repeat(16)}\n    ${field}\n`,
  );
});

const word = fc.string({ minLength: 1, maxLength: 20 }).map((text) => text.replaceAll(/\s/g, '-'));

test('no line is longer than 80 characters unless a word is', () => {
  const cells = fc.tuple(
    word,
    word,
    fc.array(word, { minLength: 1 }).map((words) => words.join(' ')),
  );
  fc.assert(
    fc.property(fc.array(cells, { minLength: 1 }), (rows) => {
      for (const line of columns(rows).split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    }),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const text = words.join(' ');
      const lines = paragraph(text).split('\n').slice(0, -1);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
      expect(lines.map((line, index) => (index === 0 ? line : line.slice(2))).join(' ')).toBe(text);
    }),
  );
});
