import { describe, expect, test } from '@jest/globals';
import type { IngressRule } from '../../api/schema.ts';
import { compile } from '../compile.ts';
import { firewall } from '../testing/examples.ts';
import { clusterWith, namespace } from '../testing/inventories.ts';

const node = (name: string, ...addresses: readonly string[]) => ({ name, labels: {}, addresses });
const cluster = clusterWith({
  namespaces: [namespace('shop')],
  nodes: [node('a', '10.9.0.4', 'fd00:9::4'), node('b', '10.9.0.5')],
  ipPools: ['10.244.0.0/16', 'fd00:244::/48'],
});
const compiled = (...from: IngressRule['from']) =>
  compile(
    [
      firewall({
        peers: [{ name: 'office', cidrs: ['10.244.1.0/24', '198.51.100.0/24', '10.9.0.4/31'] }],
        namespaces: [
          {
            name: 'shop',
            namespaces: ['shop'],
            ingress: [{ name: 'web', pods: {}, from: [...from], ports: [80] }],
          },
        ],
      }),
    ],
    cluster,
  );
const netsOf = ({ objects }: ReturnType<typeof compile>): readonly (string | undefined)[] =>
  objects.flatMap(({ object, rules }) =>
    rules.some((rule) => rule.endsWith('/web')) && 'ingress' in object.spec
      ? (object.spec.ingress ?? []).map(({ source }) => source?.nets?.join())
      : [],
  );
const block = (cidr: string) => ({ ipBlock: { cidr } });

describe('addresses in a rule', () => {
  test.each(['10.0.0.0/8', '10.244.0.0/15', '10.9.0.4/30', '198.51.100.0/24'])(
    '%s may hold pods and nodes, and means the others',
    (cidr) => {
      const compilation = compiled(block(cidr));
      expect(compilation.problems).toEqual([]);
      expect(netsOf(compilation)).toEqual([cidr]);
    },
  );

  test.each([
    ['10.244.7.0/24', 'is in an IPPool: name pods by label, or entity: Pods'],
    ['10.9.0.4/32', 'has addresses of nodes alone: name nodes by label, or entity: Nodes'],
    ['10.9.0.4/31', 'has addresses of nodes alone: name nodes by label, or entity: Nodes'],
    ['fd00:9::4/128', 'has addresses of nodes alone: name nodes by label, or entity: Nodes'],
  ])('%s is a problem of its rule where it is the only source', (cidr, message) => {
    const compilation = compiled(block(cidr));
    expect(compilation.problems).toMatchObject([
      { severity: 'problem', reason: 'ResolvesToNothing', path: 'spec.namespaces[0].ingress[0].from[0]' },
    ]);
    expect(compilation.problems[0]?.message).toContain(`${cidr} ${message}`);
    expect(netsOf(compilation)).toEqual([]);
  });

  test('that mean pods or nodes alone are left out beside others, and a warning names each', () => {
    const compilation = compiled(block('10.244.7.0/24'), { peer: 'office' });
    expect(compilation.problems).toMatchObject([
      {
        severity: 'warning',
        reason: 'ClusterAddresses',
        path: 'spec.namespaces[0].ingress[0].from[0]',
        message:
          'opens nothing there, because addresses never mean pods or nodes; 10.244.7.0/24 is in an IPPool: name pods by label, or entity: Pods',
      },
      {
        severity: 'warning',
        path: 'spec.namespaces[0].ingress[0].from[1]',
        message:
          'opens nothing there, because addresses never mean pods or nodes; 10.244.1.0/24 is in an IPPool: name pods by label, or entity: Pods; 10.9.0.4/31 has addresses of nodes alone: name nodes by label, or entity: Nodes',
      },
    ]);
    expect(netsOf(compilation)).toEqual(['198.51.100.0/24']);
  });
});

test.each([
  ['egress', 'to', 'KubeAPIServer'],
  ['ingress', 'from', 'ControlPlane'],
])('in %s, the address of the API server has an entity that means no other node', (list, field, entity) => {
  const rule = { name: 'api', pods: {}, [field]: [block('10.9.0.5/32')], ports: [6443] };
  const { problems } = compile(
    [firewall({ namespaces: [{ name: 'shop', namespaces: ['shop'], [list]: [rule] }] })],
    { ...cluster, apiServerEndpoints: ['10.9.0.5'] },
  );
  expect(problems[0]?.message).toMatch(
    new RegExp(`alone: name the API server as entity: ${entity}, and other nodes by label$`),
  );
});

test('a guardrail means every address, and a warning names whom it cuts off', () => {
  const guardrails = [
    { name: 'corp', pods: {}, to: [block('10.0.0.0/8'), block('192.0.2.0/24')], ports: ['All'] },
  ];
  const { problems, objects } = compile([firewall({ guardrails })], cluster);
  expect(problems).toMatchObject([
    { severity: 'warning', reason: 'ClusterAddresses', path: 'spec.guardrails[0].to[0]' },
  ]);
  expect(problems[0]?.message).toBe(
    'also refuses pods in 10.244.0.0/16, the DNS server among them if it is there, and nodes at 10.9.0.4/32, 10.9.0.5/32, and what runs in their host network: leave them out, unless they are meant',
  );
  expect(JSON.stringify(objects)).not.toMatch(/"nets":\["10\.0\.0\.0\/8"\],"notSelector"/);
});
