import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall, Nodes } from '../../api/schema.ts';
import { compile } from '../compile.ts';
import type { Inventory } from '../../inventory/types.ts';
import {
  bare,
  carrying,
  compiled,
  guardOf,
  objects,
  policies,
  reasons,
  rulesOf,
} from '../testing/compiled-nodes.ts';
import { cluster, clusterWith, CONTROL_PLANE, node } from '../testing/inventories.ts';
import { ruleId } from '../names.ts';

describe('a node compiles to', () => {
  test('an endpoint for lo with its own policies, one for all interfaces, and its addresses in the set of node addresses', () => {
    const compilation = compiled({ extraAddresses: ['203.0.113.7/32'] });
    expect(
      carrying(compilation, 'default/nodes/endpoints').map(({ metadata, spec }) => ({
        gate: metadata.labels?.['clusterfirewall.io/gate'],
        spec,
      })),
    ).toEqual(
      ['cp1', 'worker1'].map((node) => ({
        gate: '',
        spec: { node, interfaceName: '*', profiles: ['projectcalico-default-allow'] },
      })),
    );
    const lo = carrying(compilation, 'default/nodes/lo');
    expect(lo.filter(({ kind }) => kind === 'HostEndpoint')).toHaveLength(2);
    expect(policies(compilation, 'default/nodes/lo').map(({ spec }) => spec)).toEqual([
      expect.objectContaining({ order: 10, ingress: [expect.objectContaining({ action: 'Pass' })] }),
      expect.objectContaining({ preDNAT: true, applyOnForward: true }),
    ]);
    expect(carrying(compilation, 'default/nodes/judged')[0]?.spec).toEqual({
      nets: [
        '10.99.0.11/32',
        '10.99.0.12/32',
        '10.244.1.0/32',
        '203.0.113.7/32',
        'fd00:99::11/128',
        'fe80::/10',
      ],
    });
    expect(compilation.nodes).toMatchObject({
      mode: 'Enforce',
      endpoints: 'Managed',
      selected: ['cp1', 'worker1'],
    });
    expect(compilation.labelledNodes).toEqual([]);
  });

  test('a node that joins removes no entry of another node from a set', () => {
    const netsOf = (inventory: Inventory): readonly string[] =>
      objects(compiled({}, { inventory })).flatMap(({ metadata, spec }) =>
        'nets' in spec ? spec.nets.map((net) => `${metadata.name} ${net}`) : [],
      );
    const joining = node('joining', ['10.99.0.10', '10.99.0.13', 'fd00:99::10'], CONTROL_PLANE);
    const before = netsOf(cluster);
    const after = netsOf(clusterWith({ nodes: [...cluster.nodes, joining] }));
    expect(after.length).toBeGreaterThan(before.length);
    expect(after).toEqual(expect.arrayContaining([...before]));
  });

  test('with automatic endpoints, an enforcement label for the node and no endpoint but the one for lo', () => {
    const compilation = compiled({}, { inventory: clusterWith({ automaticHostEndpoints: true }) });
    expect(carrying(compilation, 'default/nodes/endpoints')).toEqual([]);
    expect(compilation.labelledNodes).toEqual(['cp1', 'worker1']);
    expect(compilation.nodes?.endpoints).toBe('Automatic');
  });

  test('only for nodes that nodeSelector selects; the sets of sources contain all', () => {
    const compilation = compiled({ nodeSelector: { matchLabels: { edge: 'true' } } });
    expect(compilation.nodes?.selected).toEqual(['worker1']);
    expect(carrying(compilation, 'default/nodes/judged')[0]?.spec).toEqual({
      nets: ['10.99.0.12/32', '10.244.1.0/32', 'fe80::/10'],
    });
    expect(carrying(compilation, 'default/nodes')[0]?.spec).toEqual({
      nets: ['10.99.0.11/32', '10.99.0.12/32', '10.244.1.0/32', 'fd00:99::11/128'],
    });
  });

  test.each([
    ['Windows', { 'kubernetes.io/os': 'windows' }],
    ['virtual-kubelet', { type: 'virtual-kubelet' }],
    ['EKS Fargate', { 'eks.amazonaws.com/compute-type': 'fargate' }],
  ])('nothing for a node of %s, which is named', (_, labels) => {
    const odd = node('odd', ['10.99.0.66'], labels);
    const inventory = (automaticHostEndpoints: boolean) =>
      clusterWith({ nodes: [...cluster.nodes, odd], automaticHostEndpoints });
    const compilation = compiled({}, { inventory: inventory(false) });
    expect(compilation.nodes).toMatchObject({ selected: ['cp1', 'worker1'], unsupported: ['odd'] });
    expect(objects(compilation).filter(({ spec }) => 'node' in spec && spec.node === 'odd')).toEqual([]);
    expect(compiled({}, { inventory: inventory(true) }).labelledNodes).toEqual(['cp1', 'worker1']);
    const linux = { matchExpressions: [{ key: 'edge', operator: 'Exists' as const }] };
    const chosen = compiled({ nodeSelector: linux }, { inventory: inventory(false) });
    expect(chosen.nodes).not.toHaveProperty('unsupported');
  });

  test('the labels of its Node, without those that mean something to Calico or to us', () => {
    const kubelets = {
      'clusterfirewall.io/lo': '',
      'clusterfirewall.io/gate': 'no',
      'projectcalico.org/namespace': 'blog',
      'projectcalico.org/orchestrator': 'k8s',
      'projectcalico.org/created-by': 'calico-kube-controllers',
      'app.kubernetes.io/managed-by': 'somebody',
    };
    const nodes = cluster.nodes.map((node) => ({ ...node, labels: { ...node.labels, ...kubelets } }));
    const compilation = compiled({}, { inventory: clusterWith({ nodes }) });
    const [, worker] = carrying(compilation, 'default/nodes/endpoints');
    expect(worker?.metadata.labels).toEqual({
      edge: 'true',
      zone: 'a',
      'clusterfirewall.io/gate': '',
      'clusterfirewall.io/firewall': 'default',
      'app.kubernetes.io/managed-by': 'clusterfirewall',
    });
  });

  test.each([
    ['absent', undefined],
    ['Disabled', { mode: 'Disabled' as const }],
  ])('nothing while nodes is %s, and no node keeps an enforcement label', (_, nodes) => {
    const firewall: ClusterFirewall = {
      metadata: { name: 'default' },
      spec: { mode: 'Enforce', ...(nodes === undefined ? {} : { nodes }) },
    };
    const compilation = compile([firewall], cluster);
    expect(
      compilation.objects.filter(({ rules }) => rules.some((id) => id.startsWith('default/nodes'))),
    ).toEqual([]);
    expect(compilation.labelledNodes).toEqual([]);
  });
});

