import { describe, expect, test } from '@jest/globals';
import type { RuleDestination } from '../../api/schema.ts';
import { compiled, guardOf, policies, rulesOf } from '../testing/compiled-nodes.ts';
import { cluster, clusterWith } from '../testing/inventories.ts';
import type { Inventory } from '../../inventory/types.ts';

describe('identity behind NAT', () => {
  test('ports that only the control plane reaches are refused to every pod that is not exempt', () => {
    expect(guardOf(compiled({}))).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10250, 10257, 10259]],
        ],
      ],
    ]);
  });

  test('a port that a zone gives to every pod is refused to none', () => {
    const zones = [{ name: 'z', from: [{ entity: 'Pods' as const }], allow: { ports: ['10250-10256'] } }];
    expect(guardOf(compiled({ zones }))).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10257, 10259]],
        ],
      ],
    ]);
  });

  test('pods that may reach everything do not restrict others, and pass where others do not', () => {
    const peers = [{ name: 'agents', pods: { namespaceSelector: { matchLabels: { role: 'agents' } } } }];
    const zones = [{ name: 'z', from: [{ peer: 'agents' }], allow: { all: true as const } }];
    expect(guardOf(compiled({ zones }, { peers }))).toEqual([
      [
        "pcns.role != 'agents'",
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10250, 10257, 10259]],
        ],
      ],
    ]);
  });

  test('with more pods than a selector holds is a problem of the zones', () => {
    const peers = Array.from({ length: 40 }, (_, index) => ({
      name: `peer-${String(index)}`,
      pods: { namespaceSelector: { matchLabels: { role: `${'long-'.repeat(9)}${String(index)}` } } },
    }));
    const from = peers.map(({ name }) => ({ peer: name }));
    const { problems } = compiled({ zones: [{ name: 'z', from, allow: { ports: [9100] } }] }, { peers });
    expect(problems).toMatchObject([
      { reason: 'SelectorTooLong', rule: 'default/nodes/pods', path: 'spec.nodes.zones' },
    ]);
  });

  test('metrics-server reaches kubelets, and konnectivity does as the control plane', () => {
    const inventory: Inventory = {
      ...cluster,
      apiServerBackends: [
        {
          namespace: 'kube-system',
          service: 'metrics-server',
          port: 443,
          because: 'APIService/v1beta1.metrics.k8s.io',
        },
      ],
      services: [
        {
          namespace: 'kube-system',
          name: 'metrics-server',
          selector: { 'k8s-app': 'metrics-server' },
          clusterIPs: [],
          ports: [{ protocol: 'TCP', port: 443, targetPort: 10250 }],
        },
        // Neither is behind the metrics API.
        { namespace: 'blog', name: 'metrics-server', selector: { app: 'blog' }, clusterIPs: [], ports: [] },
        { namespace: 'kube-system', name: 'kube-dns', selector: { app: 'dns' }, clusterIPs: [], ports: [] },
      ],
    };
    const peers = [
      { name: 'konnectivity', pods: { namespaceSelector: { matchLabels: { tunnel: 'true' } } } },
    ];
    const compilation = compiled({ controlPlane: [{ peer: 'konnectivity' }] }, { inventory, peers });
    expect(
      rulesOf(compilation, 'default/nodes/baseline/metrics-server', 'host').map(
        ({ source }) => source?.selector,
      ),
    ).toEqual([
      "k8s-app == 'metrics-server' && projectcalico.org/namespace == 'kube-system' && projectcalico.org/orchestrator == 'k8s'",
      "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'nodes'",
    ]);
    expect(guardOf(compilation)).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10257, 10259]],
        ],
      ],
      [
        "!(k8s-app == 'metrics-server' && projectcalico.org/namespace == 'kube-system' || pcns.tunnel == 'true')",
        [['TCP', [10250]]],
      ],
    ]);
  });
});

