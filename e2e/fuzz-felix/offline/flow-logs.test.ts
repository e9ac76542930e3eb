/** The flow logs were recorded on a local cluster with these objects. */
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { flowReader } from '../../../src/flowlogs/reader.ts';
import { inMode } from '../../../src/questions/world.ts';
import { Prepared } from '../../../src/simulator/prepared.ts';
import { readWorld } from '../../../src/simulator/snapshot.ts';
import { calico, namespace, node, pod } from '../../../src/simulator/testing/objects.ts';
import { differences } from '../flow-logs/differences.ts';
import { judgementsOf, loggedOf, type Judgement, type Logged } from '../flow-logs/judgement.ts';
import { asCalicoReads } from '../flow-logs/second-reading.ts';
import { simulate, type Packet } from '../packets.ts';

const ADDRESS = { 'red/one': '10.244.1.2', 'red/two': '10.244.2.2', 'blue/one': '10.244.1.3' } as const;
type Name = keyof typeof ADDRESS;
const NAME = 'kubernetes.io/metadata.name';

const policies = (...rules: readonly object[]): readonly object[] => [
  calico('Tier', 'early', { order: 10, defaultAction: 'Pass' }),
  calico('GlobalNetworkPolicy', 'early.g0', {
    tier: 'early',
    selector: 'all()',
    types: ['Ingress', 'Egress'],
    ingress: [
      { action: 'Allow', protocol: 'UDP' },
      { action: 'Pass', protocol: 'TCP' },
    ],
  }),
  calico('StagedGlobalNetworkPolicy', 'default.s0', {
    tier: 'default',
    selector: 'all()',
    types: ['Egress'],
    egress: rules,
  }),
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'k0', namespace: 'red' },
    spec: {
      podSelector: {},
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { [NAME]: 'red' } } }, { podSelector: {} }],
          ports: [{ port: 80 }, { port: 81 }],
        },
      ],
    },
  },
  {
    apiVersion: 'policy.networking.k8s.io/v1alpha1',
    kind: 'AdminNetworkPolicy',
    metadata: { name: 'a0' },
    spec: {
      priority: 10,
      subject: { namespaces: {} },
      ingress: [{ action: 'Deny', from: [{ namespaces: { matchLabels: { [NAME]: 'blue' } } }] }],
    },
  },
];

const NAMED_PORT = { action: 'Allow', protocol: 'UDP', destination: { ports: ['dns'] } };
const PORTS = [{ name: 'dns', containerPort: 53, protocol: 'UDP' }];

function judged(from: Name, to: Name, of: Pick<Packet, 'protocol' | 'port'>): readonly Judgement[] {
  const world = readWorld([
    ...['red', 'blue'].map((name) => namespace(name, { [NAME]: name })),
    node('node1', '10.99.0.11'),
    node('node2', '10.99.0.12'),
    pod('red', 'one', { node: 'node1', address: ADDRESS['red/one'] }),
    pod('red', 'two', { node: 'node2', address: ADDRESS['red/two'], ports: PORTS }),
    pod('blue', 'one', { node: 'node1', address: ADDRESS['blue/one'] }),
    ...policies(NAMED_PORT),
  ]);
  const worlds = { now: new Prepared(world), later: new Prepared(asCalicoReads(inMode(world, 'enforce'))) };
  const packet = { from: `pod ${from}`, to: ADDRESS[to], ...of };
  return judgementsOf(worlds, { packet, outcome: simulate(worlds.now, packet, [ADDRESS[from]]) });
}

const RECORDED = path.resolve(import.meta.dirname, '../../../src/flowlogs/fixtures/calico-node-recorded.txt');
const text = readFileSync(RECORDED, 'utf8').replace('Started:0', 'Started:1');

function logged(of: string): readonly Logged[] {
  const flows: Logged[] = [];
  const reader = flowReader((flow) => {
    const own = loggedOf('node1', flow);
    if (own !== undefined) flows.push(own);
  });
  for (const line of of.split('\n')) reader.line(line);
  reader.end();
  return flows;
}

