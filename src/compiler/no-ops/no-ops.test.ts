import { describe, expect, test } from '@jest/globals';
import type { Nodes, Spec } from '../../api/schema.ts';
import type { PodInfo } from '../../inventory/pods.ts';
import type { Inventory, NamespaceInfo, ServiceInfo } from '../../inventory/types.ts';
import { compile } from '../compile.ts';
import { clusterWith, namespace } from '../testing/inventories.ts';
import type { Problem } from '../types.ts';
import { podWarnings } from './pods.ts';

const firewall = (spec: Partial<Spec>, name = 'default') => ({
  metadata: { name },
  spec: { mode: 'Enforce' as const, ...spec },
});
type Group = NonNullable<Spec['namespaces']>[number];
const group = (rules: Partial<Group>): Partial<Spec> => ({
  namespaces: [{ name: 'blog', namespaces: ['blog'], ...rules }],
});
const ingress = (rule: object) => group({ ingress: [{ name: 'in', pods: {}, ...rule } as never] });
const egress = (rule: object) => group({ egress: [{ name: 'out', pods: {}, ...rule } as never] });

const said = (problems: readonly Problem[]): readonly string[] =>
  problems
    .filter(({ reason }) => reason === 'NoEffect' || reason === 'ClientsSeenAsNodes')
    .map(({ path, message }) => `${path}: ${message}`);
const warned = (spec: Partial<Spec>, inventory: Partial<Inventory> = {}): readonly string[] =>
  said(compile([firewall(spec)], clusterWith(inventory)).problems);

const service = (of: Partial<ServiceInfo>): ServiceInfo => ({
  namespace: 'blog',
  name: 'web',
  selector: { app: 'web' },
  clusterIPs: ['10.96.0.7'],
  ports: [{ protocol: 'TCP', port: 80, targetPort: 8080 }],
  ...of,
});

describe('an address of a Service', () => {
  const to = (cidr: string) => egress({ to: [{ ipBlock: { cidr } }], ports: [80] });
  const services = [service({ externalIPs: ['203.0.113.9'] })];

  test.each([
    ['10.96.0.7/32', '10.96.0.7 is an address of Service blog/web: '],
    ['10.96.0.0/24', '10.96.0.7 is an address of Service blog/web: '],
    ['203.0.113.9/32', '203.0.113.9 is an address of Service blog/web: '],
    ['10.96.0.8/32', undefined],
    // A range of a company holds the Services by accident.
    ['10.0.0.0/8', undefined],
    ['10.96.0.0/23', undefined],
  ])('in %s', (cidr, message) => {
    const found = warned(to(cidr), { services });
    expect(found).toHaveLength(message === undefined ? 0 : 1);
    expect(found[0] ?? '').toContain(message ?? '');
  });

  test('of another Service than the operator keeps, and a part of their range', () => {
    expect(warned(to('10.96.3.1/32'), { clusterIPs: ['10.96.3.1'] })[0]).toContain(
      '10.96.3.1 is an address of a Service',
    );
    // The other addresses of such a range may be anybody's.
    expect(warned(to('203.0.113.0/24'), { services })[0]).toContain('so that address opens nothing: ');
    expect(warned(to('10.96.0.0/20'), { serviceCIDRs: ['10.96.0.0/12'] })[0]).toContain(
      '10.96.0.0/20 is in the range of Services 10.96.0.0/12',
    );
  });

  test('has the service as its remedy, in a destination', () => {
    expect(warned(to('10.96.0.7/32'), { services })[0]).toContain(
      'write { service: { namespace: blog, name: web } }, with ports: [All] in a rule of its own',
    );
    const from = ingress({ from: [{ ipBlock: { cidr: '10.96.0.7/32' } }], ports: [80] });
    expect(warned(from, { services })[0]).toContain('write pods with the labels of its selector');
  });

  test('of the API server has its own remedy, and one of a DNS server may be right', () => {
    const api = service({ namespace: 'default', name: 'kubernetes', clusterIPs: ['10.96.0.1'] });
    expect(warned(to('10.96.0.1/32'), { services: [api] })[0]).toContain('write { entity: KubeAPIServer }');
    const dns = service({ ports: [{ protocol: 'UDP', port: 53, targetPort: 53 }] });
    expect(warned(to('10.96.0.7/32'), { services: [dns] })).toEqual([]);
  });

  test('in a peer, and as the source of a zone', () => {
    const peers = [{ name: 'db', cidrs: ['198.51.100.0/24', '10.96.0.7/32'] }];
    expect(warned({ peers, ...egress({ to: [{ peer: 'db' }], ports: [80] }) }, { services })).toHaveLength(1);
    const zones = [
      { name: 'db', from: [{ ipBlock: { cidr: '10.96.0.7/32' } }], allow: { services: ['ssh'] } },
    ];
    expect(warned({ nodes: { mode: 'Enforce', zones } }, { services })[0]).toContain(
      'spec.nodes.zones[0].from[0]: 10.96.0.7',
    );
  });

  test('of IPv6', () => {
    const six = [service({ clusterIPs: ['fd00:10:96::7'] })];
    expect(warned(to('fd00:10:96::/120'), { services: six })).toHaveLength(1);
    expect(warned(to('fd00:10:96::/112'), { services: six })).toHaveLength(0);
  });
});

