/** Random selectors of the whole grammar, over the few labels of the cast. */
import type { Random } from '../harness/random.ts';

/** Values that the labels of a round may have. */
export const VALUES = {
  app: ['web', 'web-api', 'db'],
  env: ['prod', 'dev'],
  team: ['a', 'b'],
  role: ['reader', 'writer'],
  host: ['edge', 'inner'],
} as const;

export type Key = keyof typeof VALUES;

/** Labels with some of the keys. */
export function labels(random: Random, keys: readonly Key[]): Readonly<Record<string, string>> {
  const some = keys.filter(() => random.between(1, 10) <= 8);
  return Object.fromEntries(some.map((key) => [key, random.pick<string>(VALUES[key])]));
}

/** @param depth the number of levels of operators that may still follow */
export function selector(random: Random, keys: readonly Key[], depth = 2): string {
  if (depth === 0 || random.between(1, 10) <= 6) return term(random, keys);
  const [a, b] = [selector(random, keys, depth - 1), selector(random, keys, depth - 1)];
  return random.pick([
    `(${a}) && ${b}`,
    `${a} || ${b}`,
    `!(${a})`,
    `${a} && (${b} || ${term(random, keys)})`,
  ]);
}

function term(random: Random, keys: readonly Key[]): string {
  const key = random.pick(keys);
  const values: readonly string[] = VALUES[key];
  const [value, other] = [random.pick(values), random.pick(values)];
  const half = value.slice(0, 2);
  return random.pick([
    `${key} == '${value}'`,
    `${key} == "${value}"`,
    `${key} != '${value}'`,
    `${key} in { '${value}', '${other}' }`,
    `${key} not in { '${value}' }`,
    `has(${key})`,
    `!has(${key})`,
    `${key} contains '${value.slice(-2)}'`,
    `${key} starts with '${half}'`,
    `${key} ends with '${value.slice(-1)}'`,
    'all()',
  ]);
}
