import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall, Group, Spec } from '../api/schema.ts';
import type { GeneratedObject } from '../calico/types.ts';
import { compile } from './compile.ts';
import type { Inventory, NamespaceInfo } from './types.ts';

const firewall = (spec: Partial<Spec>, name = 'default'): ClusterFirewall => ({
  metadata: { name },
  spec: { mode: 'Enforce', ...spec },
});
const namespace = (name: string, labels: Record<string, string> = {}): NamespaceInfo => ({ name, labels });
const inventory = (...namespaces: readonly NamespaceInfo[]): Inventory => ({
  namespaces: [namespace('kube-system'), ...namespaces],
  nodes: [{ name: 'node1', labels: {}, addresses: ['10.99.0.11'] }],
});
const objectsOf = (
  spec: Partial<Spec>,
  known: Inventory = inventory(namespace('blog')),
): readonly GeneratedObject[] => compile([firewall(spec)], known).objects.map(({ object }) => object);
const fromGroup = (objects: readonly GeneratedObject[], group: string) =>
  objects.filter(({ metadata }) =>
    metadata.annotations?.['clusterfirewall.io/rules']?.startsWith(`default/${group}/`),
  );
const shapes = (objects: readonly GeneratedObject[]) =>
  objects.map(({ kind, metadata }) =>
    [kind, metadata.namespace].filter((part) => part !== undefined).join(' in '),
  );

const web: Group = {
  name: 'blog',
  namespaces: ['blog'],
  ingress: [
    {
      name: 'web',
      pods: {},
      from: [{ pods: { namespaceSelector: { matchLabels: { role: 'edge' } } } }],
      ports: [80],
    },
  ],
};

describe('a firewall without groups', () => {
  test('is a tier, a default deny, the metadata guardrail and the pass that ends the tier', () => {
    expect(objectsOf({}).map(({ metadata }) => metadata.name)).toEqual([
      expect.stringContaining('cfw-default-defaults-deny-'),
      expect.stringContaining('clusterfirewall.cfw-default-defaults-metadataapi-'),
      expect.stringContaining('clusterfirewall.cfw-default-defaults-pass-'),
      'clusterfirewall',
    ]);
  });

  test('observed, stages everything and enforces nothing but an empty tier', () => {
    expect(new Set(shapes(objectsOf({ mode: 'Observe' })))).toEqual(
      new Set(['StagedGlobalNetworkPolicy', 'Tier']),
    );
  });

  test('with deny: None keeps its guardrails', () => {
    const names = objectsOf({ defaults: { deny: 'None' } }).map(({ metadata }) => metadata.name);
    expect(names.some((name) => name.includes('metadataapi'))).toBe(true);
    expect(names.some((name) => name.includes('deny'))).toBe(false);
  });

  test('exempts the operator’s namespace whatever exempt says', () => {
    const known: Inventory = { ...inventory(), operatorNamespace: 'fw' };
    const [deny] = objectsOf({ defaults: { exempt: { systemNamespaces: 'None' } } }, known);
    expect(deny?.spec).toMatchObject({
      namespaceSelector: "has(projectcalico.org/name) && kubernetes.io/metadata.name != 'fw'",
    });
  });
});