describe('World in front of a Service that lets clients in through every node', () => {
  const open = service({ throughNodes: true });
  const world = (rule: object = {}) =>
    ingress({ pods: { matchLabels: { app: 'web' } }, from: [{ entity: 'World' }], ports: [8080], ...rule });

  test('is named, with the remedy', () => {
    expect(warned(world(), { services: [open] })).toEqual([
      expect.stringMatching(
        /^spec\.namespaces\[0]\.ingress\[0]\.from: Service blog\/web lets .*: add \{ entity: Nodes \} to from, or set/,
      ),
    ]);
    const judged = { ...world(), nodes: { mode: 'Enforce' as const } };
    expect(warned(judged, { services: [open] })[0]).toContain('list its nodePorts in the rule');
    for (const each of warned(world(), { services: [open] })) expect(each).not.toContain('Everyone');
  });

  test.each<[string, Partial<Spec>]>([
    ['a CIDR', world({ from: [{ ipBlock: { cidr: '198.51.100.0/24' } }] })],
    [
      'a peer',
      { ...world({ from: [{ peer: 'office' }] }), peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }] },
    ],
  ])('addresses are no better, and nodes in addition would widen: %s', (_, spec) => {
    expect(warned(spec, { services: [open] })).toEqual([
      expect.stringMatching(
        /the address of that node, which is none of those in from: set externalTrafficPolicy: Local in the Service$/,
      ),
    ]);
    const judged = { ...spec, nodes: { mode: 'Enforce' as const } };
    expect(warned(judged, { services: [open] })[0]).toContain(': list its nodePorts in the rule, or set ');
  });

  test.each<[string, object, Partial<ServiceInfo>]>([
    ['nodes are named, too', { from: [{ entity: 'World' }, { entity: 'Nodes' }] }, {}],
    ['everyone is', { from: [{ entity: 'Everyone' }] }, {}],
    ['nodePorts are listed', { nodePorts: [30080] }, {}],
    ['World is not a source', { from: [{ entity: 'Pods' }] }, {}],
    [
      'nodes stand beside addresses',
      { from: [{ ipBlock: { cidr: '198.51.100.0/24' } }, { entity: 'Nodes' }] },
      {},
    ],
    ['the Service leads to other pods', { pods: { matchLabels: { app: 'db' } } }, {}],
    ['the Service leads to another port', { ports: [9090] }, {}],
    ['the Service is in another namespace', {}, { namespace: 'shop' }],
    ['clients keep their address', {}, { throughNodes: undefined as never }],
  ])('is right where %s', (_, rule, of) => {
    expect(warned(world(rule), { services: [service({ throughNodes: true, ...of })] })).toEqual([]);
  });

  test.each([['All'], ['8000-9000'], ['All/TCP']])('by port %s', (port) => {
    expect(warned(world({ ports: [port] }), { services: [open] })).toHaveLength(1);
  });
});

