import { describe, expect, test } from '@jest/globals';
import { PROTOCOL } from '../calico/read/protocols.ts';
import { Prepared } from './prepared.ts';
import { readWorld } from './snapshot.ts';
import { addressOf, calico, cluster, namespace, pod, policy, service } from './testing/objects.ts';
import type { Outcome } from './trail.ts';
import { walk, type Origin } from './walk.ts';

interface Asked {
  readonly from: string;
  readonly to: string;
  readonly port?: number;
  readonly protocol?: number;
  readonly state?: 'new' | 'established' | 'invalid';
}

/** `from` is `pod NAMESPACE/NAME`, `node NAME` or an address outside, which comes in at node1. */
const ask = (objects: readonly object[], asked: Asked): Outcome =>
  askPrepared(new Prepared(readWorld([...cluster(), ...objects])), asked);

function askPrepared(prepared: Prepared, asked: Asked, options?: Parameters<typeof walk>[4]): Outcome {
  const { from, to, port = 80, protocol = PROTOCOL.TCP, state = 'new' } = asked;
  const [kind, name = ''] = from.split(' ');
  const node = prepared.node(kind === 'node' ? name : 'node1');
  const known = prepared.pod(name);
  if (node === undefined) throw new Error(`no node ${name}`);
  const origin: Origin =
    known !== undefined
      ? { kind: 'pod', pod: known }
      : kind === 'node'
        ? { kind: 'node', node }
        : { kind: 'outside', at: node };
  const source = known?.addresses[0] ?? (kind === 'node' ? '' : from);
  const header = { family: 4, protocol, sourcePort: 40_000, port, icmpType: 8, icmpCode: 0, state } as const;
  return walk(prepared, origin, header, { source, destination: to, port }, options);
}

const verdict = (objects: readonly object[], asked: Asked): string => ask(objects, asked).verdict;
/** node1 has 10.99.0.11, node2 10.99.0.12. */
const [NODE1, NODE2] = ['10.99.0.11', '10.99.0.12'];
const [web, db, far] = [addressOf('shop/web'), addressOf('shop/db'), addressOf('bank/far')];
const fromWeb = (to: string, more: Partial<Asked> = {}): Asked => ({ from: 'pod shop/web', to, ...more });

