import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ListReader } from './list-reader.ts';

/** Text that looks like structure, and keys that look like the wanted key. */
const awkward = fc.oneof(
  fc.string(),
  fc.constantFrom('items', '"items":[', '\\', '\\"', '[{', ']},', ',', 'ü\u2028'),
);
const value = fc.jsonValue({ stringUnit: 'binary' });
const item = fc.oneof(value, fc.dictionary(awkward, fc.oneof(awkward, value)), fc.array(awkward));
const envelope = fc.record(
  { kind: awkward, metadata: fc.dictionary(awkward, item), items: fc.array(item), after: item },
  { requiredKeys: [] },
);

function read(text: string, cuts: readonly number[], map: (each: unknown) => unknown): unknown {
  const reader = new ListReader(map);
  const at = [...cuts.map((cut) => cut % (text.length + 1)), 0, text.length].sort((a, b) => a - b);
  at.slice(1).forEach((end, index) => {
    reader.push(text.slice(at[index], end));
  });
  return reader.end();
}

describe('a list read piece by piece', () => {
  test('is what JSON.parse makes of it, wherever it is cut, with each item mapped once', () => {
    fc.assert(
      fc.property(envelope, fc.array(fc.nat(), { maxLength: 8 }), fc.boolean(), (object, cuts, spaced) => {
        const text = JSON.stringify(object, null, spaced ? 2 : undefined);
        const whole = JSON.parse(text) as { items?: readonly unknown[] };
        const expected =
          whole.items === undefined ? whole : { ...whole, items: whole.items.map((each) => ({ each })) };
        expect(read(text, cuts, (each) => ({ each }))).toEqual(expected);
      }),
    );
  });

  test('hands an item over when it is whole, not when the list is', () => {
    const seen: unknown[] = [];
    const reader = new ListReader((each) => seen.push(each));
    reader.push('{"items":[{"a":1},{"b"');
    expect(seen).toEqual([{ a: 1 }]);
    reader.push(':2}]}');
    expect(seen).toEqual([{ a: 1 }, { b: 2 }]);
  });

  test('may be empty, which Go writes as null', () => {
    expect(read('{"items":null,"kind":"List"}', [], () => 'mapped')).toEqual({ items: null, kind: 'List' });
    expect(read('{"items":[ \n ]}', [11], () => 'mapped')).toEqual({ items: [] });
  });

  test.each([
    ['an object in the list', '{"items":[{"a":"', 'x'.repeat(5)],
    ['the list without its objects', '{"metadata":{"continue":"', 'x'.repeat(5)],
    ['the list', '{"items":[1,', '1,'.repeat(3)],
  ])('throws when %s grows without end', (what, start, more) => {
    const reader = new ListReader((each) => each, { object: 100, envelope: 100, answer: 500 });
    reader.push(start);
    const endless = (): void => {
      for (let pushes = 0; pushes < 1000; pushes += 1) reader.push(more);
    };
    expect(endless).toThrow(
      new RangeError(`${what} has more than ${what === 'the list' ? '500' : '100'} characters`),
    );
  });

  test('may have many objects that are large together', () => {
    const reader = new ListReader(() => 1, { object: 100, envelope: 100, answer: 50_000 });
    reader.push('{"items":[0');
    for (let pushes = 0; pushes < 1000; pushes += 1) reader.push(`,"${'x'.repeat(40)}"`);
    reader.push(']}');
    expect(reader.end()).toMatchObject({ items: { length: 1001 } });
  });

  test.each(['', '{"items":[{"a":1}', '{"items":[{"a":1},', '{"items":[]'])(
    'that was cut short throws: %s',
    (text) => {
      expect(() => read(text, [], (each) => each)).toThrow(SyntaxError);
    },
  );
});
