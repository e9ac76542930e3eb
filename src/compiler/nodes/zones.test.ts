import { describe, expect, test } from '@jest/globals';
import type { Zone } from '../../api/schema.ts';
import { compiled, guardOf, policies, rulesOf } from '../testing/compiled-nodes.ts';
import { matchOthers } from './protocols.ts';

const office = [{ ipBlock: { cidr: '198.51.100.0/24' } }];
const zone = (parts: Partial<Zone>): Zone => ({ name: 'z', from: office, allow: { all: true }, ...parts });
const zoneRules = (parts: Partial<Zone>, layer: 'ports' | 'host' = 'host') =>
  rulesOf(compiled({ zones: [zone(parts)] }), 'default/nodes/zones/z', layer).map(
    ({ protocol, notProtocol, ipVersion, source, destination }) => ({
      ...(protocol !== undefined && { protocol }),
      ...(notProtocol !== undefined && { notProtocol }),
      ...(ipVersion !== undefined && { ipVersion }),
      ...(source?.nets === undefined && { source }),
      ...(destination !== undefined && { destination }),
    }),
  );

describe('a zone', () => {
  test('allows protocols, and ICMP among its ports, in both layers', () => {
    const allow: Zone['allow'] = { ports: ['ICMP', 22], protocols: ['vrrp', 47, 'gre', 'ipv6-icmp'] };
    for (const layer of ['ports', 'host'] as const)
      expect(new Set(zoneRules({ allow }, layer))).toEqual(
        new Set([
          { protocol: 'ICMP', ipVersion: 4 },
          { protocol: 'TCP', destination: { ports: [22] } },
          { protocol: 47 },
          { protocol: 112 },
        ]),
      );
  });

  test('from Everyone does not look at the source', () => {
    const from = [{ entity: 'Everyone' as const }];
    expect(zoneRules({ from, allow: { services: ['http'] } })).toEqual([
      { protocol: 'TCP', source: undefined, destination: { ports: [80] } },
    ]);
  });

  test('from Everyone leaves nothing of the port for failsafes and pods', () => {
    const zones = [
      zone({ from: [{ entity: 'Everyone' }], allow: { services: ['ssh', 'kubelet'] } }),
      zone({ name: 'o', allow: { services: ['ssh'] } }),
    ];
    const compilation = compiled({ zones });
    expect(compilation.nodes?.failsafesOpen).not.toContain('22/TCP');
    expect(JSON.stringify(guardOf(compilation))).not.toMatch(/\b(22|10250)\b/);
  });

  test('from addresses that are pods or nodes keeps the others, and says so', () => {
    const from = ['10.244.3.0/24', '10.96.0.0/12', '10.99.0.12/32'].map((cidr) => ({ ipBlock: { cidr } }));
    const { problems } = compiled({ zones: [zone({ from })] });
    const warning = { severity: 'warning', reason: 'ClusterAddresses' };
    expect(problems).toMatchObject([
      { ...warning, path: 'spec.nodes.zones[0].from[0]', message: expect.stringContaining('entity: Pods') },
      { ...warning, path: 'spec.nodes.zones[0].from[2]', message: expect.stringContaining('entity: Nodes') },
    ]);
    const sources = rulesOf(compiled({ zones: [zone({ from })] }), 'default/nodes/zones/z', 'host').map(
      ({ source }) => source?.nets,
    );
    expect(sources).toEqual([['10.96.0.0/12']]);
  });

  test('from such addresses alone is a problem, and what is stored stays', () => {
    const from = [{ ipBlock: { cidr: '10.244.3.0/24' } }];
    const { problems, frozen } = compiled({ zones: [zone({ from })] });
    expect(problems).toMatchObject([
      { severity: 'problem', reason: 'ResolvesToNothing', path: 'spec.nodes.zones[0].from[0]' },
    ]);
    expect(frozen).toContainEqual({ rule: 'default/nodes/zones/z' });
  });

  test('with addresses opens at these only, and the port counts as closed elsewhere', () => {
    const from = [{ entity: 'Everyone' as const }];
    const addresses = ['203.0.113.7/32', '2001:db8::7/128', '203.0.113.0/24'];
    for (const layer of ['ports', 'host'] as const)
      expect(zoneRules({ from, allow: { ports: [22] }, addresses }, layer)).toEqual([
        { protocol: 'TCP', source: undefined, destination: { nets: ['2001:db8::7/128'], ports: [22] } },
        { protocol: 'TCP', source: undefined, destination: { nets: ['203.0.113.0/24'], ports: [22] } },
      ]);
    const zones = [zone({ from, allow: { ports: [22] }, addresses })];
    expect(compiled({ zones }).nodes?.failsafesOpen).toContain('22/TCP');
  });

  test('with addresses and a nodeSelector opens on the way at addresses that are both', () => {
    const zones = [
      zone({
        allow: { ports: [22] },
        addresses: ['10.99.0.0/24'],
        nodeSelector: { matchLabels: { edge: 'true' } },
      }),
    ];
    const way = policies(compiled({ zones }), 'default/nodes/zones/z').filter(
      ({ spec }) => !spec.selector.includes('edge'),
    );
    expect(way.flatMap(({ spec }) => spec.ingress?.map(({ destination }) => destination))).toEqual([
      expect.objectContaining({
        nets: ['10.99.0.0/24'],
        selector: expect.stringContaining("clusterfirewall.io/set == 'nodes-where-"),
        namespaceSelector: 'global()',
      }),
    ]);
  });
});