describe('pods', () => {
  test('without policies everything is allowed by the profile of the namespace', () => {
    const { verdict: seen, steps } = ask([], fromWeb(db));
    expect(seen).toBe('Allowed');
    expect(steps.map(({ layer }) => layer)).toEqual(['pod egress', 'pod ingress', 'delivery']);
    expect(steps[0]?.decision.by).toEqual({ kind: 'profile', profile: 'kns.shop' });
  });

  test('a policy that selects a pod closes what it does not allow, in its own direction', () => {
    const closed = policy('closed', { selector: "app == 'db'", types: ['Ingress'] });
    expect(verdict([closed], fromWeb(db))).toBe('Denied');
    expect(ask([closed], fromWeb(db)).decisive.decision.by).toMatchObject({
      kind: 'endOfTier',
      tier: 'default',
    });
    expect(verdict([closed], { from: 'pod shop/db', to: web })).toBe('Allowed');
  });

  test('a policy with networks is judged where ServiceAccounts are not known', () => {
    const office = { action: 'Allow', source: { nets: ['192.0.2.0/24'] } };
    const closed = policy('closed', { selector: "app == 'db'", types: ['Ingress'], ingress: [office] });
    const world = { ...readWorld([...cluster(), closed]), lacks: ['ServiceAccount'] };
    expect(askPrepared(new Prepared(world), fromWeb(db)).verdict).toBe('Denied');
  });

  test.each([
    ['the port', { protocol: 'TCP', destination: { ports: [80] } }, 'Allowed'],
    ['another port', { protocol: 'TCP', destination: { ports: ['81:90'] } }, 'Denied'],
    ['a port by name', { protocol: 'TCP', destination: { ports: ['http'] } }, 'Allowed'],
    ['all but the port', { protocol: 'TCP', destination: { notPorts: [80] } }, 'Denied'],
    ['another protocol', { protocol: 'UDP' }, 'Denied'],
    ['all but the protocol', { notProtocol: 'TCP' }, 'Denied'],
    ['the source by label', { source: { selector: "app == 'web'" } }, 'Allowed'],
    ['the source by what it is not', { source: { notSelector: "app == 'web'" } }, 'Denied'],
    ['the source by address', { source: { nets: [`${web}/32`] } }, 'Allowed'],
    ['all but the source', { source: { notNets: [`${web}/32`] } }, 'Denied'],
    ['a CIDR of the other family alone', { source: { notNets: ['fd00::/8'] } }, 'Denied'],
    ['the namespace', { source: { namespaceSelector: "team == 'a'" } }, 'Allowed'],
    ['the other namespace', { source: { namespaceSelector: "team != 'a'" } }, 'Denied'],
    ['what is in no namespace', { source: { namespaceSelector: 'global()' } }, 'Denied'],
    ['the service account', { source: { serviceAccounts: { names: ['robot'] } } }, 'Allowed'],
    ['the family', { ipVersion: 6 }, 'Denied'],
  ])('a rule for %s', (_, match, expected) => {
    const rules = { ingress: [{ action: 'Allow', ...match }] };
    expect(
      verdict([policy('p', { selector: "app == 'db'", types: ['Ingress'], ...rules })], fromWeb(db)),
    ).toBe(expected);
  });

  test('tiers: Pass goes on to the next one, and a tier that passes at its end does, too', () => {
    const tier = (defaultAction: string): object => calico('Tier', 'early', { order: 1, defaultAction });
    const early = (action: string): object =>
      policy('early.p', {
        tier: 'early',
        selector: 'all()',
        types: ['Ingress'],
        ingress: [{ action, protocol: 'TCP' }],
      });
    const late = policy('late', {
      selector: 'all()',
      types: ['Ingress'],
      ingress: [{ action: 'Allow', protocol: 'UDP' }],
    });
    expect(verdict([tier('Deny'), early('Allow'), late], fromWeb(db))).toBe('Allowed');
    expect(verdict([tier('Deny'), early('Pass'), late], fromWeb(db))).toBe('Denied');
    const udp = fromWeb(db, { protocol: PROTOCOL.UDP });
    expect(verdict([tier('Deny'), early('Allow'), late], udp)).toBe('Denied');
    expect(verdict([tier('Pass'), early('Deny'), late], udp)).toBe('Allowed');
    expect(verdict([early('Allow')], udp)).toBe('Denied');
  });

  test('a tier without an order has that of default, and names decide between them', () => {
    const closed = policy('closed', { selector: 'all()', types: ['Ingress'] });
    const opened = (tier: string): readonly object[] => [
      calico('Tier', tier, { defaultAction: 'Pass' }),
      policy(`${tier}.p`, { tier, selector: 'all()', types: ['Ingress'], ingress: [{ action: 'Allow' }] }),
    ];
    expect(verdict([...opened('acme'), closed], fromWeb(db))).toBe('Allowed');
    expect(verdict([...opened('late'), closed], fromWeb(db))).toBe('Denied');
    const baseline = {
      apiVersion: 'policy.networking.k8s.io/v1alpha1',
      kind: 'BaselineAdminNetworkPolicy',
      metadata: { name: 'default' },
      spec: {
        subject: { namespaces: {} },
        ingress: [{ name: 'no', action: 'Deny', from: [{ namespaces: {} }] }],
      },
    };
    expect(verdict([...opened('late'), baseline], fromWeb(db))).toBe('Allowed');
  });

  test('established packets pass whatever the policies say, invalid ones never', () => {
    const closed = policy('closed', { selector: 'all()', types: ['Ingress', 'Egress'] });
    expect(verdict([closed], fromWeb(db, { state: 'established' }))).toBe('Allowed');
    expect(verdict([], fromWeb(db, { state: 'invalid' }))).toBe('Denied');
  });

  test('a staged policy changes nothing', () => {
    const spec = { selector: 'all()', types: ['Ingress'] };
    const staged = { ...policy('s', spec), kind: 'StagedGlobalNetworkPolicy' };
    expect(verdict([staged], fromWeb(db))).toBe('Allowed');
  });
});

