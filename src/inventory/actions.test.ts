import { describe, expect, test } from '@jest/globals';
import { readActions, readKubernetesNetworkPolicy, readNetworkPolicy } from './actions.ts';

const [none, ingress, egress, both] = [
  { ingress: false, egress: false },
  { ingress: true, egress: false },
  { ingress: false, egress: true },
  { ingress: true, egress: true },
];
const rules = (...actions: readonly unknown[]) => actions.map((action) => ({ action }));

describe('a policy of Calico', () => {
  test.each<[string, unknown, typeof both, typeof both]>([
    ['without rules', {}, none, none],
    ['with each action', { ingress: rules('Deny', 'Log', 'Allow'), egress: rules('Pass') }, ingress, egress],
    ['with denies alone', { ingress: rules('Deny'), egress: rules('Log') }, none, none],
    [
      'with rules in a direction that types lacks',
      { types: ['Egress'], ingress: rules('Allow'), egress: rules('Allow') },
      egress,
      none,
    ],
    ['with empty types', { types: [], ingress: rules('Allow') }, ingress, none],
    ['with an unknown direction', { types: ['Inwards'], ingress: rules('Allow') }, ingress, none],
    ['with an action that nobody knows', { egress: rules('Permit') }, egress, egress],
    ['with a rule that is none', { ingress: ['Deny'] }, ingress, ingress],
    ['with rules that are no list', { ingress: { action: 'Deny' } }, ingress, ingress],
    ['with types that are no list', { types: 'Egress', ingress: rules('Allow') }, ingress, none],
    ['without a spec', undefined, both, both],
  ])('%s', (_, spec, allows, passes) => {
    expect(readActions(spec)).toEqual({ tier: 'default', allows, passes });
  });

  test('has its tier, and its namespace', () => {
    const policy = { metadata: { name: 'a', namespace: 'shop' }, spec: { tier: 'security' } };
    expect(readNetworkPolicy(policy)).toMatchObject({ tier: 'security', namespace: 'shop' });
    const long = { ...policy, spec: { tier: 'x'.repeat(1_000_000) } };
    expect(readNetworkPolicy(long).tier).toBe('x'.repeat(253));
  });
});

test.each<[string, unknown, typeof both]>([
  ['isolates and allows nothing', { podSelector: {} }, none],
  ['allows from everywhere', { ingress: [{}] }, ingress],
  ['allows from nowhere', { ingress: [] }, none],
  ['allows out', { egress: [{}], policyTypes: ['Egress'] }, egress],
  ['says egress alone', { ingress: [{}], egress: [{}], policyTypes: ['Egress'] }, egress],
  ['cannot be read', 7, both],
  ['has rules that are no list', { ingress: 'all' }, ingress],
])('a NetworkPolicy of Kubernetes that %s', (_, spec, allows) => {
  const policy = { metadata: { name: 'a', namespace: 'shop' }, spec };
  expect(readKubernetesNetworkPolicy(policy)).toEqual({
    namespace: 'shop',
    tier: 'default',
    allows,
    passes: none,
  });
});
