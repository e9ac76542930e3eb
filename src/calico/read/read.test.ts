import { describe, expect, test } from '@jest/globals';
import { printSelector } from '../selector.ts';
import { readCalicoPolicy } from './calico-policy.ts';
import { FieldError, objectFields } from './fields.ts';
import { readAdminNetworkPolicy, readNetworkPolicy } from './kubernetes-policy.ts';
import type { PolicyRule, StoredPolicy } from './policy.ts';

const global = (spec: object): StoredPolicy =>
  readCalicoPolicy(
    objectFields({
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: { name: 'p' },
      spec,
    }),
  );

const namespaced = (spec: object): StoredPolicy =>
  readCalicoPolicy(
    objectFields({
      apiVersion: 'projectcalico.org/v3',
      kind: 'NetworkPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec,
    }),
  );

const kubernetes = (spec: object): StoredPolicy =>
  readNetworkPolicy(
    objectFields({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec,
    }),
  );

const admin = (spec: object, kind = 'AdminNetworkPolicy'): StoredPolicy =>
  readAdminNetworkPolicy(
    objectFields({ apiVersion: 'policy.networking.k8s.io/v1alpha1', kind, metadata: { name: 'p' }, spec }),
  );

const only = (rules: readonly PolicyRule[]): PolicyRule => {
  const [rule] = rules;
  if (rule === undefined || rules.length !== 1) throw new Error(`${String(rules.length)} rules`);
  return rule;
};

const NS = 'projectcalico.org/namespace';

describe('the subject of a policy', () => {
  test.each([
    ['nothing', {}, 'all()'],
    ['a selector', { selector: "a == 'b' || all()" }, 'all()'],
    ['a namespaceSelector', { namespaceSelector: "a != 'b'" }, "pcns.a != 'b'"],
    ['all() of namespaces', { namespaceSelector: 'all()' }, `has(${NS})`],
    ['all() in both', { selector: '!all()', namespaceSelector: 'all()' }, `!has(${NS}) && has(${NS})`],
    ['all() and more', { namespaceSelector: "all() && a != 'b'" }, `has(${NS}) && pcns.a != 'b'`],
    ['service accounts', { serviceAccountSelector: 'has(r)' }, 'has(pcsa.r)'],
    [
      'all() with service accounts',
      { selector: 'all()', serviceAccountSelector: 'has(r)' },
      'has(pcsa.r) && has(projectcalico.org/serviceaccount)',
    ],
  ])('%s of a global policy', (_, spec, selector) => {
    expect(printSelector(global(spec).selector)).toBe(selector);
  });

  test('a namespaced policy keeps to its namespace, and all() is everything there', () => {
    const { selector, sortName } = namespaced({ selector: 'all()', serviceAccountSelector: 'has(r)' });
    expect(printSelector(selector)).toBe(`has(pcsa.r) && ${NS} == 'shop'`);
    expect(sortName).toBe('shop/default.p');
  });
});

