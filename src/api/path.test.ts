import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatPath, parsePath } from './path.ts';

test('a path reads as people write it', () => {
  expect(formatPath(['spec', 'namespaces', 0, 'ingress', 2, 'from', 1, 'peer'])).toBe(
    'spec.namespaces[0].ingress[2].from[1].peer',
  );
  expect(formatPath(['matchLabels', 'a.b/c'])).toBe('matchLabels["a.b/c"]');
  expect(formatPath([])).toBe('');
});

test('a key longer than any label key is cut', () => {
  expect(formatPath(['a', 'b'.repeat(318)])).toBe(`a["${'b'.repeat(316)}…"]`);
  expect(formatPath(['a', 'b'.repeat(317)])).toBe(`a.${'b'.repeat(317)}`);
});

test('parsePath reads back every path that formatPath writes', () => {
  const segment = fc.oneof(fc.nat(), fc.string(), fc.constantFrom('spec', 'a.b', '"', '\\', '0', '[0]'));
  fc.assert(
    fc.property(fc.array(segment), (path) => {
      expect(parsePath(formatPath(path))).toEqual(path);
    }),
  );
});

test('an unreadable part ends the path', () => {
  expect(parsePath('spec.peers[x].name')).toEqual(['spec', 'peers']);
});