describe('a rule', () => {
  test('in a group of one namespace is a NetworkPolicy there, and its other half is global', () => {
    expect(shapes(fromGroup(objectsOf({ namespaces: [web] }), 'blog'))).toEqual([
      'GlobalNetworkPolicy',
      'NetworkPolicy in blog',
    ]);
  });

  test('has no half in a direction that is not denied', () => {
    const spec = { defaults: { deny: 'Ingress' as const }, namespaces: [web] };
    expect(shapes(fromGroup(objectsOf(spec), 'blog'))).toEqual(['NetworkPolicy in blog']);
  });

  test('has no half at pods that are exempt', () => {
    const group: Group = {
      ...web,
      ingress: [
        {
          name: 'web',
          pods: {},
          from: [
            {
              pods: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } },
            },
          ],
          ports: [80],
        },
      ],
    };
    expect(shapes(fromGroup(objectsOf({ namespaces: [group] }), 'blog'))).toEqual(['NetworkPolicy in blog']);
  });

  test('in a group by selector is one global policy, however many namespaces match', () => {
    const group: Group = {
      name: 'blog',
      namespaceSelector: { matchLabels: { team: 'a' } },
      ingress: web.ingress,
    };
    const many = Array.from({ length: 50 }, (_unused, index) =>
      namespace(`n${String(index)}`, { team: 'a' }),
    );
    expect(objectsOf({ namespaces: [group] }, inventory(...many))).toEqual(
      objectsOf({ namespaces: [group] }, inventory(namespace('n0', { team: 'a' }))),
    );
  });

  test('that stays inside a namespace is together with its like, one policy a namespace', () => {
    const group: Group = {
      name: 'blogs',
      namespaceSelector: { matchLabels: { team: 'a' } },
      isolation: 'SameNamespace',
      connections: [{ name: 'db', fromPods: {}, toPods: { matchLabels: { app: 'db' } }, ports: [3306] }],
    };
    const known = inventory(
      namespace('one', { team: 'a' }),
      namespace('two', { team: 'a' }),
      namespace('three'),
    );
    expect(shapes(fromGroup(objectsOf({ namespaces: [group] }, known), 'blogs'))).toEqual([
      'NetworkPolicy in one',
      'NetworkPolicy in two',
    ]);
  });

  test('for a namespace that does not exist yet is a warning, and its far half is there already', () => {
    const { objects, problems } = compile([firewall({ namespaces: [web] })], inventory());
    expect(problems).toEqual([expect.objectContaining({ severity: 'warning', reason: 'NamespaceNotFound' })]);
    expect(
      shapes(
        fromGroup(
          objects.map(({ object }) => object),
          'blog',
        ),
      ),
    ).toEqual(['GlobalNetworkPolicy']);
  });
});