describe('a rule that a guardrail refuses', () => {
  const guardrail = (of: object): Partial<Spec> => ({
    guardrails: [
      { name: 'no', pods: {}, to: [{ ipBlock: { cidr: '172.16.0.0/12' } }], ports: ['All'], ...of },
    ],
  });
  const out = (rule: object = {}) =>
    egress({ to: [{ ipBlock: { cidr: '172.16.5.0/24' } }], ports: [443], ...rule });

  test('is named at the end that is refused', () => {
    expect(warned({ ...guardrail({}), ...out() })).toEqual([
      expect.stringContaining('egress[0].to[0]: opens nothing, because guardrail "no" refuses all of it'),
    ]);
  });

  test.each<[string, object]>([
    ['World', { ipBlock: { cidr: '172.16.5.0/24' } }],
    ['World', { entity: 'Internet' }],
    ['Pods', { pods: { podSelector: {} } }],
    ['Pods', { entity: 'SameNamespace' }],
  ])('is named where %s has all of it: %j', (entity, end) => {
    expect(warned({ ...guardrail({ to: [{ entity }] }), ...out({ to: [end] }) })).toHaveLength(1);
    expect(warned({ ...guardrail({ to: [{ entity: 'Nodes' }] }), ...out({ to: [end] }) })).toEqual([]);
  });

  test.each(['Pods', 'Nodes', 'World'] as const)(
    'is named where Everyone is kept away, and %s let in',
    (entity) => {
      const everyone = guardrail({ to: undefined, from: [{ entity: 'Everyone' }] });
      expect(warned({ ...everyone, ...ingress({ from: [{ entity }], ports: [80] }) })).toEqual([
        expect.stringContaining('ingress[0].from[0]: opens nothing, because guardrail "no"'),
      ]);
    },
  );

  test.each<[string, object, object]>([
    ['a part', {}, { to: [{ ipBlock: { cidr: '172.0.0.0/8' } }] }],
    ['other ports', { ports: ['80'] }, {}],
    ['other pods', { pods: { podSelector: { matchLabels: { app: 'a' } } } }, {}],
    ['what is left out', { to: [{ ipBlock: { cidr: '172.16.0.0/12', except: ['172.16.5.0/24'] } }] }, {}],
    ['another entity', { to: [{ entity: 'Nodes' }] }, { to: [{ entity: 'World' }] }],
  ])('is not, where the guardrail is about %s', (_, bound, rule) => {
    expect(warned({ ...guardrail(bound), ...out(rule) })).toEqual([]);
  });

  test.each<[string, object, object]>([
    ['the same entity', { to: [{ entity: 'Nodes' }] }, { to: [{ entity: 'Nodes' }] }],
    [
      'the same pods',
      { pods: { podSelector: { matchLabels: { app: 'a' } } } },
      { pods: { matchLabels: { app: 'a' } } },
    ],
    ['every pod', { to: [{ pods: {} }] }, { to: [{ pods: { podSelector: { matchLabels: { a: 'b' } } } }] }],
    ['a range of ports', { ports: ['400-500'] }, {}],
  ])('is, by %s', (_, bound, rule) => {
    expect(warned({ ...guardrail(bound), ...out(rule) })).toHaveLength(1);
  });

  test('on the way in', () => {
    const bound = guardrail({ to: undefined, from: [{ entity: 'Internet' }] });
    const inward = (entity: string) => ingress({ from: [{ entity }], ports: [443] });
    expect(warned({ ...bound, ...inward('Internet') })[0]).toContain('ingress[0].from[0]: opens nothing');
    expect(warned({ ...bound, ...inward('World') })).toEqual([]);
    expect(warned({ ...bound, ...out({ to: [{ entity: 'Internet' }] }) })).toEqual([]);
  });

  describe('with the only ends that it lets in or out', () => {
    const only = (of: object) => guardrail({ to: undefined, ...of });
    const web = { matchLabels: { app: 'web' } };
    const pods = { podSelector: web };
    const edge = { pods: { namespaceSelector: { matchLabels: { role: 'edge' } } } };

    test.each<[string, object]>([
      ['addresses, where it names pods', { from: [{ ipBlock: { cidr: '198.51.100.0/24' } }] }],
      ['pods with another label', { from: [{ pods: { podSelector: { matchLabels: { app: 'job' } } } }] }],
      ['nodes', { from: [{ entity: 'Nodes' }] }],
    ])('is named where it leaves out %s', (_, rule) => {
      const bound = only({ pods, onlyFrom: [{ pods }] });
      expect(warned({ ...bound, ...ingress({ pods: web, ports: [80], ...rule }) })).toEqual([
        expect.stringContaining(
          'ingress[0].from[0]: opens nothing, because onlyFrom of guardrail "no" names none of it',
        ),
      ]);
    });

    test('is named where the rule is outside of its networks', () => {
      const bound = only({ onlyTo: [{ ipBlock: { cidr: '198.51.100.0/24' } }] });
      expect(warned({ ...bound, ...out() })[0]).toContain(
        'egress[0].to[0]: opens nothing, because onlyTo of',
      );
      expect(warned({ ...bound, ...out({ to: [{ ipBlock: { cidr: '198.51.0.0/16' } }] }) })).toEqual([]);
      expect(warned({ ...bound, ...out({ to: [{ entity: 'ControlPlane' }] }) })).toEqual([]);
    });

    test('is not, where an end may be in it, the pods are others, or DNS is left alone', () => {
      const bound = only({ pods, onlyFrom: [edge] });
      expect(warned({ ...bound, ...ingress({ pods: web, from: [edge], ports: [80] }) })).toEqual([]);
      expect(
        warned({ ...bound, ...ingress({ pods: {}, from: [{ entity: 'World' }], ports: [80] }) }),
      ).toEqual([]);
      const dns = only({ onlyTo: [{ entity: 'Nodes' }] });
      const ask = out({ to: [{ pods }], ports: ['53/UDP', 53] });
      expect(warned({ ...dns, ...ask })).toEqual([]);
      expect(warned({ ...only({ onlyTo: [{ entity: 'Nodes' }], defaults: 'Judged' }), ...ask })).toHaveLength(
        1,
      );
    });
  });

  describe('at the other end of the flow', () => {
    const shut = guardrail({
      to: undefined,
      from: [{ entity: 'Pods' }],
      pods: { podSelector: { matchLabels: { app: 'db' } } },
    });
    const db = { podSelector: { matchLabels: { app: 'db', tier: 'a' } } };
    const namespaces: NamespaceInfo[] = [
      { name: 'blog', labels: {} },
      { name: 'data', labels: { team: 'data' } },
      { name: 'kube-system', labels: { team: 'system' } },
    ];
    const to = (team: string) =>
      out({ to: [{ pods: { ...db, namespaceSelector: { matchLabels: { team } } } }] });

    test('is named, by labels and as a Service', () => {
      expect(warned({ ...shut, ...to('data') }, { namespaces })).toHaveLength(1);
      const services = [service({ namespace: 'data', name: 'db', selector: { app: 'db' } })];
      const byName = out({ to: [{ service: { namespace: 'data', name: 'db' } }], ports: ['All'] });
      expect(warned({ ...shut, ...byName }, { namespaces, services })).toHaveLength(1);
    });

    test('is not, where these pods are exempt, or not known', () => {
      expect(warned({ ...shut, ...to('system') }, { namespaces })).toEqual([]);
      expect(warned({ ...shut, ...to('later') }, { namespaces })).toEqual([]);
    });

    test('is named for a connection', () => {
      const connections = [{ name: 'c', fromPods: {}, toPods: db.podSelector, ports: [5432] }];
      expect(warned({ ...shut, ...group({ connections }) }, { namespaces })).toEqual([
        expect.stringMatching(/^spec\.namespaces\[0]\.connections\[0]: opens nothing/),
      ]);
    });
  });

  test('is named for more labels than its own, and for a namespace that it selects', () => {
    const labelled = { podSelector: { matchLabels: { app: 'a' } } };
    const narrower = out({ pods: { matchLabels: { app: 'a', tier: 'b' } } });
    expect(warned({ ...guardrail({ pods: labelled }), ...narrower })).toHaveLength(1);
    const selecting = (team: string) => guardrail({ pods: { namespaceSelector: { matchLabels: { team } } } });
    const namespaces = [{ name: 'blog', labels: { team: 'x' } }];
    expect(warned({ ...selecting('x'), ...out() }, { namespaces })).toHaveLength(1);
    expect(warned({ ...selecting('y'), ...out() }, { namespaces })).toEqual([]);
    const accounts = guardrail({ pods: { serviceAccounts: ['a'] } });
    expect(warned({ ...accounts, ...out() }, { namespaces })).toEqual([]);
  });

  test('of another firewall, and by the metadata API', () => {
    const team = firewall(out(), 'team');
    expect(said(compile([firewall(guardrail({})), team], clusterWith({})).problems)).toHaveLength(1);
    const metadata = out({ to: [{ ipBlock: { cidr: '169.254.169.254/32' } }] });
    expect(warned(metadata)[0]).toContain('exceptNamespaces');
    const excepted = { defaults: { metadataAPI: { exceptNamespaces: ['blog'] } } };
    expect(warned({ ...metadata, ...excepted })).toEqual([]);
  });
});