const TCP = { protocol: 'TCP', port: 80 } as const;
/** Those of node1, which were recorded. */
const all = [
  ...judged('red/two', 'red/one', TCP),
  ...judged('blue/one', 'red/one', TCP),
  // A named port, which Calico's second reading does not know.
  ...judged('red/one', 'red/two', { protocol: 'UDP', port: 53 }),
].filter(({ key }) => key.startsWith('node1'));

const found = (judgements: readonly Judgement[], of: string, before = ''): readonly string[] =>
  differences(judgements, logged(of), logged(before)).map((each) => each.text);

/** blue/one may send, and red/one's node has no flow log of that here. */
const recorded = all.filter(({ key }) => !key.startsWith('node1, source: blue/one'));

describe('flow logs', () => {
  test('say the same as the simulator, of enforced and of staged policies', () => {
    expect(recorded.map(({ enforced }) => enforced[0])).toEqual([
      'Allowed by red/knp.default.k0, rule 0',
      'Denied by kanp.adminnetworkpolicy.a0, rule 0',
      'Allowed by profile kns.red',
    ]);
    expect(recorded.at(-1)?.pending).toEqual(['Denied at the end of tier default, of staged default.s0']);
    expect(found(recorded, text)).toEqual([]);
  });

  test.each([
    [
      'another rule',
      text.replace('action:Allow policy_index:2\n', 'action:Allow policy_index:2 rule_index:1\n'),
    ],
    ['another policy', text.replace('name:"k0"', 'name:"k1"')],
    ['another profile', text.replace('kns.red', 'kns.blue')],
    [
      'another verdict with staged policies',
      text.replace('action:Deny policy_index:1 rule_index:-1', 'action:Allow policy_index:1 rule_index:-1'),
    ],
    ['another end', text.replace('Reporter=Dst', 'Reporter=Src')],
  ])('that name %s differ', (_, changed) => {
    expect(changed).not.toBe(text);
    expect(found(recorded, changed)).not.toEqual([]);
  });

  test('that lack a decision differ, unless Felix leaves it out', () => {
    const rest = text.slice(0, text.lastIndexOf('- Time='));
    expect(found(recorded, rest)).toEqual([
      expect.stringContaining('simulator: Allowed by profile kns.red\n  Felix: nothing'),
      expect.stringContaining('(pending)'),
    ]);
    expect(
      found(
        recorded.map((each) => ({ ...each, isLogged: false })),
        rest,
      ),
    ).toEqual([]);
  });

  test('must have one of the verdicts with staged policies, whatever was logged before', () => {
    const changed = text.replace(
      /action:Deny (policy_index:1 rule_index:-1 trigger:\{kind:Staged)/,
      'action:Allow $1',
    );
    expect(changed).not.toBe(text);
    expect(found(recorded, changed, changed)).toEqual([expect.stringContaining('(pending)')]);
  });

  test('may repeat what was logged before', () => {
    const other = text.replace('name:"k0"', 'name:"old"');
    expect(found(recorded, `${text}${other}`, other)).toEqual([]);
    expect(found(recorded, `${text}${other}`)).toHaveLength(1);
  });

  test('of flows that only go on count for nothing', () => {
    expect(logged(text.replaceAll(/Started:\d/g, 'Started:0'))).toEqual([]);
  });
});

describe('a host endpoint on the way of a pod', () => {
  const packet = { from: 'pod red/one', to: ADDRESS['red/two'], ...TCP };
  const of = (more: Partial<Judgement>): Judgement => ({
    packet,
    key: 'node1',
    enforced: ['Allowed by default.p, rule 0'],
    pending: ['nothing'],
    isLogged: true,
    ...more,
  });
  const host = of({ enforced: ['Denied by default.h, rule 1'], isLogged: false });
  const said = { key: 'node1', enforced: 'Denied by default.h, rule 1', pending: 'nothing' };

  test('may take the place of the pod in its flow log', () => {
    expect(differences([of({}), host], [said], [])).toEqual([]);
  });

  test('takes no place of another packet, and must have decided', () => {
    const other = { ...host, packet: { ...packet, port: 81 } };
    expect(differences([of({}), other], [said], [])).toHaveLength(1);
    expect(differences([of({})], [said], [])).toHaveLength(1);
  });
});