describe('the ends of rules', () => {
  const sourceOf = (policy: StoredPolicy): string => {
    const { selector, notSelector } = only(policy.ingress).source;
    const text = (of: typeof selector): string => (of === undefined ? '-' : printSelector(of));
    return `${text(selector)} | ${text(notSelector)}`;
  };

  test.each([
    ['anything', {}, '- | -', '- | -'],
    ['a selector', { selector: 'has(a)' }, 'has(a) | -', `has(a) && ${NS} == 'shop' | -`],
    ['a notSelector alone', { notSelector: 'has(a)' }, '- | has(a)', `!has(a) && ${NS} == 'shop' | -`],
    [
      'both',
      { selector: 'has(a)', notSelector: 'has(b)' },
      '!has(b) && has(a) | -',
      `!has(b) && has(a) && ${NS} == 'shop' | -`,
    ],
    ['global()', { namespaceSelector: 'global()' }, `!has(${NS}) | -`, `!has(${NS}) | -`],
    ['namespaces', { namespaceSelector: 'has(a)' }, 'has(pcns.a) | -', 'has(pcns.a) | -'],
    [
      'service accounts',
      { serviceAccounts: { names: ['x', 'y'], selector: 'has(r)' } },
      "has(pcsa.r) && projectcalico.org/serviceaccount in {'x', 'y'} | -",
      `has(pcsa.r) && ${NS} == 'shop' && projectcalico.org/serviceaccount in {'x', 'y'} | -`,
    ],
  ])('%s', (_, source, inGlobal, inNamespaced) => {
    const spec = { ingress: [{ action: 'Allow', source }] };
    expect(sourceOf(global(spec))).toBe(inGlobal);
    expect(sourceOf(namespaced(spec))).toBe(inNamespaced);
  });

  test('ports, protocols and CIDRs with host bits', () => {
    const { protocol, source, destination } = only(
      global({
        egress: [
          {
            action: 'Deny',
            protocol: 'udp',
            source: { nets: ['10.1.2.3/8', '::1'] },
            destination: { ports: [1, '2:3', '4', 'dns'], notPorts: ['5'] },
          },
        ],
      }).egress,
    );
    expect(protocol).toBe(17);
    expect(source.nets.map(({ value, prefix }) => [value, prefix])).toEqual([
      [0x0a000000n, 8],
      [1n, 128],
    ]);
    expect(destination.ports).toEqual({
      ranges: [
        { from: 1, to: 1 },
        { from: 2, to: 3 },
        { from: 4, to: 4 },
      ],
      names: ['dns'],
    });
    expect(destination.notPorts?.ranges).toEqual([{ from: 5, to: 5 }]);
  });

  test('ICMP is of its family, and a policy without types has both', () => {
    const policy = global({ ingress: [{ action: 'Allow', protocol: 'ICMPv6' }] });
    expect(only(policy.ingress).ipVersion).toBe(6);
    expect(policy.types).toEqual({ ingress: true, egress: true });
    expect(policy.order).toBe(Infinity);
  });
});