describe('what cannot be compiled', () => {
  const bad = { name: 'bad', pods: {}, from: [{ peer: 'ofice' }], ports: [80] };

  test('is a problem of its rule, which is held; the rest is compiled', () => {
    const group: Group = { ...web, ingress: [bad, ...(web.ingress ?? [])] };
    const { problems, held, objects } = compile(
      [firewall({ namespaces: [group] })],
      inventory(namespace('blog')),
    );
    expect(problems).toEqual([
      expect.objectContaining({
        rule: 'default/blog/ingress/bad',
        path: 'spec.namespaces[0].ingress[0].from[0].peer',
        reason: 'UnknownPeer',
        message: expect.stringContaining('"ofice"'),
      }),
    ]);
    expect(held).toContain('default/blog/ingress/bad');
    expect(objects.flatMap(({ rules }) => rules)).toContain('default/blog/ingress/web');
    expect(objects.flatMap(({ rules }) => rules)).not.toContain('default/blog/ingress/bad');
  });

  test('holds the sets too: a held rule may be the last to name them', () => {
    const { held } = compile(
      [firewall({ namespaces: [{ ...web, ingress: [bad] }] })],
      inventory(namespace('blog')),
    );
    expect(held).toEqual([
      'default/blog/ingress/bad',
      'default/control-plane',
      'default/nodes',
      'default/peers/',
    ]);
  });

  test.each([
    ['World without a node address', { from: [{ entity: 'World' as const }] }, 'EntityUnresolved'],
    ['Nodes without a node address', { from: [{ entity: 'Nodes' as const }] }, 'EntityUnresolved'],
    [
      'ControlPlane of which nothing is known',
      { from: [{ entity: 'ControlPlane' as const }] },
      'EntityUnresolved',
    ],
    [
      'a block of which nothing is left',
      { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }] },
      'ResolvesToNothing',
    ],
  ])('%s', (_name, change, reason) => {
    const group: Group = { ...web, ingress: [{ name: 'web', pods: {}, ports: [80], ...change }] };
    const { problems } = compile([firewall({ namespaces: [group] })], {
      ...inventory(namespace('blog')),
      nodes: [],
    });
    expect(problems.map((problem) => problem.reason)).toEqual([reason]);
  });

  test.each([
    ['a named port of nodes', [{ entity: 'Nodes' as const }], ['http'], 'NamedPortNeedsPods'],
    ['a named port outside', [{ entity: 'World' as const }], ['http'], 'NamedPortNeedsPods'],
    ['a port at the API server', [{ entity: 'KubeAPIServer' as const }], [443], 'PortsNotAllowed'],
  ])('%s', (_name, to, ports, reason) => {
    const group: Group = {
      name: 'blog',
      namespaces: ['blog'],
      egress: [{ name: 'out', pods: {}, to, ports }],
    };
    const { problems } = compile([firewall({ namespaces: [group] })], inventory(namespace('blog')));
    expect(problems.map((problem) => problem.reason)).toEqual([reason]);
  });

  test('a group that names an exempt namespace does nothing there', () => {
    const group: Group = { ...web, namespaces: ['kube-system'] };
    const { problems, objects } = compile([firewall({ namespaces: [group] })], inventory());
    expect(problems).toEqual([
      expect.objectContaining({ reason: 'ExemptNamespace', path: 'spec.namespaces[0].namespaces[0]' }),
    ]);
    expect(
      fromGroup(
        objects.map(({ object }) => object),
        'blog',
      ),
    ).toEqual([]);
  });

  test('of a guardrail leaves the rest of it standing in, for where nothing is stored yet', () => {
    const guardrails = [
      {
        name: 'corp',
        pods: {},
        to: [{ ipBlock: { cidr: '10.0.0.0/8' } }, { peer: 'nobody' }],
        ports: ['All'],
      },
    ];
    const { problems, held, objects } = compile([firewall({ guardrails })], inventory());
    expect(problems).toEqual([
      expect.objectContaining({ reason: 'UnknownPeer', path: 'spec.guardrails[0].to[1].peer' }),
    ]);
    expect(held).toContain('default/guardrails/corp');
    expect(objects.filter(({ rules }) => rules.includes('default/guardrails/corp'))).toEqual([
      expect.objectContaining({ standIn: true, phase: 'guardrail' }),
    ]);
  });

  test('of DNS leaves the default deny in place', () => {
    const dns = { ports: ['dns/UDP', '53/TCP'] };
    const { problems, objects } = compile([firewall({ defaults: { dns } })], inventory());
    expect(problems).toEqual([
      expect.objectContaining({ reason: 'NamedPortNeedsPods', path: 'spec.defaults.dns.ports' }),
    ]);
    const deny = objects.find(({ rules }) => rules.includes('default/defaults/deny'))?.object;
    const egress = deny !== undefined && 'egress' in deny.spec ? (deny.spec.egress ?? []) : [];
    expect(
      egress.map(({ protocol, destination }) => [protocol, destination?.ports, destination?.nets]),
    ).toEqual([
      ['TCP', [53], undefined],
      ['TCP', [53], ['169.254.20.10/32']],
      ['UDP', ['dns'], undefined],
    ]);
  });

  test('more names to leave out than two selectors hold: the last good default deny is held', () => {
    const names = Array.from(
      { length: 100 },
      (_unused, index) => `namespace-with-a-long-name-${String(index)}`,
    );
    const { problems, held } = compile([firewall({ defaults: { exempt: { names } } })], inventory());
    expect(new Set(problems.map((problem) => problem.reason))).toEqual(new Set(['TooManyNames']));
    expect(held).toContain('default/defaults/deny');
  });

  test('exempt names that overflow one selector go on in the other', () => {
    const names = Array.from(
      { length: 30 },
      (_unused, index) => `namespace-with-a-long-name-${String(index)}`,
    );
    const { problems, objects } = compile([firewall({ defaults: { exempt: { names } } })], inventory());
    expect(problems).toEqual([]);
    const text = JSON.stringify(objects[0]?.object.spec);
    expect(names.filter((name) => !text.includes(`'${name}'`))).toEqual([]);
  });
});

describe('limits', () => {
  test('a peer of more than 256 networks is a set, matched only where it is global', () => {
    const cidrs = Array.from(
      { length: 300 },
      (_unused, index) => `10.${String(Math.floor(index / 128))}.${String((index % 128) * 2)}.0/24`,
    );
    const group: Group = {
      ...web,
      ingress: [{ name: 'web', pods: {}, from: [{ peer: 'office' }], ports: [80] }],
    };
    const objects = objectsOf({ peers: [{ name: 'office', cidrs }], namespaces: [group] });
    expect(objects.find(({ kind }) => kind === 'GlobalNetworkSet')).toMatchObject({
      metadata: { labels: { 'clusterfirewall.io/set': 'default.office' } },
      spec: { nets: expect.arrayContaining(['10.0.0.0/24']) },
    });
    expect(fromGroup(objects, 'blog')[0]?.spec).toMatchObject({
      ingress: [
        {
          source: {
            selector: "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'default.office'",
            namespaceSelector: 'global()',
          },
        },
      ],
    });
  });

  test('an exception is subtracted, and what is left is split at 256 networks', () => {
    const except = Array.from({ length: 64 }, (_unused, index) => `10.${String(index * 4)}.1.1/32`);
    const group: Group = {
      ...web,
      ingress: [{ name: 'web', pods: {}, from: [{ ipBlock: { cidr: '10.0.0.0/8', except } }], ports: [80] }],
    };
    const [policy] = fromGroup(objectsOf({ namespaces: [group] }), 'blog');
    const rules = policy !== undefined && 'ingress' in policy.spec ? (policy.spec.ingress ?? []) : [];
    expect(rules.length).toBeGreaterThan(1);
    expect(
      rules.every(({ source }) => (source?.nets?.length ?? 0) <= 256 && source?.notNets === undefined),
    ).toBe(true);
  });
});

