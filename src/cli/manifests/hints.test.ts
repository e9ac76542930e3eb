import { expect, test } from '@jest/globals';
import { hintsFor } from './hints.ts';

const TEAM = { metadata: { name: 'team' }, spec: { mode: 'Enforce' as const } };
/** A document that has so many bytes as JSON, some of them in characters of two. */
const documentOf = (bytes: number): unknown => ['é'.repeat(10) + 'x'.repeat(bytes - 24)];

test.each([
  [262_144, undefined],
  [262_145, 'kubectl apply keeps a copy in an annotation'],
  [1_000_000, 'kubectl apply keeps a copy in an annotation'],
  [1_000_001, 'etcd takes 1.5 MiB'],
])('a manifest of %d bytes', (bytes, message) => {
  const hints = hintsFor(TEAM, documentOf(bytes), [TEAM]);
  expect(hints.map((hint) => hint.message.includes(message ?? ''))).toEqual(
    message === undefined ? [] : [true],
  );
  expect(hints[0]?.message ?? bytes.toLocaleString('en')).toContain(bytes.toLocaleString('en'));
});