describe('the final deny', () => {
  test('refuses traffic to a node, NodePorts on any address, and at the host everything', () => {
    const compilation = compiled({});
    expect(bare(rulesOf(compilation, 'default/nodes/deny', 'host'))).toEqual([{ action: 'Deny' }]);
    const ports = bare(rulesOf(compilation, 'default/nodes/deny', 'ports'));
    const nodeAddresses = {
      selector: "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'judged'",
      namespaceSelector: 'global()',
    };
    expect(ports).toContainEqual({ action: 'Deny', destination: nodeAddresses });
    for (const notNets of [['10.244.0.0/16'], ['fd00:244::/48']]) {
      const outside = { notNets, notSelector: 'has(projectcalico.org/orchestrator)' };
      for (const protocol of ['TCP', 'UDP'])
        expect(ports).toContainEqual({
          action: 'Deny',
          protocol,
          source: outside,
          destination: { ...outside, ports: ['30000:32767'] },
        });
    }
    expect(ports).toHaveLength(1 + 4);
  });

  test('with destinations All, refuses all traffic that is not bound for a pod, in the families that have pods', () => {
    const inventory = clusterWith({ ipPools: ['10.244.0.0/16'] });
    const compilation = compiled({ destinations: 'All' }, { inventory });
    const all = rulesOf(compilation, 'default/nodes/deny', 'ports');
    const elsewhere = all.filter(({ destination }) => destination?.selector === undefined);
    expect(all).toHaveLength(1 + 1);
    expect(elsewhere.map(({ protocol, destination }) => [protocol, destination?.ports])).toEqual([
      [undefined, undefined],
    ]);
    expect(elsewhere.every(({ source }) => source?.notNets?.[0] === '10.244.0.0/16')).toBe(true);
    expect(compilation.nodes?.notes).toContainEqual(expect.stringContaining('IPv6'));
  });

  test('with All and no pools, is refused itself, and stored objects stay', () => {
    const compilation = compiled({ destinations: 'All' }, { inventory: clusterWith({ ipPools: [] }) });
    expect(reasons(compilation)).toContain('PoolsUnknown');
    expect(compilation.frozen).toContainEqual({ prefix: 'default/nodes' });
    expect(carrying(compilation, 'default/nodes/deny')).toEqual([]);
  });

  test('in Observe passes, and so does every other deny', () => {
    const compilation = compiled({
      mode: 'Observe',
      blocked: [{ ipBlock: { cidr: '192.0.2.0/24' } }],
    });
    const atNodes = objects(compilation)
      .filter((object) => object.kind === 'GlobalNetworkPolicy')
      .filter(({ spec }) => spec.selector.includes('clusterfirewall.io/gate'));
    expect(atNodes.length).toBeGreaterThan(6);
    expect(
      atNodes.flatMap(({ spec }) => spec.ingress ?? []).filter(({ action }) => action !== 'Pass'),
    ).toEqual([]);
    expect(rulesOf(compilation, 'default/nodes/deny', 'host')).toHaveLength(1);
    const guard = carrying(compilation, 'default/nodes/pods');
    expect(guard.map(({ kind }) => kind)).toEqual(guard.map(() => 'StagedGlobalNetworkPolicy'));
  });

  test('ends in a Pass, so a missing tier denies nothing more', () => {
    for (const { spec } of policies(compiled({}), 'default/nodes/deny'))
      expect(spec.ingress?.at(-1)).toEqual({
        action: 'Pass',
        metadata: { annotations: { 'clusterfirewall.io/rule': 'default/nodes/pass' } },
      });
  });

  test('is for every protocol, and the baseline opens some in both layers or before DNAT only', () => {
    const opened = (entry: string, layer: 'ports' | 'host', nodes = {}) =>
      rulesOf(compiled(nodes), `default/nodes/baseline/${entry}`, layer).map(
        ({ protocol, ipVersion, source, destination }) => ({
          protocol,
          ...(ipVersion !== undefined && { ipVersion }),
          ...(source !== undefined && { from: 'nodes' }),
          ...(destination !== undefined && { to: destination.nets }),
        }),
      );
    const icmp = [{ protocol: 'ICMP', ipVersion: 4 }];
    const both = {
      icmp,
      icmpv6: [{ protocol: 'ICMPv6', ipVersion: 6 }],
      igmp: [{ protocol: 2, to: ['224.0.0.0/4'] }],
      vrrp: [{ protocol: 112, from: 'nodes' }],
      ah: [{ protocol: 51, from: 'nodes' }],
      esp: [{ protocol: 50, from: 'nodes' }],
    };
    for (const [entry, rules] of Object.entries(both))
      for (const layer of ['ports', 'host'] as const)
        expect([entry, opened(entry, layer)]).toEqual([entry, rules]);
    expect(opened('ipip', 'ports')).toEqual([{ protocol: 4 }]);
    expect(opened('ipip', 'host')).toEqual([]);
    for (const entry of [...Object.keys(both), 'ipip'])
      expect(opened(entry, 'ports', { baseline: { disable: [entry] } })).toEqual([]);
  });

  test('is logged before it denies, once for each packet, in Observe too', () => {
    for (const mode of ['Enforce', 'Observe'] as const)
      for (const [layer, count] of [
        ['ports', 5],
        ['host', 1],
      ] as const) {
        const [policy] = policies(compiled({ mode, log: 'Refused' }), 'default/nodes/log').filter(
          ({ spec }) => (spec.preDNAT === true) === (layer === 'ports'),
        );
        const rules = policy?.spec.ingress ?? [];
        expect(rules).toHaveLength(2 * count + 1);
        for (const [index, rule] of rules.slice(0, -1).entries()) {
          if (index % 2 === 1) continue;
          expect(rule).toMatchObject({
            action: 'Log',
            metadata: { annotations: { 'clusterfirewall.io/rule': 'default/nodes/log' } },
          });
          const next = rules[index + 1];
          expect({ ...next, action: 'Log', metadata: rule.metadata }).toEqual(rule);
          expect(next?.action).toBe(mode === 'Enforce' ? 'Deny' : 'Pass');
        }
      }
    expect(policies(compiled({ log: 'None' }), 'default/nodes/log')).toEqual([]);
  });

  test('with log: Refused and no limit on it, says that disks may fill', () => {
    const notes = (logActionRateLimit?: string) =>
      compiled(
        { log: 'Refused' },
        {
          inventory: clusterWith({
            felixConfigurations: [
              { name: 'default', ...(logActionRateLimit !== undefined && { logActionRateLimit }) },
            ],
          }),
        },
      ).nodes?.notes.filter((note) => note.includes('logActionRateLimit'));
    expect(notes()).toHaveLength(1);
    expect(notes('10/minute')).toEqual([]);
  });
});

