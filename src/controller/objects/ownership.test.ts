import { describe, expect, test } from '@jest/globals';
import { contentHash } from './content-hash.ts';
import { lastForeignManager } from './ownership.ts';

describe('a heartbeat on a generated object', () => {
  const metadata = { name: 'x', annotations: { 'clusterfirewall.io/rules': 'default/blog/ingress/web' } };
  const touched = {
    ...metadata,
    annotations: { ...metadata.annotations, 'clusterfirewall.io/heartbeat': '2026-01-01T00:00:00Z' },
    managedFields: [
      { manager: 'kubectl-edit', time: '2026-01-01T00:00:00Z' },
      { manager: 'clusterfirewall-heartbeat', time: '2026-01-02T00:00:00Z' },
    ],
  };

  test('is no part of what is desired', () => {
    expect(contentHash({ metadata: touched })).toBe(contentHash({ metadata }));
  });

  test('is not taken for the writing of somebody else', () => {
    expect(lastForeignManager(touched.managedFields)).toBe('kubectl-edit');
  });
});
