import { describe, expect, test } from '@jest/globals';
import { printSelector } from '../selector.ts';
import { readClusterNetworkPolicy } from './cluster-network-policy.ts';
import { objectFields } from './fields.ts';
import type { StoredPolicy } from './policy.ts';

const EVERY = { namespaces: {} };

const read = (spec: object): StoredPolicy =>
  readClusterNetworkPolicy(
    objectFields({
      apiVersion: 'policy.networking.k8s.io/v1alpha2',
      kind: 'ClusterNetworkPolicy',
      metadata: { name: 'p' },
      spec: { tier: 'Admin', priority: 7, subject: EVERY, ...spec },
    }),
  );

const egress = (rule: object): StoredPolicy['egress'] =>
  read({ egress: [{ action: 'Accept', to: [EVERY], ...rule }] }).egress;

describe('a ClusterNetworkPolicy', () => {
  test('is in a tier of its own, ordered by its priority, and selects no host endpoints', () => {
    const notIn = { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] };
    const policy = read({ subject: { namespaces: notIn }, ingress: [{ action: 'Deny', from: [EVERY] }] });
    expect(policy).toMatchObject({
      kind: 'ClusterNetworkPolicy',
      sortName: 'kcnp.kube-admin.p',
      tier: 'kube-admin',
      order: 7,
      types: { ingress: true, egress: false },
    });
    expect(printSelector(policy.selector)).toBe(
      "pcns.team != 'a' && projectcalico.org/orchestrator == 'k8s'",
    );
    expect(read({ tier: 'Baseline' })).toMatchObject({
      tier: 'kube-baseline',
      types: { ingress: true, egress: true },
    });
  });

  test.each([
    ['Accept', 'Allow'],
    ['Deny', 'Deny'],
    ['Pass', 'Pass'],
  ])('%s is %s', (action, expected) => {
    const rules = egress({ name: 'r', action });
    expect(rules).toMatchObject([{ action: expected, annotations: { name: 'r' }, path: 'spec.egress[0]' }]);
  });

  test('peers are namespaces, pods or networks', () => {
    const peers = [
      { pods: { namespaceSelector: { matchLabels: { a: 'b' } }, podSelector: { matchLabels: { c: 'd' } } } },
      { networks: ['10.0.0.0/8', 'fd00::/8'] },
    ];
    const [pods, networks] = egress({ to: peers });
    expect(pods?.destination.selector && printSelector(pods.destination.selector)).toBe(
      "c == 'd' && pcns.a == 'b' && projectcalico.org/orchestrator == 'k8s'",
    );
    expect(networks?.destination.nets).toHaveLength(2);
  });

  test('protocols have a port, a range, or neither', () => {
    const rules = egress({
      protocols: [
        { tcp: { destinationPort: { number: 80 } } },
        { tcp: { destinationPort: { range: { start: 90, end: 99 } } } },
        { udp: {} },
      ],
    });
    expect(rules.map(({ protocol, destination: { ports } }) => [protocol, ports?.ranges])).toEqual([
      [
        6,
        [
          { from: 80, to: 80 },
          { from: 90, to: 99 },
        ],
      ],
      [17, undefined],
    ]);
    expect(rules.every(({ unclear }) => unclear === undefined)).toBe(true);
  });

  test('a named port is unclear exactly where the API and Calico differ', () => {
    const named = (action: string) => {
      const rules = egress({ action, protocols: [{ destinationNamedPort: 'web' }] });
      return rules.map(({ unclear, protocol, destination: { ports } }) => [
        unclear !== undefined,
        protocol,
        ports?.names,
      ]);
    };
    const byName = (isUnclear: boolean) => [132, 6, 17].map((protocol) => [isUnclear, protocol, ['web']]);
    expect(named('Accept')).toEqual(byName(true));
    expect(named('Deny')).toEqual([...byName(false), [true, undefined, undefined]]);
    expect(named('Pass')).toEqual([[true, undefined, undefined]]);
  });

  test.each([{ nodes: {} }, { domainNames: ['example.com'] }, {}])('the peer %j is unclear', (peer) => {
    expect(egress({ to: [EVERY, peer] })).toMatchObject([{ unclear: expect.any(String) }]);
  });

  test.each([
    ['spec.tier', { tier: 'NetworkPolicy' }],
    ['spec.priority', { priority: null }],
    ['spec.subject', { subject: {} }],
    ['spec.egress[0].action', { egress: [{ action: 'Allow', to: [EVERY] }] }],
    ['spec.egress[0].to', { egress: [{ action: 'Deny' }] }],
    ['spec.egress[0].ports', { egress: [{ action: 'Deny', to: [EVERY], ports: [] }] }],
    ['spec.egress[0].protocols[0]', { egress: [{ action: 'Deny', to: [EVERY], protocols: [{}] }] }],
    [
      'spec.egress[0].protocols[0].tcp.destinationPort',
      { egress: [{ action: 'Deny', to: [EVERY], protocols: [{ tcp: { destinationPort: {} } }] }] },
    ],
  ])('%s is named where it is wrong', (field, spec) => {
    expect(() => read(spec)).toThrow(field);
  });
});