test('World is what is neither labelled a pod nor in the node set, and tells the families apart only for ICMP', () => {
  const out: Group = {
    name: 'blog',
    namespaces: ['blog'],
    egress: [{ name: 'out', pods: {}, to: [{ entity: 'World' }], ports: ['ICMP', 443] }],
  };
  const [policy] = fromGroup(objectsOf({ namespaces: [out] }), 'blog');
  const rules = policy !== undefined && 'egress' in policy.spec ? (policy.spec.egress ?? []) : [];
  expect(rules.map(({ ipVersion, protocol }) => [protocol, ipVersion])).toEqual([
    ['ICMP', 4],
    ['ICMPv6', 6],
    ['TCP', undefined],
  ]);
  expect(new Set(rules.map(({ destination }) => destination?.notSelector))).toEqual(
    new Set([
      "!has(projectcalico.org/created-by) && !has(projectcalico.org/namespace) && clusterfirewall.io/set == 'nodes' || has(projectcalico.org/orchestrator)",
    ]),
  );
});

describe('groups that disagree over a namespace', () => {
  const observing: Group = {
    name: 'trial',
    namespaceSelector: { matchLabels: { team: 'a' } },
    mode: 'Observe',
  };

  test('Enforce wins, and a problem says so', () => {
    const spec = { namespaces: [{ ...web, isolation: 'Strict' as const }, observing] };
    const { problems, summaries } = compile([firewall(spec)], inventory(namespace('blog', { team: 'a' })));
    expect(problems).toEqual([
      expect.objectContaining({ reason: 'OverlappingGroups', rule: 'default/trial' }),
    ]);
    expect(summaries[0]?.namespaces).toEqual({ enforced: 1, observed: 0, exempt: 1 });
  });

  test('Strict wins: SameNamespace opens nothing there', () => {
    const open: Group = {
      name: 'open',
      namespaceSelector: { matchLabels: { team: 'a' } },
      isolation: 'SameNamespace',
    };
    const known = inventory(namespace('blog', { team: 'a' }), namespace('shop', { team: 'a' }));
    const objects = objectsOf({ namespaces: [web, open] }, known);
    expect(shapes(fromGroup(objects, 'open'))).toEqual(['NetworkPolicy in shop']);
  });
});

describe('firewalls not called default', () => {
  test('wait while there is no default deny', () => {
    const { objects, problems } = compile(
      [firewall({ namespaces: [web] }, 'team-a')],
      inventory(namespace('blog')),
    );
    expect(objects).toEqual([]);
    expect(problems).toEqual([expect.objectContaining({ firewall: 'team-a', reason: 'NoDefaultFirewall' })]);
  });

  test('add rules, in force where the default deny is', () => {
    const { objects } = compile(
      [firewall({}), firewall({ namespaces: [web] }, 'team-a')],
      inventory(namespace('blog')),
    );
    expect(shapes(objects.filter((each) => each.firewall === 'team-a').map(({ object }) => object))).toEqual([
      'GlobalNetworkPolicy',
      'NetworkPolicy in blog',
    ]);
  });

  test('with Observe stage both halves', () => {
    const observer: ClusterFirewall = {
      metadata: { name: 'team-a' },
      spec: { mode: 'Observe', namespaces: [web] },
    };
    const { objects } = compile([firewall({}), observer], inventory(namespace('blog')));
    expect(shapes(objects.filter((each) => each.firewall === 'team-a').map(({ object }) => object))).toEqual([
      'StagedGlobalNetworkPolicy',
      'StagedNetworkPolicy in blog',
    ]);
  });
});