describe('before everything', () => {
  test('loopback addresses from outside and blocked sources are refused over every protocol', () => {
    const compilation = compiled({ blocked: [{ ipBlock: { cidr: '192.0.2.0/24' } }] });
    for (const layer of ['ports', 'host'] as const) {
      expect(bare(rulesOf(compilation, 'default/nodes/loopback', layer))).toEqual([
        { action: 'Deny', source: { nets: ['127.0.0.0/8'] } },
        { action: 'Deny', source: { nets: ['::1/128'] } },
      ]);
      expect(bare(rulesOf(compilation, 'default/nodes/blocked', layer))).toEqual([
        expect.objectContaining({
          action: 'Deny',
          source: expect.objectContaining({ nets: ['192.0.2.0/24'] }),
        }),
      ]);
    }
  });

  test('a blocked entry with a problem leaves the others as a stand-in', () => {
    const compilation = compiled({ blocked: [{ ipBlock: { cidr: '192.0.2.0/24' } }, { peer: 'nobody' }] });
    expect(reasons(compilation)).toEqual(['UnknownPeer']);
    const blocked = compilation.objects.filter(({ rules }) =>
      rules.includes(ruleId('default/nodes/blocked')),
    );
    expect(blocked.map(({ standIn }) => standIn)).toEqual([true, true]);
  });

  test('break-glass reaches ssh and the API server even where it is blocked', () => {
    const compilation = compiled(
      { breakGlass: [{ peer: 'office' }], services: [{ name: 'ssh', ports: [2222], override: true }] },
      { peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }] },
    );
    const [policy] = policies(compilation, 'default/nodes/breakGlass');
    expect(policy?.spec.order).toBeLessThan(30);
    expect(policy?.spec.ingress?.map(({ destination }) => destination?.ports)).toEqual([[2222, 6443]]);
  });
});

