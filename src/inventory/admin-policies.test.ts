import { describe, expect, test } from '@jest/globals';
import { matchesSelector } from '../calico/selector.ts';
import { readAdminPolicy } from './admin-policies.ts';

const read = (spec: unknown, kind: Parameters<typeof readAdminPolicy>[0] = 'AdminNetworkPolicy') =>
  readAdminPolicy(kind, { metadata: { name: 'a' }, spec });
const subject = { namespaces: {} };

describe("a policy of Kubernetes' administrators", () => {
  test.each([
    ['Allow', true],
    ['Accept', true],
    ['Deny', false],
    ['Pass', false],
    ['Whatever', true],
  ])('with %s allows: %s', (action, allows) => {
    expect(read({ subject, ingress: [{ action }] }).allows).toEqual({ ingress: allows, egress: false });
    expect(read({ subject, egress: [{ action }] }).allows).toEqual({ ingress: false, egress: allows });
  });

  test('is baseline by its kind or its tier', () => {
    expect(read({ subject }).isBaseline).toBe(false);
    expect(read({ subject }, 'BaselineAdminNetworkPolicy').isBaseline).toBe(true);
    expect(read({ subject, tier: 'Admin' }, 'ClusterNetworkPolicy').isBaseline).toBe(false);
    expect(read({ subject, tier: 'Baseline' }, 'ClusterNetworkPolicy').isBaseline).toBe(true);
  });

  test.each([
    ['namespaces', { namespaces: { matchLabels: { role: 'shop' } } }],
    ['pods', { pods: { namespaceSelector: { matchLabels: { role: 'shop' } }, podSelector: {} } }],
  ])('selects namespaces by %s', (_, of) => {
    const { namespaceSelector } = read({ subject: of });
    if (namespaceSelector === undefined) throw new Error('it has no selector');
    expect(matchesSelector(namespaceSelector, { role: 'shop' })).toBe(true);
    expect(matchesSelector(namespaceSelector, { role: 'bank' })).toBe(false);
  });

  test.each([
    ['no subject', undefined],
    ['a subject of another form', { namespaces: 'all' }],
    ['labels that are no texts', { namespaces: { matchLabels: { role: 7 } } }],
    ['an operator that nobody knows', { namespaces: { matchExpressions: [{ key: 'a', operator: 'Like' }] } }],
    ['In without values', { namespaces: { matchExpressions: [{ key: 'a', operator: 'In', values: [] }] } }],
    [
      'values that are no texts',
      { namespaces: { matchExpressions: [{ key: 'a', operator: 'In', values: [7] }] } },
    ],
  ])('with %s has no selector, so it may select everything', (_, of) => {
    expect(read({ subject: of })).not.toHaveProperty('namespaceSelector');
  });

  test('that cannot be read at all may allow everything', () => {
    expect(read('x').allows).toEqual({ ingress: true, egress: true });
  });
});