describe('a policy that Felix would leave out or widen is refused', () => {
  test.each([
    [{ selector: "a = 'b'" }, 'spec.selector'],
    [{ ingress: [{ action: 'allow' }] }, 'spec.ingress[0].action'],
    [
      { ingress: [{ action: 'Allow', source: { nets: ['10.0.0.0/8', 'oops'] } }] },
      'spec.ingress[0].source.nets[1]',
    ],
    [{ ingress: [{ action: 'Allow', destination: { ports: [80] } }] }, 'spec.ingress[0].destination.ports'],
    [{ ingress: [{ action: 'Allow', protocol: 'XYZ' }] }, 'spec.ingress[0].protocol'],
    [{ ingress: [{ action: 'Allow', protocol: 'TCP', icmp: { type: 8 } }] }, 'spec.ingress[0].icmp'],
    [{ ingress: 'all' }, 'spec.ingress'],
    [
      { ingress: [{ action: 'Allow', source: { services: { name: 'x' } } }] },
      'spec.ingress[0].source.services',
    ],
    [{ order: '1' }, 'spec.order'],
  ])('%j', (spec, field) => {
    let error: unknown;
    try {
      global(spec);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(FieldError);
    expect((error as FieldError).field).toBe(field);
  });

  test('and so is something without a kind or a name', () => {
    expect(() => objectFields({ apiVersion: 'v1', metadata: { name: 'x' } })).toThrow('kind is missing');
    expect(() => objectFields({ apiVersion: 'v1', kind: 'Pod', metadata: {} })).toThrow(
      'metadata.name is missing',
    );
    expect(() => objectFields('pod')).toThrow('is no object');
  });
});

describe('Kubernetes policies, as Calico converts them', () => {
  test('a NetworkPolicy', () => {
    const policy = kubernetes({
      podSelector: { matchLabels: { app: 'db' } },
      ingress: [
        {
          from: [{ podSelector: {} }, { namespaceSelector: {} }],
          ports: [
            { port: 80, endPort: 90 },
            { port: 'dns', protocol: 'UDP' },
          ],
        },
      ],
    });
    expect(printSelector(policy.selector)).toBe(
      `app == 'db' && ${NS} == 'shop' && projectcalico.org/orchestrator == 'k8s'`,
    );
    expect(policy).toMatchObject({
      tier: 'default',
      order: 1000,
      sortName: 'shop/knp.default.p',
      types: { ingress: true, egress: false },
    });
    expect(
      policy.ingress.map(({ protocol, source, destination }) => [
        protocol,
        source.selector && printSelector(source.selector),
        destination.ports,
      ]),
    ).toEqual(
      [6, 17].flatMap((protocol) =>
        [`${NS} == 'shop'`, `has(${NS})`].map((scope) => [
          protocol,
          [scope, "projectcalico.org/orchestrator == 'k8s'"].sort().join(' && '),
          protocol === 6 ? { ranges: [{ from: 80, to: 90 }], names: [] } : { ranges: [], names: ['dns'] },
        ]),
      ),
    );
  });

  test('an empty rule allows everything, and a port without a number every port', () => {
    expect(only(kubernetes({ podSelector: {}, ingress: [{}] }).ingress)).toMatchObject({
      action: 'Allow',
      source: { nets: [] },
    });
    const { protocol, destination } = only(
      kubernetes({
        podSelector: {},
        ingress: [{ ports: [{ protocol: 'UDP' }, { port: 53, protocol: 'UDP' }] }],
      }).ingress,
    );
    expect([protocol, destination.ports]).toEqual([17, undefined]);
  });

  test('protocols stand in the order of their names, as flow logs number the rules', () => {
    const ports = ['UDP', 'TCP', 'SCTP'].map((protocol) => ({ protocol, port: 53 }));
    const { egress } = kubernetes({ podSelector: {}, policyTypes: ['Egress'], egress: [{ ports }] });
    expect(egress.map(({ protocol }) => protocol)).toEqual([132, 6, 17]);
  });

  test('an ipBlock with exceptions', () => {
    const { source } = only(
      kubernetes({
        podSelector: {},
        ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }],
      }).ingress,
    );
    expect([source.nets.length, source.notNets.length, source.selector]).toEqual([1, 1, undefined]);
  });

  test('an AdminNetworkPolicy selects no host endpoints, its peers may', () => {
    const notIn = { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] };
    const policy = admin({
      priority: 5,
      subject: { namespaces: notIn },
      ingress: [{ name: 'r', action: 'Pass', from: [{ namespaces: notIn }] }],
    });
    expect(printSelector(policy.selector)).toBe(
      "pcns.team != 'a' && projectcalico.org/orchestrator == 'k8s'",
    );
    const rule = only(policy.ingress);
    expect(rule.source.selector && printSelector(rule.source.selector)).toBe("pcns.team != 'a'");
    expect(policy).toMatchObject({
      tier: 'adminnetworkpolicy',
      order: 5,
      types: { ingress: true, egress: false },
    });
    expect(rule.annotations).toEqual({ name: 'r' });
  });

  test('a baseline policy knows no Pass, and a port that Calico does not know means every port', () => {
    const spec = (action: string, ports?: object): object => ({
      subject: { namespaces: {} },
      egress: [{ action, to: [{ networks: ['10.0.0.0/8'] }], ...(ports && { ports: [ports] }) }],
    });
    expect(() => admin(spec('Pass'), 'BaselineAdminNetworkPolicy')).toThrow('spec.egress[0].action');
    const rule = only(admin(spec('Deny', { namedPort: 'http' }), 'BaselineAdminNetworkPolicy').egress);
    expect([rule.protocol, rule.destination.ports]).toEqual([undefined, undefined]);
    const ranged = only(
      admin(spec('Deny', { portRange: { start: 1, end: 9, protocol: 'UDP' } }), 'BaselineAdminNetworkPolicy')
        .egress,
    );
    expect([ranged.protocol, ranged.destination.ports?.ranges]).toEqual([17, [{ from: 1, to: 9 }]]);
  });
});
