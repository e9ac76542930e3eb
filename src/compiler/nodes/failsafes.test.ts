import { describe, expect, test } from '@jest/globals';
import type { Nodes } from '../../api/schema.ts';
import { compile } from '../compile.ts';
import type { FelixConfigurationInfo } from '../../inventory/types.ts';
import type { NodesSummary } from '../types.ts';
import { clusterWith } from '../testing/inventories.ts';

const summary = (
  nodes: Partial<Nodes>,
  felixConfigurations: readonly FelixConfigurationInfo[] = [],
): NodesSummary | undefined =>
  compile(
    [
      {
        metadata: { name: 'default' },
        spec: {
          mode: 'Enforce',
          peers: [{ name: 'office', cidrs: ['198.51.100.0/24', '198.51.100.0/25'] }],
          nodes: { mode: 'Enforce', ...nodes },
        },
      },
    ],
    clusterWith({ bgpPeers: ['10.99.0.1'], felixConfigurations }),
  ).nodes;
const open = (...args: Parameters<typeof summary>) => summary(...args)?.failsafesOpen;
const zone = (entities: readonly ('World' | 'Pods' | 'Nodes')[], ...ports: readonly number[]) => ({
  name: 'z',
  from: entities.map((entity) => ({ entity })),
  allow: { ports: [...ports] },
});

const DEFAULTS = [
  '22/TCP',
  '179/TCP',
  '2379/TCP',
  '2380/TCP',
  '5473/TCP',
  '6443/TCP',
  '6666/TCP',
  '6667/TCP',
];

describe('ports that Felix keeps open', () => {
  test('are its defaults, without those that the baseline opens to anyone', () => {
    expect(open({})).toEqual(DEFAULTS);
    expect(open({ baseline: { disable: ['dhcp'] } })).toContain('68/UDP');
  });

  test('are not reported where rules open them to everyone, and are where somebody is left out', () => {
    expect(open({ zones: [zone(['World', 'Pods'], 22)] })).not.toContain('22/TCP');
    expect(open({ zones: [zone(['World'], 22)] })).toContain('22/TCP');
    // The baseline lets nodes in.
    expect(open({ zones: [zone(['World', 'Pods'], 2379)] })).toContain('2379/TCP');
    expect(open({ zones: [zone(['World', 'Pods', 'Nodes'], 2379)] })).not.toContain('2379/TCP');
  });

  test('are reported where a zone that opens them is on some nodes only', () => {
    const some = { ...zone(['World', 'Pods'], 22), nodeSelector: { matchLabels: { edge: 'true' } } };
    expect(open({ zones: [some] })).toContain('22/TCP');
  });

  test.each<[string, readonly FelixConfigurationInfo[], readonly string[]]>([
    [
      'the cluster’s',
      [{ name: 'default', failsafeInbound: [{ protocol: 'TCP', port: 8443 }] }],
      ['8443/TCP'],
    ],
    ['none', [{ name: 'default', failsafeInbound: [] }], []],
    [
      'those of one node, in addition to the defaults of the other',
      [{ name: 'node.cp1', failsafeInbound: [{ protocol: 'udp', port: 53 }] }],
      ['22/TCP', '53/UDP', ...DEFAULTS.slice(1)],
    ],
    [
      'those of a configuration with a nodeSelector, which may mean any node',
      [
        { name: 'default', failsafeInbound: [] },
        { name: 'edges', failsafeInbound: [{ protocol: 'tcp', port: 22 }] },
      ],
      ['22/TCP'],
    ],
    [
      'those of one node alone, which outrank the cluster’s',
      [
        { name: 'default', failsafeInbound: [{ protocol: 'tcp', port: 22 }] },
        { name: 'node.cp1', failsafeInbound: [] },
        { name: 'node.worker1', failsafeInbound: [] },
      ],
      [],
    ],
  ])('are %s', (_, configurations, ports) => {
    expect(open({}, configurations)).toEqual(ports);
  });

  test('are reported unless they are narrowed to sources that may connect anyway', () => {
    const nodes: Partial<Nodes> = { breakGlass: [{ peer: 'office' }], nodeCIDRs: ['10.99.0.0/24'] };
    const narrowed = (port: number, net: string) =>
      open(nodes, [{ name: 'default', failsafeInbound: [{ protocol: 'tcp', port, net }] }]);
    expect(narrowed(6443, '198.51.100.0/24')).toEqual([]);
    expect(narrowed(6443, '10.99.0.0/25')).toEqual([]);
    expect(narrowed(179, '10.99.0.1/32')).toEqual([]);
    expect(narrowed(22, '10.99.0.0/25')).toEqual(['22/TCP']);
    expect(narrowed(6443, '198.51.0.0/16')).toEqual(['6443/TCP']);
    expect(narrowed(6443, '0.0.0.0/0')).toEqual(['6443/TCP']);
    expect(narrowed(6443, '198.51.100.7/24')).toEqual(['6443/TCP']);
  });
});

describe('Managed failsafes', () => {
  const managed: Partial<Nodes> = {
    failsafes: 'Managed',
    breakGlass: [{ peer: 'office' }],
    nodeCIDRs: ['10.99.0.0/25', '10.99.0.128/25'],
  };

  test('are ssh and the API server for people, the ports between nodes for nodes, and BGP for routers', () => {
    const tcp = (port: number, net: string) => ({ protocol: 'tcp', port, net });
    expect(summary(managed)?.failsafes).toEqual([
      tcp(22, '198.51.100.0/24'),
      tcp(6443, '198.51.100.0/24'),
      tcp(6443, '10.99.0.0/24'),
      tcp(179, '10.99.0.0/24'),
      tcp(5473, '10.99.0.0/24'),
      tcp(179, '10.99.0.1/32'),
      { protocol: 'udp', port: 68 },
    ]);
  });

  test('leave nothing to report once they are in effect', () => {
    expect(open(managed, [{ name: 'default', failsafeInbound: summary(managed)?.failsafes ?? [] }])).toEqual(
      [],
    );
  });

  test('are empty while break-glass peers have no addresses, and with Report', () => {
    const lost = summary({ ...managed, breakGlass: [{ peer: 'nobody' }] });
    expect(lost?.failsafes).toBeUndefined();
    expect(lost?.failsafesWaitFor).toContain('"nobody"');
    const report = summary({ ...managed, failsafes: 'Report' });
    expect([report?.failsafes, report?.failsafesWaitFor]).toEqual([undefined, undefined]);
  });
});
