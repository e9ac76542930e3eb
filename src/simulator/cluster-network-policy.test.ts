import { describe, expect, test } from '@jest/globals';
import { PROTOCOL } from '../calico/read/protocols.ts';
import { Prepared } from './prepared.ts';
import { readWorld } from './snapshot.ts';
import { addressOf, calico, cluster, policy } from './testing/objects.ts';
import { walk } from './walk.ts';

const TIERS = [
  calico('Tier', 'kube-admin', { order: 1000, defaultAction: 'Pass' }),
  calico('Tier', 'default', { order: 1_000_000, defaultAction: 'Deny' }),
  calico('Tier', 'kube-baseline', { order: 10_000_000, defaultAction: 'Pass' }),
];

interface Spec {
  readonly tier?: 'Admin' | 'Baseline';
  readonly priority?: number;
  readonly ingress?: readonly object[];
}

/** It is about pods called db. */
const administrators = (name: string, { tier = 'Admin', priority = 10, ingress = [] }: Spec): object => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha2',
  kind: 'ClusterNetworkPolicy',
  metadata: { name },
  spec: {
    tier,
    priority,
    subject: { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: 'db' } } } },
    ingress: ingress.map((rule) => ({ from: [{ namespaces: {} }], ...rule })),
  },
});

const [ACCEPT, DENY, PASS] = [{ action: 'Accept' }, { action: 'Deny' }, { action: 'Pass' }];
const OF_DB = { selector: "app == 'db'", types: ['Ingress'] };
const allows = policy('allows', { ...OF_DB, ingress: [{ action: 'Allow' }] });
const closes = policy('closes', OF_DB);

/** From shop/web to shop/db. */
function verdict(objects: readonly object[], port = 80, tiers = TIERS): string {
  const prepared = new Prepared(readWorld([...cluster(), ...tiers, ...objects]));
  const pod = prepared.pod('shop/web');
  if (pod === undefined) throw new Error('no pod');
  const base = { family: 4, sourcePort: 40_000, icmpType: 0, icmpCode: 0, state: 'new' } as const;
  const hop = { source: addressOf('shop/web'), destination: addressOf('shop/db'), port };
  return walk(prepared, { kind: 'pod', pod }, { ...base, protocol: PROTOCOL.TCP, port }, hop).verdict;
}

describe('ClusterNetworkPolicy', () => {
  test.each([
    ['Admin comes before policies of others', [administrators('a', { ingress: [DENY] }), allows], 'Denied'],
    ['Admin opens what others close', [administrators('a', { ingress: [ACCEPT] }), closes], 'Allowed'],
    ['Pass leaves it to others', [administrators('a', { ingress: [PASS, DENY] }), allows], 'Allowed'],
    [
      'Baseline comes after them',
      [administrators('b', { tier: 'Baseline', ingress: [DENY] }), allows],
      'Allowed',
    ],
    [
      'Baseline decides where nobody else does',
      [administrators('b', { tier: 'Baseline', ingress: [DENY] })],
      'Denied',
    ],
    [
      'the lower priority comes first',
      [
        administrators('a', { priority: 20, ingress: [DENY] }),
        administrators('z', { priority: 10, ingress: [ACCEPT] }),
      ],
      'Allowed',
    ],
    ['without a rule that matches the tier passes', [administrators('a', {}), closes], 'Denied'],
    [
      'another port is none of its business',
      [
        administrators('a', {
          ingress: [{ ...DENY, protocols: [{ tcp: { destinationPort: { number: 81 } } }] }],
        }),
      ],
      'Allowed',
    ],
  ])('%s', (_, objects, expected) => {
    expect(verdict(objects)).toBe(expected);
  });

  test('a named port is Unknown where Calico and the API differ, and nowhere else', () => {
    const named = (action: object) => [
      administrators('a', { ingress: [{ ...action, protocols: [{ destinationNamedPort: 'http' }] }] }),
    ];
    const at = (action: object) => [verdict(named(action), 80), verdict(named(action), 81)];
    expect(at(ACCEPT)).toEqual(['Unknown', 'Allowed']);
    expect(at(DENY)).toEqual(['Denied', 'Unknown']);
    expect(at(PASS)).toEqual(['Unknown', 'Unknown']);
  });

  test('it is Unknown where its tier is missing, as with an older Calico', () => {
    const objects = [administrators('a', { ingress: [ACCEPT] })];
    expect(verdict(objects, 80, TIERS.slice(1))).toBe('Unknown');
    expect(readWorld([...cluster(), ...objects]).problems).toEqual([
      expect.objectContaining({ kind: 'ClusterNetworkPolicy', name: 'a', field: 'spec.tier' }),
    ]);
  });
});