describe('allBut', () => {
  test('of ports of one protocol opens the others of it, and every other protocol', () => {
    expect(zoneRules({ allow: { allBut: { services: ['etcd'], ports: [22] } } })).toEqual([
      { notProtocol: 'TCP' },
      { protocol: 'TCP', destination: { ports: ['1:21'] } },
      { protocol: 'TCP', destination: { ports: ['2381:65535'] } },
      { protocol: 'TCP', destination: { ports: ['23:2378'] } },
    ]);
  });

  test('of one protocol opens all others', () => {
    expect(zoneRules({ allow: { allBut: { protocols: ['vrrp'] } } })).toEqual([{ notProtocol: 112 }]);
  });

  test('of several names each of the others', () => {
    const rules = matchOthers(['53/UDP', 53], ['gre']);
    const protocols = rules.flatMap(({ protocol, ports }) => (ports === undefined ? [protocol] : []));
    expect(protocols).toHaveLength(255 - 3);
    expect(protocols).toEqual(expect.arrayContaining([1, 58, 'SCTP', 112]));
    expect(protocols).not.toEqual(expect.arrayContaining([47]));
    expect(rules.filter(({ ports }) => ports !== undefined)).toEqual([
      { protocol: 'TCP', ports: ['1:52'] },
      { protocol: 'TCP', ports: ['54:65535'] },
      { protocol: 'UDP', ports: ['1:52'] },
      { protocol: 'UDP', ports: ['54:65535'] },
    ]);
  });

  test('of ICMP is of the protocol of each IP family', () => {
    expect(matchOthers(['ICMP'], [])).toEqual([
      { notProtocol: 1, ipVersion: 4 },
      { notProtocol: 58, ipVersion: 6 },
    ]);
  });

  test('leaves out the own ports of a built-in service beside those that the cluster tells', () => {
    const services = [{ name: 'registry', ports: [5000] }];
    const rules = (nodes: object) =>
      rulesOf(
        compiled({
          zones: [zone({ allow: { allBut: { services: ['kubelet', 'registry'] } } })],
          services,
          ...nodes,
        }),
        'default/nodes/zones/z',
        'host',
      ).flatMap(({ destination }) => destination?.ports ?? []);
    expect(rules({})).toEqual(['10251:65535', '1:4999', '5001:10249']);
  });

  test('takes its ports from nobody else', () => {
    expect(guardOf(compiled({ zones: [zone({ allow: { allBut: { ports: [22] } } })] }))).toEqual([
      [
        'all()',
        [
          ['TCP', ['2379:2380']],
          ['TCP', [10250, 10257, 10259]],
        ],
      ],
    ]);
  });

  test('given to pods opens to them what is refused to others', () => {
    const peers = [{ name: 'agents', pods: { namespaceSelector: { matchLabels: { role: 'agents' } } } }];
    const zones = [zone({ from: [{ peer: 'agents' }], allow: { allBut: { services: ['etcd'] } } })];
    expect(guardOf(compiled({ zones }, { peers }))).toEqual([
      ['all()', [['TCP', ['2379:2380']]]],
      ["pcns.role != 'agents'", [['TCP', [10250, 10257, 10259]]]],
    ]);
  });

  test('of a service that is unknown is a problem, and what is stored stays', () => {
    const { problems, frozen } = compiled({ zones: [zone({ allow: { allBut: { services: ['no'] } } })] });
    expect(problems).toMatchObject([
      { reason: 'UnknownService', path: 'spec.nodes.zones[0].allow.allBut.services[0]' },
    ]);
    expect(frozen).toContainEqual({ rule: 'default/nodes/zones/z' });
  });
});
