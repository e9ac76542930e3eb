import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { expressions } from './dashboard.ts';

const DOCS = readFileSync(path.resolve(import.meta.dirname, '../docs/metrics.md'), 'utf8');
/** Names of metrics have an underscore, and stand before labels, a range or the end of an expression. */
const METRIC = /\b[a-z]+(?:_[a-z]+)+\b(?=[{[)]|$)/g;

test('the dashboard asks for metrics that docs/metrics.md lists', () => {
  const names = new Set(expressions().flatMap((each) => [...each.matchAll(METRIC)].map(([name]) => name)));
  expect(names.size).toBeGreaterThan(10);
  const unknown = [...names].filter(
    (name) =>
      !name.startsWith('process_') &&
      !DOCS.includes(`\`${name.replace(/_bucket$/, '')}\``) &&
      !DOCS.includes(`\`${name}\``),
  );
  expect(unknown).toEqual([]);
});