describe('what cannot be known is Unknown, with the reason', () => {
  const because = (outcome: Outcome): string =>
    outcome.decisive.decision.by.kind === 'unknown' ? outcome.decisive.decision.by.because : outcome.verdict;

  test('a policy that cannot be read', () => {
    const broken = policy('broken', { selector: "app = 'db'", types: ['Ingress'] });
    expect(because(ask([broken], fromWeb(db)))).toContain(
      'GlobalNetworkPolicy broken cannot be read: spec.selector',
    );
  });

  test('a policy of another namespace that cannot be read is no matter', () => {
    const broken = { ...policy('broken', { selector: '(' }), kind: 'NetworkPolicy' };
    const elsewhere = { ...broken, metadata: { name: 'broken', namespace: 'bank' } };
    expect(verdict([elsewhere], fromWeb(db))).toBe('Allowed');
    expect(verdict([elsewhere], fromWeb(far))).toBe('Unknown');
  });

  test('a kind that nobody could list', () => {
    const prepared = new Prepared(readWorld(cluster(), ['NetworkSet']));
    expect(because(askPrepared(prepared, fromWeb(db)))).toBe('objects of kind NetworkSet are missing');
  });

  test('an ICMP code on a node in nftables mode, which Felix cannot program', () => {
    const code = policy('c', {
      selector: "app == 'none'",
      types: ['Ingress'],
      ingress: [{ action: 'Deny', protocol: 'ICMP', icmp: { type: 8, code: 0 } }],
    });
    const nftables = calico('FelixConfiguration', 'default', { nftablesMode: 'Enabled' });
    expect(verdict([code], fromWeb(db))).toBe('Allowed');
    expect(because(ask([code, nftables], fromWeb(db)))).toContain('cannot program the ICMP code');
  });

  test('HTTP, the eBPF dataplane, and backends that differ', () => {
    const http = policy('h', {
      selector: "app == 'db'",
      types: ['Ingress'],
      ingress: [{ action: 'Allow', http: { methods: ['GET'] } }],
    });
    expect(because(ask([http], fromWeb(db)))).toContain('HTTP');
    const bpf = calico('FelixConfiguration', 'default', { bpfEnabled: true });
    expect(because(ask([bpf], fromWeb(db)))).toContain('eBPF');
    const closed = policy('closed', { selector: "app == 'db'", types: ['Ingress'] });
    const objects = [
      closed,
      ...service('both', {
        backends: [
          [db, 'node2'],
          [far, 'node2'],
        ],
      }),
    ];
    expect(because(ask(objects, fromWeb('10.96.0.10', { port: 81 })))).toContain(
      'the backends of Service shop/both:81 differ',
    );
  });
});