test('the ports of Felix are open until a service of that name takes their place', () => {
  const inventory: Inventory = { ...cluster, felixConfigurations: [{ name: 'default', vxlanPort: 4790 }] };
  const portsOf = (name: string): unknown =>
    rulesOf(
      compiled({ services: [{ name, ports: ['8472/UDP'], override: true }] }, { inventory }),
      'default/nodes/baseline/vxlan',
      'ports',
    ).map(({ destination }) => destination?.ports);
  expect(portsOf('ssh')).toEqual([['4789:4790']]);
  expect(portsOf('vxlan')).toEqual([[8472]]);
});

describe('what is not compiled', () => {
  const pods = { name: 'pods', pods: { namespaceSelector: {} } };
  const within = { name: 'within', cidrs: ['198.51.100.0/24', '10.244.1.0/24', '10.244.2.0/24'] };
  const problemsOf = (nodes: Partial<Nodes>) =>
    compiled(nodes, { peers: [pods, within, { name: 'office', cidrs: ['198.51.100.0/24'] }] }).problems;

  test.each<[what: string, nodes: Partial<Nodes>, path: string, reason: string, message: string]>([
    [
      'addresses of nodes that pods may have',
      { nodeCIDRs: ['198.51.100.0/24', '10.244.0.0/24'] },
      'spec.nodes.nodeCIDRs[1]',
      'NodeCIDRsContainPods',
      '10.244.0.0/24 shares addresses with the IPPool 10.244.0.0/16, so pods',
    ],
    [
      'addresses of a control plane that pods may have',
      { controlPlane: [{ peer: 'office' }, { peer: 'pods' }, { peer: 'within' }] },
      'spec.nodes.controlPlane[2].peer',
      'NodeCIDRsContainPods',
      'peer "within" shares addresses with the IPPool 10.244.0.0/16, so pods',
    ],
    [
      'pods that break the glass',
      { breakGlass: [{ peer: 'office' }, { peer: 'pods' }] },
      'spec.nodes.breakGlass[1].peer',
      'ResolvesToNothing',
      'breakGlass takes addresses',
    ],
  ])('%s', (_, nodes, path, reason, message) => {
    expect(problemsOf(nodes)).toMatchObject([
      { severity: 'problem', path, reason, message: expect.stringContaining(message) },
    ]);
  });
});

