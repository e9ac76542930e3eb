import { expect, test } from '@jest/globals';
import { readNamespace } from './namespaces.ts';

test('a namespace that is being deleted is marked', () => {
  expect(readNamespace({ metadata: { name: 'shop', labels: { a: 'b' } } })).toEqual({
    name: 'shop',
    labels: { a: 'b' },
  });
  const terminating = { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(readNamespace({ metadata: terminating })).toEqual({ name: 'shop', labels: {}, terminating: true });
});
