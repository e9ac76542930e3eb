import { describe, expect, test } from '@jest/globals';
import type { GeneratedObject } from '../../calico/types.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { contentHash, differences, normalSpec, stableJson } from './content-hash.ts';
import { allow, endpoint, set } from '../testing/objects.ts';

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

  test('drops the empty list of an empty set, which the aggregated API does not keep', () => {
    expect(normalSpec({ nets: [] })).toEqual(normalSpec({}));
  });

  test.each(['ingress', 'profiles', 'doNotTrack'])('keeps every other empty list: %s', (field) => {
    expect(normalSpec({ [field]: [] })).toEqual({ [field]: [] });
  });

  test('keeps the order of rules', () => {
    const [a, b] = [{ action: 'Deny' }, { action: 'Allow' }];
    expect(normalSpec({ ingress: [a, b] })).not.toEqual(normalSpec({ ingress: [b, a] }));
  });

  test.each(['nets', 'types'])('keeps the order of %s, which no server changes', (field) => {
    expect(normalSpec({ [field]: ['a', 'b'] })).not.toEqual(normalSpec({ [field]: ['b', 'a'] }));
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

  test('does not depend on the order of fields', () => {
    expect(stableJson({ b: 1, a: { d: undefined, c: 2 } })).toBe(stableJson({ a: { c: 2 }, b: 1 }));
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

test.each([
  ['projectcalico.org/created-by', true],
  ['projectcalico.org/namespace', true],
  ['pcns.team', true],
  ['pcsa.team', true],
  ['team', false],
])('the label %s of a set decides: %s', (key, isDecisive) => {
  const made = set({ name: 'nodes' });
  const of = (labels: object, nets: readonly string[] | undefined): string =>
    contentHash({
      ...made.object,
      metadata: { ...made.object.metadata, labels: { ...made.object.metadata.labels, ...labels } },
      spec: nets === undefined ? undefined : { nets },
    });
  for (const nets of [undefined, [], ['10.0.0.1/32']])
    expect(of({ [key]: 'x' }, nets) !== of({}, nets)).toBe(isDecisive);
});

describe('the differences of a stored object', () => {
  const rules = [
    { action: 'Allow', source: { nets: ['192.0.2.0/24'], ports: [80] } },
    { action: 'Deny', protocol: 'TCP' },
  ] as const;
  const { object: desired } = allow({ name: 'web' });
  const spec = { ...desired.spec, ingress: rules };
  const wanted = { ...desired, spec } as GeneratedObject;
  const stored = (fields: object, metadata: object = {}): KubernetesObject => ({
    ...wanted,
    metadata: { ...wanted.metadata, ...metadata },
    spec: { ...spec, ...fields },
  });
  const [first, second] = rules;
  const source = { ...first.source, notNets: ['192.0.2.1/32'] };
  const LABEL = 'clusterfirewall.io/firewall';

  test.each<[string, KubernetesObject, readonly string[]]>([
    ['none', stored({}), []],
    ['another value', stored({ selector: '!all()' }), ['spec.selector']],
    ['a missing field', stored({ order: undefined }), ['spec.order']],
    ['null', stored({ order: null }), ['spec.order']],
    ['an added field', stored({ serviceAccountSelector: "a == 'b'" }), ['spec.serviceAccountSelector']],
    ['an added empty field', stored({ serviceAccountSelector: '' }), ['spec.serviceAccountSelector']],
    [
      'a field of a rule',
      stored({ ingress: [{ ...first, source }, second] }),
      ['spec.ingress[0].source.notNets'],
    ],
    [
      'rules in another order',
      stored({ ingress: [second, first] }),
      [
        'spec.ingress[0].action',
        'spec.ingress[0].source',
        'spec.ingress[0].protocol',
        'spec.ingress[1].action',
        'spec.ingress[1].protocol',
        'spec.ingress[1].source',
      ],
    ],
    ['a rule more', stored({ ingress: [...rules, second] }), ['spec.ingress']],
    ['no rules', stored({ ingress: [] }), ['spec.ingress']],
    ['a list of another kind', stored({ ingress: ['x', 'y'] }), ['spec.ingress']],
    ['a type more', stored({ types: ['Ingress', 'Egress'] }), ['spec.types']],
    [
      'a label of ours',
      stored({}, { labels: { ...wanted.metadata.labels, [LABEL]: 'x' } }),
      [`metadata.labels["${LABEL}"]`],
    ],
    [
      'no annotations',
      stored({}, { annotations: undefined }),
      ['metadata.annotations["clusterfirewall.io/rules"]'],
    ],
    ["a stranger's label", stored({}, { labels: { ...wanted.metadata.labels, team: 'blue' } }), []],
    [
      'a name that every object has',
      stored(JSON.parse('{"__proto__": {}}') as object),
      ['spec["__proto__"]'],
    ],
    [
      'no spec',
      { ...wanted, spec: 'gone' },
      ['tier', 'order', 'selector', 'types', 'ingress'].map((field) => `spec.${field}`),
    ],
  ])('%s', (_, object, fields) => {
    expect(differences(wanted, object)).toEqual(fields);
    expect(contentHash(object) === contentHash(wanted)).toBe(fields.length === 0);
  });
});

test('no more than a hundred differences are named', () => {
  const { object } = allow({ name: 'web' });
  const ingress = Array.from({ length: 300 }, () => ({ action: 'Deny' as const }));
  const desired = { ...object, spec: { ...object.spec, ingress } } as GeneratedObject;
  const stored = { ...desired, spec: { ...desired.spec, ingress: ingress.map(() => ({ action: 'Allow' })) } };
  expect(differences(desired, stored)).toHaveLength(100);
});