test('the nodes that are selected come by name', () => {
  const nodes = cluster.nodes.toReversed();
  expect(compiled({}, { inventory: { ...cluster, nodes } }).nodes?.selected).toEqual(['cp1', 'worker1']);
});

describe('a zone', () => {
  const zone = (
    from: NonNullable<Nodes['zones']>[number]['from'],
    allow: NonNullable<Nodes['zones']>[number]['allow'],
  ) => ({ name: 'z', from, allow });

  test('passes its sources to its services and ports, in both layers alike', () => {
    const compilation = compiled({
      zones: [zone([{ ipBlock: { cidr: '10.0.0.0/8' } }], { services: ['ssh', 'dns'], ports: [9100] })],
    });
    const source = {
      nets: ['10.0.0.0/8'],
      notNets: ['10.244.0.0/16'],
      notSelector:
        "!has(projectcalico.org/created-by) && !has(projectcalico.org/namespace) && clusterfirewall.io/set == 'nodes' || has(projectcalico.org/orchestrator)",
    };
    for (const layer of ['ports', 'host'] as const)
      expect(bare(rulesOf(compilation, 'default/nodes/zones/z', layer))).toEqual([
        { action: 'Pass', protocol: 'TCP', source, destination: { ports: [22, 53, 9100] } },
        { action: 'Pass', protocol: 'UDP', source, destination: { ports: [53] } },
      ]);
  });

  test('with all, asks for no protocol', () => {
    const compilation = compiled({ zones: [zone([{ entity: 'World' }], { all: true })] });
    expect(rulesOf(compilation, 'default/nodes/zones/z', 'host')).toEqual([
      expect.not.objectContaining({ protocol: expect.anything() }),
    ]);
  });

  test('of some nodes is complete there, and on other nodes passes traffic on its way to them', () => {
    const edges = {
      ...zone([{ entity: 'World' }], { ports: [9100] }),
      nodeSelector: { matchLabels: { edge: 'true' } },
    };
    const compilation = compiled({ zones: [edges, { ...edges, name: 'y' }] });
    const of = (selector: string) =>
      policies(compilation, 'default/nodes/zones/z')
        .filter(({ spec }) => spec.selector === selector)
        .map(({ spec }) => [spec.preDNAT === true, spec.ingress?.map(({ destination }) => destination)]);
    expect(of("!has(projectcalico.org/namespace) && edge == 'true' && has(clusterfirewall.io/gate)")).toEqual(
      [
        [false, [{ ports: [9100] }]],
        [true, [{ ports: [9100] }]],
      ],
    );
    const [set, ...others] = objects(compilation).filter(
      ({ metadata }) => metadata.labels?.['clusterfirewall.io/set']?.startsWith('nodes-where-') === true,
    );
    expect(others).toEqual([]);
    expect(set?.spec).toEqual({ nets: ['10.99.0.12/32', '10.244.1.0/32'] });
    const value = set?.metadata.labels?.['clusterfirewall.io/set'] ?? '';
    const destination = {
      ports: [9100],
      selector: `!has(projectcalico.org/created-by) && clusterfirewall.io/set == '${value}'`,
      namespaceSelector: 'global()',
    };
    expect(of('!has(projectcalico.org/namespace) && has(clusterfirewall.io/gate)')).toEqual([
      [true, [destination]],
    ]);
  });

  test('with a problem, keeps the set that its stored policies name', () => {
    const compilation = compiled({ zones: [zone([{ peer: 'nobody' }], { ports: [9100] })] });
    expect(compilation.frozen).toContainEqual({ sets: 'default/nodes/where' });
  });

  test.each([
    ['an unknown service', [{ entity: 'World' as const }], { services: ['sssh'] }, 'UnknownService'],
    ['an unknown peer', [{ peer: 'nobody' }], { services: ['ssh'] }, 'UnknownPeer'],
    [
      'pods by their addresses',
      [{ ipBlock: { cidr: '10.244.3.0/24' } }],
      { services: ['ssh'] },
      'ResolvesToNothing',
    ],
  ])('of %s is a problem of its own', (_, from, allow, reason) => {
    const other = { name: 'other', from: [{ entity: 'World' as const }], allow: { services: ['http'] } };
    const compilation = compiled({ zones: [zone(from, allow), other] });
    expect(reasons(compilation)).toEqual([reason]);
    expect(compilation.frozen).toContainEqual({ rule: 'default/nodes/zones/z' });
    expect(carrying(compilation, 'default/nodes/zones/z')).toEqual([]);
    expect(carrying(compilation, 'default/nodes/zones/other')).toHaveLength(2);
  });

  test('for certain pods lets nodes in as well, and refuses the other pods at the pods themselves', () => {
    const peers = [
      {
        name: 'prometheus',
        pods: {
          namespaceSelector: { matchLabels: { role: 'metrics' } },
          podSelector: { matchLabels: { app: 'prometheus' } },
        },
      },
    ];
    const compilation = compiled(
      { zones: [zone([{ peer: 'prometheus' }], { services: ['node-exporter'] })] },
      { peers },
    );
    const sources = rulesOf(compilation, 'default/nodes/zones/z', 'host').map(
      ({ source }) => source?.selector,
    );
    expect(sources).toEqual([
      "app == 'prometheus' && projectcalico.org/orchestrator == 'k8s'",
      "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'nodes'",
    ]);
    expect(guardOf(compilation)).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10250, 10257, 10259]],
        ],
      ],
      ["!(app == 'prometheus' && pcns.role == 'metrics')", [['TCP', [9100]]]],
    ]);
  });
});