describe('in spec.nodes', () => {
  const nodes = (of: Partial<Nodes>) => warned({ nodes: { mode: 'Enforce', ...of } });
  const zone = { name: 'z', from: [{ entity: 'World' as const }], allow: { services: ['ssh'] } };

  test('a zone whose nodeSelector matches no node', () => {
    const at = (edge: string) => [{ ...zone, nodeSelector: { matchLabels: { edge } } }];
    expect(nodes({ zones: at('true') })).toEqual([]);
    expect(nodes({ zones: at('no') })).toEqual([
      expect.stringContaining('spec.nodes.zones[0].nodeSelector: matches no node'),
    ]);
  });

  test('a service that nothing uses', () => {
    const registry = { name: 'registry', ports: [5000] };
    const exporter = { name: 'node-exporter', ports: [9101], override: true as const };
    const kubelet = { name: 'kubelet', ports: [10260], override: true as const };
    expect(nodes({ services: [registry, exporter, kubelet] })).toEqual([
      expect.stringContaining('services[0].name: no zone names "registry"'),
      expect.stringContaining('services[1].name: no zone names "node-exporter"'),
    ]);
    // These decide about what is closed. The advice to name them in a zone would open it.
    const closing = ['kube-controller-manager', 'kube-scheduler', 'nodeports', 'etcd'];
    const services = closing.map((name) => ({ name, ports: [11259], override: true as const }));
    expect(nodes({ services })).toEqual([]);
    const allow = { services: ['registry', 'node-exporter'] };
    expect(nodes({ services: [registry, exporter], zones: [{ ...zone, allow }] })).toEqual([]);
  });

  test('an address of a zone that no node has', () => {
    const at = (addresses: string[], more: Partial<Nodes> = {}) =>
      nodes({ zones: [{ ...zone, addresses }], ...more });
    expect(at(['10.99.0.12/32', '10.99.0.0/24'])).toEqual([]);
    expect(at(['10.99.0.12/32', '203.0.113.7/32'])).toEqual([
      expect.stringContaining('spec.nodes.zones[0].addresses[1]: no node has such an address'),
    ]);
    expect(at(['203.0.113.7/32'], { extraAddresses: ['203.0.113.0/28'] })).toEqual([]);
    expect(at(['203.0.113.7/32'], { destinations: 'All' })).toEqual([]);
  });

  test('a source of a zone that is blocked whole', () => {
    const peers = [{ name: 'ops', cidrs: ['198.51.100.0/25', '198.51.100.128/25'] }];
    const from = (...ends: object[]) => [{ ...zone, from: ends }] as never;
    const judged = (of: Partial<Nodes>) => warned({ peers, nodes: { mode: 'Enforce', ...of } });
    const blocked = [{ ipBlock: { cidr: '198.51.100.0/24' } }];
    expect(judged({ blocked, zones: from({ entity: 'World' }, { peer: 'ops' }) })).toEqual([
      expect.stringContaining(
        'spec.nodes.zones[0].from[1]: opens nothing, because nodes.blocked refuses all of it',
      ),
    ]);
    expect(judged({ blocked, zones: from({ ipBlock: { cidr: '198.51.0.0/16' } }) })).toEqual([]);
    const partly = [{ ipBlock: { cidr: '198.51.100.0/24', except: ['198.51.100.7/32'] } }];
    expect(judged({ blocked: partly, zones: from({ peer: 'ops' }) })).toEqual([]);
  });

  test('services for breakGlass, and nobody in it', () => {
    const given = { services: [{ name: 'registry', ports: [5000] }], breakGlassServices: ['registry'] };
    expect(nodes(given)).toEqual([
      expect.stringContaining('spec.nodes.breakGlassServices: nobody is in breakGlass'),
    ]);
    const peers = [{ name: 'ops', cidrs: ['198.51.100.0/24'] }];
    const inUse = { mode: 'Enforce' as const, ...given, breakGlass: [{ peer: 'ops' }] };
    expect(warned({ peers, nodes: inUse })).toEqual([]);
  });
});