describe('a port that nodes give to some is refused at the pods', () => {
  const ssh = [{ name: 'ops', from: [{ peer: 'ops' }], allow: { services: ['ssh'] } }];
  const peers = [
    { name: 'ops', cidrs: ['198.51.100.0/24'] },
    { name: 'outside', cidrs: ['192.0.2.0/24', '2001:db8:7::/48'] },
  ];
  type Spec = NonNullable<Parameters<typeof compiled>[1]>;
  const namespaces = (ports: readonly (number | string)[], to: RuleDestination): Spec['namespaces'] => [
    {
      name: 'blog',
      namespaces: ['blog'],
      egress: [{ name: 'out', pods: {}, to: [to], ports: [...ports] }],
    },
  ];
  const NODES = {
    selector: "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'nodes'",
    namespaceSelector: 'global()',
  };
  const NO_POD = { notSelector: 'has(projectcalico.org/orchestrator)' };
  /** The destinations at which a port is refused, to every pod. */
  const refusedAt = (port: number | string, rest: Spec = {}, nodes = {}) =>
    policies(compiled({ zones: ssh, ...nodes }, { peers, ...rest }), 'default/nodes/pods')
      .filter(({ spec }) => spec.selector === 'all()')
      .flatMap(({ spec }) => spec.egress ?? [])
      .filter(({ destination }) => destination?.ports?.includes(port))
      .map(({ ipVersion, destination = {} }) => {
        const where = Object.entries(destination).filter(([field]) => field !== 'ports');
        return { ...(ipVersion !== undefined && { ipVersion }), ...Object.fromEntries(where) };
      });

  test('wherever no pod answers, so an address that nobody listed changes nothing', () => {
    expect(refusedAt(22)).toEqual([NO_POD]);
    expect(refusedAt(10250)).toEqual([NO_POD]);
    expect(refusedAt(22, { namespaces: namespaces(['All'], { entity: 'World' }) })).toEqual([NO_POD]);
  });

  test('at addresses of nodes, where a rule names the port for the world', () => {
    const named = { namespaces: namespaces([22, 10250], { entity: 'World' }) };
    expect(refusedAt(22, named)).toEqual([NODES]);
    expect(refusedAt(10250, named)).toEqual([NO_POD]);
    const extra = { extraAddresses: ['203.0.113.7/32'] };
    expect(refusedAt(22, named, extra)).toEqual([{ ipVersion: 4, nets: ['203.0.113.7/32'] }, NODES]);
  });

  test('at addresses of nodes, where pods may go out everywhere; the ports of the control plane wherever no pod answers', () => {
    const open = { defaults: { deny: 'Ingress' as const } };
    expect(refusedAt(22, open)).toEqual([NODES]);
    expect(refusedAt(10250, open)).toEqual([NO_POD]);
  });

  test('and not at addresses that a rule names with the port, if they are no node', () => {
    const named = { namespaces: namespaces([22, '2379-2380'], { peer: 'outside' }) };
    for (const port of [22, '2379:2380'])
      expect(refusedAt(port, named)).toEqual([
        { ipVersion: 4, notNets: ['192.0.2.0/24'], ...NO_POD },
        { ipVersion: 6, notNets: ['2001:db8:7::/48'], ...NO_POD },
        NODES,
      ]);
    const block = { cidr: '192.0.2.0/24', except: ['192.0.2.0/25'] };
    expect(refusedAt(22, { namespaces: namespaces([22], { ipBlock: block }) })).toEqual([
      { ipVersion: 4, notNets: ['192.0.2.128/25'], ...NO_POD },
      { ipVersion: 6, ...NO_POD },
      NODES,
    ]);
  });

  test('and not at an API server that is no node: a managed one has the port of the web', () => {
    const inventory = clusterWith({ apiServerEndpoints: ['10.99.0.11', '192.0.2.9'] });
    expect(refusedAt(22, { inventory })).toEqual([
      { ipVersion: 4, notNets: ['192.0.2.9/32'], ...NO_POD },
      { ipVersion: 6, ...NO_POD },
      NODES,
    ]);
    expect(refusedAt(10250, { inventory })).toEqual([NO_POD]);
  });

  test.each(['World', 'Pods'] as const)('nowhere, where a zone gives it to %s as well', (entity) => {
    const zones = [...ssh, { name: 'all', from: [{ entity }], allow: { ports: [22] } }];
    expect(refusedAt(22, {}, { zones })).toEqual([]);
  });

  test('where a zone gives it to the world at some nodes only', () => {
    const edge = { matchLabels: { edge: 'true' } };
    const web = { services: ['ssh', 'https'] };
    const zone = { name: 'web', from: [{ entity: 'World' as const }], allow: web, nodeSelector: edge };
    expect(refusedAt(22, {}, { zones: [...ssh, zone] })).toEqual([NO_POD]);
    expect(refusedAt(443, {}, { zones: [...ssh, zone] })).toEqual([]);
  });

  test('with more networks than a negation holds is a problem, and what is stored stays', () => {
    const cidrs = Array.from(
      { length: 257 },
      (_, index) => `192.0.${String(index % 256)}.${index < 256 ? '2' : '4'}/32`,
    );
    const { problems, frozen } = compiled(
      { zones: ssh },
      { peers: [...peers, { name: 'many', cidrs }], namespaces: namespaces([22], { peer: 'many' }) },
    );
    expect(problems).toMatchObject([{ reason: 'TooManyNames', rule: 'default/nodes/pods' }]);
    expect(frozen).toContainEqual({ rule: 'default/nodes/pods' });
  });
});