describe('nodes', () => {
  const endpoint = (node: string, spec: object = {}, labels: object = { host: node }): object => ({
    ...calico('HostEndpoint', `${node}-all`, { node, interfaceName: '*', ...spec }),
    metadata: { name: `${node}-all`, labels },
  });
  const open = { profiles: ['projectcalico-default-allow'] };
  const hostPolicy = (spec: object): object => policy('h', { selector: 'has(host)', ...spec });
  const outside = (to: string, port = 9100): Asked => ({ from: '203.0.113.5', to, port });

  test('without host endpoints everything reaches a node; an endpoint without a profile closes it', () => {
    expect(verdict([], outside(NODE1))).toBe('Allowed');
    expect(verdict([endpoint('node1')], outside(NODE1))).toBe('Denied');
    expect(verdict([endpoint('node1', open)], outside(NODE1))).toBe('Allowed');
  });

  test('failsafe ports are open whatever policies say, unless the configuration closes them', () => {
    const closed = [endpoint('node1', open), hostPolicy({ types: ['Ingress'] })];
    expect(verdict(closed, outside(NODE1, 22))).toBe('Allowed');
    expect(verdict(closed, outside(NODE1, 23))).toBe('Denied');
    const none = calico('FelixConfiguration', 'default', { failsafeInboundHostPorts: [] });
    expect(verdict([...closed, none], outside(NODE1, 22))).toBe('Denied');
    const other = calico('FelixConfiguration', 'node.node2', { failsafeInboundHostPorts: [] });
    expect(verdict([...closed, other], outside(NODE1, 22))).toBe('Allowed');
  });

  test('host policy is not asked about forwarded packets, unless it says so', () => {
    const spec = { types: ['Ingress'], ingress: [{ action: 'Deny' }] };
    const host = endpoint('node1', open);
    expect(verdict([host, hostPolicy(spec)], outside(web, 80))).toBe('Allowed');
    expect(verdict([host, hostPolicy({ ...spec, applyOnForward: true })], outside(web, 80))).toBe('Denied');
  });

  test('before DNAT: NodePorts are seen, and Allow is final for the host', () => {
    const objects = [
      endpoint('node1', open),
      ...service('plain', { backends: [[web, 'node1']], nodePort: 30_080 }),
    ];
    const before = (ingress: readonly object[]): object =>
      hostPolicy({ types: ['Ingress'], preDNAT: true, applyOnForward: true, ingress });
    const deny = { action: 'Deny', protocol: 'TCP', destination: { ports: [30_080] } };
    expect(verdict(objects, outside(NODE1, 30_080))).toBe('Allowed');
    expect(verdict([...objects, before([deny])], outside(NODE1, 30_080))).toBe('Denied');
    const closed = policy('z', { selector: 'has(host)', types: ['Ingress'], ingress: [{ action: 'Deny' }] });
    expect(verdict([endpoint('node1', open), before([{ action: 'Allow' }]), closed], outside(NODE1))).toBe(
      'Allowed',
    );
    expect(verdict([endpoint('node1', open), before([{ action: 'Pass' }]), closed], outside(NODE1))).toBe(
      'Denied',
    );
  });

  test('a node reaches its own pods, its own address over lo, and other nodes through its egress', () => {
    const closed = policy('closed', { selector: "app == 'web'", types: ['Ingress'] });
    expect(verdict([closed], { from: 'node node1', to: web })).toBe('Allowed');
    expect(verdict([closed], { from: 'node node2', to: web })).toBe('Denied');
    const host = endpoint('node1', open);
    const egress = hostPolicy({ types: ['Egress'], egress: [{ action: 'Deny' }] });
    expect(verdict([host, egress], { from: 'node node1', to: NODE2 })).toBe('Denied');
    expect(verdict([host, egress], { from: 'node node1', to: NODE1 })).toBe('Denied');
    const lo = { ...calico('HostEndpoint', 'lo', { node: 'node1', interfaceName: 'lo', ...open }) };
    expect(verdict([host, egress, lo], { from: 'node node1', to: NODE1 })).toBe('Allowed');
  });

  test('a pod reaches its own node as defaultEndpointToHostAction says', () => {
    const accept = calico('FelixConfiguration', 'default', { defaultEndpointToHostAction: 'Accept' });
    expect(verdict([], fromWeb(NODE1, { port: 9100 }))).toBe('Denied');
    expect(verdict([accept], fromWeb(NODE1, { port: 9100 }))).toBe('Allowed');
    expect(verdict([], fromWeb(NODE2, { port: 9100 }))).toBe('Allowed');
  });

  test('natOutgoing shows other nodes the address of the pod’s node', () => {
    const source = (outcome: Outcome): string => outcome.decisive.source;
    expect(source(ask([], fromWeb(NODE2, { port: 9100 })))).toBe(NODE1);
    expect(source(ask([], fromWeb(far)))).toBe(web);
  });

  test('an endpoint for one interface of a node whose interfaces are not known is Unknown', () => {
    const eth0 = calico('HostEndpoint', 'eth0', { node: 'node1', interfaceName: 'eth0' });
    expect(verdict([eth0], outside(NODE1))).toBe('Unknown');
  });

  test('an endpoint for an unknown interface leaves the layers that none of its policies judge to the wildcard', () => {
    const hosts = [
      { name: 'named', interfaceName: 'eth0' },
      { name: 'wildcard', interfaceName: '*' },
      { name: 'lo', interfaceName: 'lo' },
    ].map(({ name, interfaceName }) => ({
      ...calico('HostEndpoint', name, { node: 'node1', interfaceName, ...open }),
      metadata: { name, labels: { role: name } },
    }));
    const closed = (role: string): object =>
      policy(role, {
        selector: `role in {'lo', '${role}'}`,
        preDNAT: true,
        applyOnForward: true,
        types: ['Ingress'],
        ingress: [{ action: 'Deny' }],
      });
    expect(verdict([...hosts, closed('wildcard')], outside(NODE1))).toBe('Denied');
    expect(verdict([...hosts, closed('wildcard'), closed('named')], outside(NODE1))).toBe('Unknown');
  });
});

