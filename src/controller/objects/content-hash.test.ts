import { describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../cluster/resource.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { contentHash, normalSpec, stableJson } from './content-hash.ts';
import { allow, endpoint } from '../testing/objects.ts';

const policy = (spec: object, metadata: Partial<KubernetesObject['metadata']> = {}): KubernetesObject => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'GlobalNetworkPolicy',
  metadata: { name: 'p', ...metadata },
  spec,
});

describe('the normal form of a spec', () => {
  test('drops the empty source and destination that the aggregated API writes into every rule', () => {
    const sent = {
      egress: [{ action: 'Deny', destination: { nets: ['192.0.2.1/32'] } }, { action: 'Pass' }],
    };
    const stored = {
      egress: [
        { action: 'Deny', destination: { nets: ['192.0.2.1/32'] }, source: {} },
        { action: 'Pass', destination: {}, source: {} },
      ],
    };
    expect(normalSpec(stored)).toEqual(normalSpec(sent));
  });

  test('drops an empty list of rules, which the aggregated API does not keep', () => {
    expect(normalSpec({ ingress: [], types: ['Ingress'] })).toEqual({ types: ['Ingress'] });
  });

  test('sees no order in sets', () => {
    expect(normalSpec({ nets: ['b', 'a'] })).toEqual({ nets: ['a', 'b'] });
    expect(normalSpec({ types: ['Ingress', 'Egress'] })).toEqual(
      normalSpec({ types: ['Egress', 'Ingress'] }),
    );
  });

  test('keeps the order of rules', () => {
    const [a, b] = [{ action: 'Deny' }, { action: 'Allow' }];
    expect(normalSpec({ ingress: [a, b] })).not.toEqual(normalSpec({ ingress: [b, a] }));
  });

  test.each(['types', 'tier', 'selector', 'order'])('a missing %s is a difference', (field) => {
    const spec = { types: ['Ingress'], tier: 'default', selector: 'all()', order: 200 };
    const rest = Object.fromEntries(Object.entries(spec).filter(([key]) => key !== field));
    expect(contentHash(policy(rest))).not.toBe(contentHash(policy(spec)));
  });

  test('a field that we never write is a difference', () => {
    expect(contentHash(policy({ order: 1, doNotTrack: true }))).not.toBe(contentHash(policy({ order: 1 })));
    const rule = { action: 'Allow', source: { notNets: [] } };
    expect(contentHash(policy({ ingress: [rule] }))).not.toBe(
      contentHash(policy({ ingress: [{ action: 'Allow' }] })),
    );
  });
});

describe('the content hash', () => {
  const spec = { order: 1 };

  test('does not depend on the order of fields, nor on null and absent', () => {
    expect(stableJson({ b: 1, a: { d: null, c: 2 } })).toBe(stableJson({ a: { c: 2 }, b: 1 }));
  });

  test('covers our labels and annotations', () => {
    const labels = {
      'app.kubernetes.io/managed-by': 'clusterfirewall',
      'clusterfirewall.io/firewall': 'default',
    };
    const ours = contentHash(policy(spec, { labels }));
    expect(contentHash(policy(spec))).not.toBe(ours);
    expect(contentHash(policy(spec, { labels: { ...labels, 'clusterfirewall.io/set': 'nodes' } }))).not.toBe(
      ours,
    );
    expect(contentHash(policy(spec, { labels, annotations: { 'clusterfirewall.io/rules': 'x' } }))).not.toBe(
      ours,
    );
  });

  test("leaves other people's labels and annotations to them", () => {
    const labels = { team: 'blue' };
    const annotations = { 'argocd.argoproj.io/tracking-id': 'x' };
    expect(contentHash(policy(spec, { labels, annotations }))).toBe(contentHash(policy(spec)));
  });
});

test("every label of a host endpoint counts, since policies select by it; of other objects, a stranger's does not", () => {
  const labelled = (made: DesiredObject, labels: Record<string, string>): string => {
    const { metadata } = made.object;
    return contentHash({
      ...made.object,
      metadata: { ...metadata, labels: { ...metadata.labels, ...labels } },
    });
  };
  const differs = (made: DesiredObject) => labelled(made, { edge: 'true' }) !== labelled(made, {});
  expect(differs(endpoint('a', '*'))).toBe(true);
  expect(differs(allow({ name: 'web' }))).toBe(false);
});