describe('pods of an inventory', () => {
  const pod = (name: string, of: Partial<PodInfo> = {}): PodInfo => ({
    namespace: 'blog',
    name,
    labels: { app: name },
    serviceAccount: name,
    isOnHostNetwork: false,
    portNumbers: [8080],
    portNames: ['http'],
    ...of,
  });
  const pods = [pod('web'), pod('exporter', { isOnHostNetwork: true, portNames: [] })];
  const inventory = clusterWith({ namespaces: [namespace('blog'), namespace('shop')] });
  const judged = (spec: Partial<Spec>) =>
    said(podWarnings([firewall(spec)], inventory, { pods, nodePorts: [] }));
  const withServices = (spec: Partial<Spec>, of: Partial<ServiceInfo> = {}) =>
    said(
      podWarnings(
        [firewall(spec)],
        { ...inventory, services: [service(of)] },
        { pods, nodePorts: ['30080/TCP', '30053/UDP'] },
      ),
    );
  const app = (name: string) => ({ matchLabels: { app: name } });
  const to = (end: object, ports: readonly unknown[] = [80]) =>
    egress({ pods: app('web'), to: [end], ports });

  const connection = (rule: object) =>
    group({
      connections: [{ name: 'c', fromPods: app('web'), toPods: app('web'), ports: [80], ...rule }],
    });

  test.each<[string, Partial<Spec>, string | undefined]>([
    ['a pod', to({ pods: { podSelector: app('web') } }), undefined],
    ['no pod', to({ pods: { podSelector: app('wbe') } }), 'to[0]: no pod of the inventory has these labels'],
    [
      'a pod of the host network',
      to({ pods: { podSelector: app('exporter') } }),
      'to[0]: only pods of the host network have these labels (blog/exporter), and they have the addresses of their nodes: write { entity: Nodes }',
    ],
    [
      'a pod of another namespace',
      to({ pods: { namespaceSelector: {}, podSelector: app('web') } }),
      undefined,
    ],
    ['a port that it has', to({ pods: { podSelector: app('web') } }, ['http']), undefined],
    [
      'a port that it does not have',
      to({ pods: { podSelector: app('web') } }, ['htpp']),
      'ports[0]: no container of these pods has a port called "htpp": write its number, or one of http',
    ],
    [
      'the account of a subject',
      ingress({ pods: app('web'), serviceAccounts: ['web'], from: [{ entity: 'World' }], ports: [80] }),
      undefined,
    ],
    [
      'an account that no subject has',
      ingress({ pods: app('web'), serviceAccounts: ['wbe'], from: [{ entity: 'World' }], ports: ['http'] }),
      'serviceAccounts: no pod of the inventory that has these labels has such a ServiceAccount (theirs: web)',
    ],
    [
      'an account that no source has',
      to({ pods: { podSelector: app('web'), serviceAccounts: ['wbe'] } }),
      'to[0]: no pod of the inventory that has these labels has such',
    ],
    ['a subject', ingress({ pods: app('wbe'), from: [{ entity: 'World' }], ports: [80] }), 'pods: no pod'],
    ['both ends of a connection', connection({}), undefined],
    ['no pod that connects', connection({ fromPods: app('wbe') }), 'connections[0].fromPods: no pod'],
    [
      'a pod of the host network that connects',
      connection({ fromPods: app('exporter') }),
      'connections[0].fromPods: only pods of the host network have these labels (blog/exporter), and they have the addresses of their nodes: write an ingress rule from { entity: Nodes }',
    ],
    [
      'a pod of the host network that is connected to',
      connection({ toPods: app('exporter') }),
      'connections[0].toPods: only pods of the host network have these labels (blog/exporter), and they have the addresses of their nodes: write an egress rule to { entity: Nodes }',
    ],
    [
      'an account that no end of a connection has',
      connection({ fromServiceAccounts: ['wbe'] }),
      'connections[0].fromServiceAccounts: no pod',
    ],
    [
      'a port that a connected pod does not have',
      connection({ ports: ['htpp'] }),
      'connections[0].ports[0]: no container',
    ],
    [
      'a named port of the subject',
      ingress({ pods: app('web'), from: [{ entity: 'World' }], ports: ['metrics'] }),
      'ports[0]: no container',
    ],
  ])('%s', (_, spec, message) => {
    const found = judged(spec);
    expect(found).toHaveLength(message === undefined ? 0 : 1);
    expect(found[0] ?? '').toContain(message ?? '');
  });

  test('and the port of a Service in place of theirs', () => {
    const from = [{ entity: 'World' }];
    const says =
      'ports[0]: 80 is the port of Service blog/web, which leads to port 8080 of these pods, and policies see the port of the pod: write 8080';
    expect(withServices(ingress({ pods: app('web'), from, ports: [80] }))).toEqual([
      expect.stringContaining(says),
    ]);
    expect(withServices(to({ pods: { podSelector: app('web') } }, [80]))).toEqual([
      expect.stringContaining(says),
    ]);
    expect(withServices(ingress({ pods: app('web'), from, ports: [8080, '80/UDP', '80-90'] }))).toEqual([]);
    // A container has it, or the Service is in front of others.
    const both = [{ protocol: 'TCP' as const, port: 8080, targetPort: 80 }];
    expect(withServices(ingress({ pods: app('web'), from, ports: [8080] }), { ports: both })).toEqual([]);
    expect(withServices(ingress({ pods: app('web'), from, ports: [80] }), { namespace: 'shop' })).toEqual([]);
  });

  test('and NodePorts that no Service has', () => {
    const rule = (nodePorts: readonly unknown[]) =>
      withServices(ingress({ pods: app('web'), from: [{ entity: 'World' }], ports: [8080], nodePorts }));
    expect(rule([30080, '30000-30100', '30053/UDP'])).toEqual([]);
    expect(rule([30080, 30053])).toEqual([
      expect.stringContaining('nodePorts[1]: no Service of the inventory has NodePort 30053'),
    ]);
  });

  test('and the pods behind a Service', () => {
    const behind = (of: Partial<ServiceInfo>) =>
      withServices(egress({ pods: app('web'), to: [{ service: { name: 'web' } }], ports: ['All'] }), of);
    expect(behind({})).toEqual([]);
    expect(behind({ selector: { app: 'exporter' } })).toEqual([
      expect.stringContaining('to[0]: only pods of the host network have these labels (blog/exporter)'),
    ]);
    expect(behind({ selector: { app: 'wbe' } })).toEqual([
      expect.stringContaining('to[0]: no pod of the inventory has these labels'),
    ]);
  });

  test('are not judged where there is none, or no such namespace yet', () => {
    const spec = to({ pods: { podSelector: app('wbe') } });
    expect(podWarnings([firewall(spec)], inventory, { pods: [], nodePorts: [] })).toEqual([]);
    const elsewhere = {
      namespaces: [
        {
          name: 'g',
          namespaces: ['later'],
          ingress: [{ name: 'in', pods: app('x'), from: [{ entity: 'World' as const }], ports: [80] }],
        },
      ],
    };
    expect(judged(elsewhere)).toEqual([]);
  });
});