describe('Services', () => {
  const plain = (more: object = {}): readonly object[] =>
    service('plain', { backends: [[db, 'node2']], ...more });

  test('a pod that reaches itself through its Service comes from its node', () => {
    const own = service('plain', { backends: [[web, 'node1']] });
    const { verdict: seen, decisive, steps } = ask(own, fromWeb('10.96.0.10', { port: 81 }));
    expect(seen).toBe('Allowed');
    expect(decisive).toMatchObject({ source: NODE1, destination: web });
    expect(steps.find(({ layer }) => layer === 'pod ingress')).toMatchObject({ source: web });
  });

  test('policies see the pod behind a cluster IP', () => {
    const only = policy('only', {
      selector: "app == 'web'",
      types: ['Egress'],
      egress: [{ action: 'Allow', destination: { nets: [`${db}/32`] } }],
    });
    const asked = fromWeb('10.96.0.10', { port: 81 });
    expect(ask([only, ...plain()], asked)).toMatchObject({
      verdict: 'Allowed',
      decisive: { destination: db, port: 80 },
    });
    expect(verdict([only, ...plain()], fromWeb('10.96.0.10', { port: 82 }))).toBe('Denied');
  });

  test('internalTrafficPolicy and externalTrafficPolicy keep to the node', () => {
    expect(verdict(plain({ internal: 'Local' }), fromWeb('10.96.0.10', { port: 81 }))).toBe('Denied');
    const nodePort = { nodePort: 30_080 };
    const outside: Asked = { from: '203.0.113.5', to: NODE1, port: 30_080 };
    expect(verdict(plain(nodePort), outside)).toBe('Allowed');
    expect(verdict(plain({ ...nodePort, external: 'Local' }), outside)).toBe('Denied');
  });

  test('a NodePort hides the source from the pod’s node', () => {
    expect(
      ask(plain({ nodePort: 30_080 }), { from: '203.0.113.5', to: NODE1, port: 30_080 }).decisive.source,
    ).toBe(NODE1);
  });

  test('hostPorts lead to the pod', () => {
    const printer = pod('shop', 'printer', {
      node: 'node1',
      address: '10.244.1.9',
      ports: [{ containerPort: 80, hostPort: 8080 }],
    });
    const outcome = ask([printer], { from: '203.0.113.5', to: NODE1, port: 8080 });
    expect(outcome).toMatchObject({ verdict: 'Allowed', decisive: { endpoint: 'printer', port: 80 } });
  });

  test('rules name Services by their endpoints', () => {
    const only = (services: object): object =>
      policy('only', {
        selector: "app == 'web'",
        types: ['Egress'],
        egress: [{ action: 'Allow', destination: { services } }],
      });
    const named = only({ name: 'plain', namespace: 'shop' });
    expect(verdict([named, ...plain()], fromWeb(db, { port: 80 }))).toBe('Allowed');
    expect(verdict([named, ...plain()], fromWeb(db, { port: 443 }))).toBe('Denied');
    expect(verdict([named, ...plain()], fromWeb(far, { port: 80 }))).toBe('Denied');
  });
});

test('asked policies are told where the caller wants to know', () => {
  const prepared = new Prepared(
    readWorld([
      ...cluster(),
      namespace('empty'),
      policy('p', { selector: 'all()', types: ['Egress'], egress: [{ action: 'Allow' }] }),
    ]),
  );
  const outcome = askPrepared(prepared, fromWeb(db), { explain: true });
  expect(outcome.steps[0]?.asked?.map(({ policy: each, rule }) => [each.name, rule?.path])).toEqual([
    ['p', 'spec.egress[0]'],
  ]);
});
