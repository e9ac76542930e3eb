import { describe, expect, test } from '@jest/globals';
import { mutate } from './mutant.ts';
import { isProgram, mutantsOf } from './operators.ts';

/** The text of each mutant, with single spaces. */
const mutated = (source: string): string[] =>
  mutantsOf(source).map((mutant) => mutate(source, mutant).replaceAll(/\s+/g, ' ').trim());

describe('mutants', () => {
  test.each<[what: string, source: string, ...mutants: string[]]>([
    ['a condition', 'if (a) b();', 'if (false) b();', 'if (true) b();'],
    ['the condition of a loop', 'while (a) b();', 'while (false) b();'],
    ['a choice', 'x(a ? b : c);', ';', 'x(false ? b : c);', 'x(true ? b : c);'],
    ['statements', 'f(); throw e;', '; throw e;', 'f(); ;'],
    [
      'the clauses of a switch',
      'switch (a) { case 1: break; default: }',
      ';',
      'switch (a) { default: }',
      'switch (a) { case 0: break; default: }',
      'switch (a) { case 1: ; default: }',
    ],
    ['elements', `const x = ['a', ...b,];`, 'const x = [ ...b,];', `const x = ['a',];`],
    ['the only element', `const x = ['a',];`, 'const x = [];'],
    ['properties', 'const x = { a, b: c };', 'const x = { b: c };', 'const x = { a };'],
    ['operands', 'const x = a && b && c;', 'const x = b && c;', 'const x = a && c;', 'const x = a && b;'],
    [
      'operands of both kinds',
      'const x = a && b || c;',
      'const x = c;',
      'const x = b || c;',
      'const x = a || c;',
      'const x = a && b;',
    ],
    ['a fallback', 'const x = a ?? b;', 'const x = b;', 'const x = a;'],
    ['a comparison', 'const x = a < b;', 'const x = a >= b;', 'const x = a <= b;'],
    ['a comparison that is a condition', 'if (a === b) {}', 'if (false) {}', 'if (true) {}'],
    ['arithmetic', 'const x = a + b;', 'const x = a - b;'],
    ['negations', 'const x = !a; const y = -b;', 'const x = a; const y = -b;', 'const x = !a; const y = b;'],
    ['counting', 'const x = a++;', 'const x = a--;'],
    ['only the sign of what a comparator gives', 'const x = -1;', 'const x = 1;'],
    ['truth', 'const x = true;', 'const x = false;'],
    ['numbers', 'const x = 1; const y = 9n;', 'const x = 0; const y = 9n;', 'const x = 1; const y = 10n;'],
    ['the ends of a pattern', 'const x = /^a$/u;', 'const x = /a$/u;', 'const x = /^a/u;'],
    ['names', `const x = 'Tier';`, `const x = '';`],
    [
      'a predicate',
      'const x = a.some(f);',
      'const x = a.every(f);',
      'const x = a.some(() => true);',
      'const x = a.some(() => false);',
    ],
    ['a chain', 'const x = a.f().sort();', 'const x = a.f();'],
    ['what may be absent', 'const x = a?.b;', 'const x = a.b;'],
    ['a result', 'const x = () => a;', 'const x = () => undefined;'],
  ])('change %s', (_, source, ...expected) => {
    expect(mutated(source).toSorted()).toEqual(expected.toSorted());
  });

  test.each([
    ['types', `type A = 'a' | true; interface B { a: 1 } const x: A | undefined = b as { a: 1 };`],
    ['imports and exports', `import { a } from './a.ts'; export { b } from './b.ts';`],
    ['declarations', 'const { a, b } = c; function f(d: E) {} class G {}'],
    ['words for people', `const x = 'must have a name'; const y = \`\${a} is \` + b;`],
  ])('leave %s alone', (_, source) => {
    expect(mutated(source)).toEqual([]);
  });

  test('come in the order of the text, each once', () => {
    const starts = mutantsOf('f(a && b, 1); while (true) g([c]);').map(({ start }) => start);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(mutated('while (true) f();')).toEqual(['while (false) f();']);
  });
});

test('a replacement that breaks the syntax is found out', () => {
  expect(isProgram('const x: number = a ?? 1;')).toBe(true);
  expect(isProgram('const x: number = a ?? ;')).toBe(false);
});
