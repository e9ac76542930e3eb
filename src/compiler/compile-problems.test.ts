import { describe, expect, test } from '@jest/globals';
import type { Group, Spec } from '../api/schema.ts';
import { compile } from './compile.ts';
import { firewall, fromGroup, inventory, web } from './testing/examples.ts';
import { namespace } from './testing/inventories.ts';
import { ruleId } from './names.ts';

describe('a rule that cannot be compiled', () => {
  const bad = { name: 'bad', pods: {}, from: [{ peer: 'ofice' }], ports: [80] };

  test('is reported as a problem and frozen; the rest is compiled', () => {
    const group: Group = { ...web, ingress: [bad, ...(web.ingress ?? [])] };
    const { problems, frozen, objects } = compile(
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
    expect(frozen).toContainEqual({ rule: 'default/blog/ingress/bad' });
    expect(objects.flatMap(({ rules }) => rules)).toContain('default/blog/ingress/web');
    expect(objects.flatMap(({ rules }) => rules)).not.toContain('default/blog/ingress/bad');
  });

  test('holds the sets too, because a frozen rule may be the last to name them', () => {
    const { frozen } = compile(
      [firewall({ namespaces: [{ ...web, ingress: [bad] }] })],
      inventory(namespace('blog')),
    );
    expect(frozen).toEqual([
      { sets: 'default/api-server' },
      { rule: 'default/blog/ingress/bad' },
      { sets: 'default/control-plane' },
      { sets: 'default/dns-services' },
      { sets: 'default/etcd' },
      { sets: 'default/labelled-nodes' },
      { sets: 'default/nodes' },
      { sets: 'default/nodes/where' },
      { sets: 'default/other-nodes' },
    ]);
  });

  test.each([
    [
      'World without a node address',
      { from: [{ entity: 'World' as const }] },
      'EntityUnresolved',
      'World leaves out the addresses of nodes, and no address of a node is known',
    ],
    [
      'addresses without a node address, which would open to nodes',
      { from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
      'EntityUnresolved',
      'addresses never mean nodes, and no address of a node is known',
    ],
    [
      'Nodes without a node address',
      { from: [{ entity: 'Nodes' as const }] },
      'EntityUnresolved',
      'no address of a node is known',
    ],
    [
      'ControlPlane in an unknown cluster',
      { from: [{ entity: 'ControlPlane' as const }] },
      'EntityUnresolved',
      'no address of the control plane is known',
    ],
    [
      'a block whose except covers it',
      { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }] },
      'ResolvesToNothing',
      'except leaves nothing of 10.0.0.0/8',
    ],
  ])('%s', (_name, change, reason, message) => {
    const group: Group = { ...web, ingress: [{ name: 'web', pods: {}, ports: [80], ...change }] };
    const { problems } = compile([firewall({ namespaces: [group] })], {
      ...inventory(namespace('blog')),
      nodes: [],
    });
    expect(problems).toMatchObject([{ reason, message: expect.stringMatching(`^${message}`) }]);
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

  test('all ports at the API server are no problem', () => {
    const egress = [{ name: 'api', pods: {}, to: [{ entity: 'KubeAPIServer' as const }], ports: ['All'] }];
    const group: Group = { name: 'blog', namespaces: ['blog'], egress };
    const { problems } = compile([firewall({ namespaces: [group] })], inventory(namespace('blog')));
    expect(problems).toEqual([]);
  });

  test.each<[string, Spec['defaults'], string | undefined, RegExp]>([
    ['a system namespace', {}, undefined, /write systemNamespaces: None/],
    ['a name', { exempt: { systemNamespaces: 'None', names: ['kube-system'] } }, undefined, /exempt\.names$/],
    ['the operator’s', {}, 'kube-system', /always exempt$/],
  ])(
    'a group that names an exempt namespace (%s) has no effect there, with a remedy that works',
    (_, defaults, operatorNamespace, remedy) => {
      const group: Group = { ...web, namespaces: ['kube-system'] };
      const known = { ...inventory(), ...(operatorNamespace !== undefined && { operatorNamespace }) };
      const { problems, objects } = compile([firewall({ defaults, namespaces: [group] })], known);
      expect(problems).toEqual([
        expect.objectContaining({
          severity: 'warning',
          reason: 'ExemptNamespace',
          path: 'spec.namespaces[0].namespaces[0]',
          message: expect.stringMatching(remedy),
        }),
      ]);
      const made = fromGroup(
        objects.map(({ object }) => object),
        'blog',
      );
      expect(made.map(({ metadata, spec }) => [metadata.namespace, 'types' in spec && spec.types])).toEqual([
        [undefined, ['Egress']],
      ]);
    },
  );

  test('a flow into an exempt namespace has its other half', () => {
    const scrape = { name: 'dns', pods: {}, from: [{ peer: 'prometheus' }], ports: [9153] };
    const prometheus = {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } },
    };
    const spec: Partial<Spec> = {
      peers: [{ name: 'prometheus', pods: prometheus }],
      namespaces: [{ name: 'dns', namespaces: ['kube-system'], metrics: [scrape] }],
    };
    const { problems, objects } = compile([firewall(spec)], inventory(namespace('monitoring')));
    expect(problems.map(({ severity, reason }) => [severity, reason])).toEqual([
      ['warning', 'ExemptNamespace'],
    ]);
    const made = fromGroup(
      objects.map(({ object }) => object),
      'dns',
    );
    expect(made.map(({ spec: each, kind }) => [kind, 'types' in each && each.types])).toEqual([
      ['GlobalNetworkPolicy', ['Egress']],
    ]);
    expect(JSON.stringify(made)).toContain("projectcalico.org/namespace == 'kube-system'");
  });

  test('in a guardrail, leaves the other entries as a stand-in for where nothing is stored yet', () => {
    const guardrails = [
      {
        name: 'corp',
        pods: {},
        to: [{ ipBlock: { cidr: '192.0.2.0/24' } }, { peer: 'nobody' }],
        ports: ['All'],
      },
    ];
    const { problems, frozen, objects } = compile([firewall({ guardrails })], inventory());
    expect(problems).toEqual([
      expect.objectContaining({ reason: 'UnknownPeer', path: 'spec.guardrails[0].to[1].peer' }),
    ]);
    expect(frozen).toContainEqual({ rule: 'default/guardrails/corp' });
    expect(objects.filter(({ rules }) => rules.includes(ruleId('default/guardrails/corp')))).toEqual([
      expect.objectContaining({ standIn: true }),
    ]);
  });

  test('for DNS, leaves the default deny in place', () => {
    const dns = { ports: ['dns/UDP', '53/TCP'] };
    const { problems, objects } = compile([firewall({ defaults: { dns } })], inventory());
    expect(problems).toEqual([
      expect.objectContaining({
        reason: 'NamedPortNeedsPods',
        rule: 'default/defaults/dns',
        path: 'spec.defaults.dns.ports',
      }),
    ]);
    expect(objects.flatMap(({ rules }) => rules)).toContain('default/defaults/deny');
    const clients = objects.find(({ rules }) => rules.includes(ruleId('default/defaults/dns')))?.object;
    const egress = clients !== undefined && 'egress' in clients.spec ? (clients.spec.egress ?? []) : [];
    const caches = ['169.254.20.10/32', '169.254.25.10/32'];
    expect(
      egress.map(({ protocol, destination }) => [protocol, destination?.ports, destination?.nets]),
    ).toEqual([
      ['TCP', [53], undefined],
      ['TCP', [53], caches],
      ['TCP', [53], undefined],
      ['UDP', ['dns'], undefined],
    ]);
  });

  test('for DNS altogether, leaves a default deny without it', () => {
    const labels = Array.from({ length: 32 }, (_unused, index) => [`label-${String(index)}`, 'x'.repeat(40)]);
    const dns = { podSelector: { matchLabels: Object.fromEntries(labels) as Record<string, string> } };
    const { problems, frozen, objects } = compile([firewall({ defaults: { dns } })], inventory());
    expect(problems).toMatchObject([
      { reason: 'SelectorTooLong', rule: 'default/defaults/dns', path: 'spec.defaults.dns' },
    ]);
    expect(frozen).toContainEqual({ rule: 'default/defaults/dns' });
    const deny = objects.find(({ rules }) => rules.includes(ruleId('default/defaults/deny')));
    expect(deny?.rules).toEqual(['default/defaults/deny']);
    expect(deny?.object.spec).toMatchObject({ types: ['Ingress', 'Egress'] });
    expect(deny?.object.spec).not.toHaveProperty('egress');
  });

  test('that leaves out more names than two selectors hold, holds the last good default deny', () => {
    const names = Array.from(
      { length: 100 },
      (_unused, index) => `namespace-with-a-long-name-${String(index)}`,
    );
    const { problems, frozen } = compile([firewall({ defaults: { exempt: { names } } })], inventory());
    expect(new Set(problems.map((problem) => problem.reason))).toEqual(new Set(['TooManyNames']));
    expect(frozen).toContainEqual({ rule: 'default/defaults/deny' });
  });

  test('exempt names that overflow one selector continue in the other', () => {
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
