import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall, Group, Spec } from '../api/schema.ts';
import { compile } from './compile.ts';
import { firewall, fromGroup, inventory, objectsOf, shapes, web } from './testing/examples.ts';
import { namespace } from './testing/inventories.ts';
import type { Inventory } from '../inventory/types.ts';

describe('a firewall without groups', () => {
  test('compiles to a tier, a default deny, the metadata guardrail and the pass that ends the tier', () => {
    expect(objectsOf({}).map(({ metadata }) => metadata.name)).toEqual([
      expect.stringContaining('cfw-default-defaults-deny-'),
      expect.stringContaining('cfw-default-defaults-dns-clients-'),
      expect.stringContaining('clusterfirewall.cfw-default-defaults-metadataapi-'),
      expect.stringContaining('clusterfirewall.cfw-default-defaults-pass-'),
      expect.stringContaining('cfw-default-dns-services-'),
      'clusterfirewall',
    ]);
  });

  test('the tier comes after those of others and passes on what no policy decides', () => {
    expect(objectsOf({}).at(-1)).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'Tier',
      metadata: {
        name: 'clusterfirewall',
        labels: {
          'app.kubernetes.io/managed-by': 'clusterfirewall',
          'clusterfirewall.io/firewall': 'default',
        },
      },
      spec: { order: 900, defaultAction: 'Pass' },
    });
  });

  test('in Observe, stages everything: a set does nothing by itself, and the tier is empty', () => {
    expect(new Set(shapes(objectsOf({ mode: 'Observe' })))).toEqual(
      new Set(['GlobalNetworkSet', 'StagedGlobalNetworkPolicy', 'Tier']),
    );
  });

  test('with deny: None keeps its guardrails', () => {
    const names = objectsOf({ defaults: { deny: 'None' } }).map(({ metadata }) => metadata.name);
    expect(names.some((name) => name.includes('metadataapi'))).toBe(true);
    expect(names.some((name) => name.includes('deny'))).toBe(false);
  });

  test.each([
    ['Both', ['Ingress', 'Egress']],
    ['Ingress', ['Ingress']],
    ['Egress', ['Egress']],
  ] as const)('with deny: %s isolates pods in that direction', (deny, types) => {
    expect(objectsOf({ defaults: { deny } })[0]?.spec).toMatchObject({ types });
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
  test('in a group of one namespace is a NetworkPolicy there, and its peer side is global', () => {
    expect(shapes(fromGroup(objectsOf({ namespaces: [web] }), 'blog'))).toEqual([
      'GlobalNetworkPolicy',
      'NetworkPolicy in blog',
    ]);
  });

  test('has no side in a direction that is not denied', () => {
    const spec = { defaults: { deny: 'Ingress' as const }, namespaces: [web] };
    expect(shapes(fromGroup(objectsOf(spec), 'blog'))).toEqual(['NetworkPolicy in blog']);
  });

  test('has no side at pods that are exempt', () => {
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

  test('that stays inside a namespace shares one policy a namespace with others like it', () => {
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

  test('for a namespace that does not exist yet is a warning, and its peer side is compiled already', () => {
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

describe('limits', () => {
  test('a peer of more than 256 networks is written in pieces, which leave pods and nodes out', () => {
    const cidrs = Array.from(
      { length: 300 },
      (_unused, index) => `10.${String(Math.floor(index / 128))}.${String((index % 128) * 2)}.0/24`,
    );
    const group: Group = {
      ...web,
      ingress: [{ name: 'web', pods: {}, from: [{ peer: 'office' }], ports: [80] }],
    };
    const objects = objectsOf({ peers: [{ name: 'office', cidrs }], namespaces: [group] });
    const policies = objects.flatMap((object) =>
      object.kind === 'GlobalNetworkPolicy' && object.metadata.name.includes('blog') ? [object] : [],
    );
    const sources = policies.flatMap(({ spec }) => (spec.ingress ?? []).map(({ source }) => source));
    expect(sources.map((source) => source?.nets?.length)).toEqual([256, 44]);
    for (const source of sources) expect(source?.notSelector).toContain('projectcalico.org/orchestrator');
  });

  test('gives a range of ports a rule of its own, because nft crashes when it replaces a rule with more', () => {
    const ports = [80, '8000-8100', 443, '9000-9100/UDP', '30000-32767'];
    const group: Group = { ...web, ingress: [{ name: 'web', pods: {}, from: [{ entity: 'World' }], ports }] };
    const [policy] = fromGroup(objectsOf({ namespaces: [group] }), 'blog');
    const rules = policy !== undefined && 'ingress' in policy.spec ? (policy.spec.ingress ?? []) : [];
    expect(rules.map(({ destination }) => destination?.ports?.join()).toSorted()).toEqual([
      '30000:32767',
      '80,443',
      '8000:8100',
      '9000:9100',
    ]);
  });

  test('subtracts exceptions, and splits the remaining networks at 256', () => {
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

test('World is everything but pods and the node set, and separates families only for ICMP', () => {
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

  const overlapping = (...groups: Group[]) => {
    const known = inventory(namespace('blog', { team: 'a' }), namespace('shop', { team: 'a' }));
    const { problems, summaries } = compile([firewall({ namespaces: groups })], known);
    const { enforced, observed } = summaries[0]?.namespaces ?? {};
    return { problems, enforced, observed };
  };

  test('Enforce wins, also where the namespace is made later, and a warning reports it', () => {
    const { problems, ...modes } = overlapping({ ...web, mode: 'Enforce' }, observing);
    expect(problems).toEqual([
      expect.objectContaining({
        severity: 'warning',
        reason: 'OverlappingGroups',
        rule: 'default/trial',
        path: 'spec.namespaces[1].mode',
      }),
    ]);
    expect(modes).toEqual({ enforced: 1, observed: 1 });
    const [observed] = compile(
      [firewall({ namespaces: [{ ...web, mode: 'Enforce' }, observing] })],
      inventory(),
    ).objects.filter(
      ({ object }) =>
        object.metadata.name.startsWith('cfw-default-defaults-deny') && object.kind.startsWith('Staged'),
    );
    expect(observed?.object.spec).toMatchObject({
      namespaceSelector: expect.stringMatching(/name not in \{'blog', .* && team == 'a'$/),
    });
  });

  test('a group that says nothing has no opinion; a warning names what leaves the deny', () => {
    const { problems, ...modes } = overlapping(web, observing);
    expect(problems).toEqual([
      expect.objectContaining({
        severity: 'warning',
        rule: 'default/trial',
        path: 'spec.namespaces[1].mode',
        message: expect.stringContaining('takes namespace "blog" out of the default deny'),
      }),
    ]);
    expect(modes).toEqual({ enforced: 0, observed: 2 });
  });

  test('a canary under a group for the whole cluster is enforced, without a word', () => {
    const everywhere: Group = { name: 'all', namespaceSelector: { matchLabels: { team: 'a' } } };
    const known = inventory(namespace('blog', { team: 'a' }), namespace('shop', { team: 'a' }));
    const spec: Partial<Spec> = { mode: 'Observe', namespaces: [everywhere, { ...web, mode: 'Enforce' }] };
    const { problems, summaries } = compile([firewall(spec)], known);
    expect(problems).toEqual([]);
    expect(summaries[0]?.namespaces).toMatchObject({ enforced: 1, observed: 1 });
  });

  test('SameNamespace holds beside a group that says nothing', () => {
    const open: Group = {
      name: 'open',
      namespaceSelector: { matchLabels: { team: 'a' } },
      isolation: 'SameNamespace',
    };
    const known = inventory(namespace('blog', { team: 'a' }));
    const { problems, objects } = compile([firewall({ namespaces: [web, open] })], known);
    expect(problems).toEqual([]);
    expect(
      shapes(
        fromGroup(
          objects.map(({ object }) => object),
          'open',
        ),
      ),
    ).toEqual(['NetworkPolicy in blog']);
  });

  test('Strict wins: SameNamespace opens nothing there', () => {
    const open: Group = {
      name: 'open',
      namespaceSelector: { matchLabels: { team: 'a' } },
      isolation: 'SameNamespace',
    };
    const known = inventory(namespace('blog', { team: 'a' }), namespace('shop', { team: 'a' }));
    const objects = objectsOf({ namespaces: [{ ...web, isolation: 'Strict' }, open] }, known);
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

  test('add rules, enforced where the default deny is', () => {
    const { objects } = compile(
      [firewall({}), firewall({ namespaces: [web] }, 'team-a')],
      inventory(namespace('blog')),
    );
    expect(shapes(objects.filter((each) => each.firewall === 'team-a').map(({ object }) => object))).toEqual([
      'GlobalNetworkPolicy',
      'NetworkPolicy in blog',
    ]);
  });

  test('with Observe stage both sides', () => {
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
