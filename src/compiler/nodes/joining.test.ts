import { describe, expect, test } from '@jest/globals';
import type { Nodes } from '../../api/schema.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import { compiled, reasons, rulesOf } from '../testing/compiled-nodes.ts';
import { clusterWith, node } from '../testing/inventories.ts';
import { ruleId } from '../names.ts';
import { joiningRanges } from './joining.ts';

const ENTRIES = [
  'api-server',
  'joining',
  'bgp',
  'typha',
  'wireguard',
  'flannel',
  'nodes-to-nodes',
  'dns',
] as const;
const MANAGED = {
  failsafes: 'Managed',
  breakGlass: [{ peer: 'ops' }],
} satisfies Partial<Nodes>;
const peers = [{ name: 'ops', cidrs: ['198.51.100.0/24'] }];
const RKE2 = { 'node.kubernetes.io/instance-type': 'rke2' };

/** The entries of the baseline that name these ranges, in one layer, with their ports. */
function openTo(nets: readonly string[], layer: 'ports' | 'host', ...args: Parameters<typeof compiled>) {
  const compilation = compiled(...args);
  return ENTRIES.flatMap((entry) =>
    rulesOf(compilation, `default/nodes/baseline/${entry}`, layer)
      .filter(({ source }) => JSON.stringify(source?.nets) === JSON.stringify(nets))
      .map(({ source, destination }) => {
        expect(source?.notSelector).toBe('has(projectcalico.org/orchestrator)');
        return [entry, destination?.ports];
      }),
  );
}

const RANGE = ['10.99.0.0/24'];
const JOINS = { nodeCIDRs: RANGE };

describe('machines that may join', () => {
  const always = [
    ['api-server', [6443]],
    ['bgp', [179]],
    ['typha', [5473]],
  ];

  test('reach what joining needs, and nothing else', () => {
    expect(openTo(RANGE, 'host', JOINS)).toEqual(always);
    expect(openTo(RANGE, 'ports', JOINS)).toEqual([...always, ['wireguard', ['51820:51821']]]);
  });

  test('reach the joining ports of a distribution that is seen, and the overlay of Canal', () => {
    const inventory = clusterWith({
      nodes: [{ ...node('cp1', ['10.99.0.11'], RKE2), distributions: ['k3s/RKE2', 'kOps'], flannel: true }],
    });
    expect(openTo(RANGE, 'host', JOINS, { inventory })).toEqual([
      ['api-server', [6443]],
      ['joining', [9345]],
      ['bgp', [179]],
      ['typha', [5473]],
      ['flannel', [8285, 8472]],
    ]);
  });

  test('reach nothing where an entry is disabled', () => {
    const baseline = { disable: ['typha', 'bgp', 'wireguard'] };
    expect(openTo(RANGE, 'ports', { ...JOINS, baseline })).toEqual([['api-server', [6443]]]);
  });

  test.each<[what: string, nodes: Partial<Nodes>, nets: readonly string[]]>([
    ['none', { nodeCIDRs: [] }, []],
    ['none, absent', {}, []],
    ['siblings, joined', { nodeCIDRs: ['172.16.0.0/13', '172.24.0.0/13'] }, ['172.16.0.0/12']],
    [
      'without exceptions',
      { nodeCIDRs: ['10.99.0.0/24', 'fd00:99::/64'], nodeCIDRsExcept: ['10.99.0.0/25', 'fd00:99::/65'] },
      ['10.99.0.128/25', 'fd00:99:0:0:8000::/65'],
    ],
    ['nothing but exceptions', { nodeCIDRs: ['10.99.0.0/24'], nodeCIDRsExcept: ['10.99.0.0/24'] }, []],
  ])('%s', (_, nodes, nets) => {
    const rules = rulesOf(compiled(nodes), 'default/nodes/baseline/typha', 'host');
    expect(rules.flatMap(({ source }) => source?.nets ?? [])).toEqual(nets);
  });

  test('are no nodes, so they are in no set', () => {
    const { objects } = compiled({
      ...JOINS,
      zones: [{ name: 'z', from: [{ entity: 'Nodes' }], allow: { all: true } }],
    });
    const sets = objects.filter(({ object }) => object.kind === 'GlobalNetworkSet');
    expect(sets.length).toBeGreaterThan(1);
    for (const { object } of sets) expect(JSON.stringify(object)).not.toContain(RANGE[0]);
    expect(objects.filter(({ object }) => JSON.stringify(object).includes('10.99.0.0/24'))).toHaveLength(2);
  });

  test('have none of a pool’s addresses', () => {
    const inside = compiled({ nodeCIDRs: ['10.99.0.0/24', '10.244.7.0/24'] });
    expect(inside.problems).toMatchObject([
      { reason: 'NodeCIDRsContainPods', path: 'spec.nodes.nodeCIDRs[1]', severity: 'problem' },
    ]);
    expect(inside.frozen).toContainEqual({ prefix: ruleId('default/nodes') });
    expect(reasons(compiled({ nodeCIDRs: ['10.0.0.0/8'] }))).toEqual(['NodeCIDRsContainPods']);
    expect(reasons(compiled({ nodeCIDRs: ['10.0.0.0/8'], nodeCIDRsExcept: ['10.244.0.0/16'] }))).toEqual([]);
  });

  test('are at most as many ranges as rules can repeat', () => {
    const except = Array.from({ length: 16 }, (_, index) => `10.${String(index * 16)}.0.1/32`);
    const pieces = joiningRanges({ nodeCIDRs: ['10.0.0.0/8'], nodeCIDRsExcept: except });
    expect(pieces.length).toBeGreaterThan(256);
    const compilation = compiled(
      { nodeCIDRs: ['10.0.0.0/8'], nodeCIDRsExcept: except },
      { inventory: clusterWith({ ipPools: UNKNOWN }) },
    );
    expect(compilation.problems).toMatchObject([{ reason: 'TooLarge', path: 'spec.nodes.nodeCIDRsExcept' }]);
  });
});

describe('with failsafes: Managed', () => {
  const nodeNamed = (nodes: Partial<Nodes>) =>
    compiled({ ...MANAGED, ...nodes }, { peers }).problems.map(
      ({ message }) => /^no address of (.*) is in/.exec(message)?.[1],
    );

  test('a node that no range covers is named', () => {
    expect(nodeNamed({ nodeCIDRs: [] })).toEqual(['cp1, worker1']);
    expect(nodeNamed({ nodeCIDRs: ['10.99.0.12/32'] })).toEqual(['cp1']);
    expect(nodeNamed({ nodeCIDRs: ['fd00:99::/64'] })).toEqual(['worker1']);
    expect(nodeNamed({ nodeCIDRs: RANGE, nodeCIDRsExcept: ['10.99.0.12/32'] })).toEqual(['worker1']);
    expect(nodeNamed({ nodeCIDRs: RANGE })).toEqual([]);
    expect(nodeNamed({ failsafes: 'Report', nodeCIDRs: [] })).toEqual([]);
  });

  test('no node is named where the API server is at none, so that no failsafe of it would be open', () => {
    const managed = clusterWith({
      nodes: [node('worker1', ['10.99.0.12'])],
      apiServerEndpoints: ['203.0.113.1'],
      apiServerTargets: [{ address: '203.0.113.1', port: 443 }],
    });
    expect(reasons(compiled({ ...MANAGED, nodeCIDRs: [] }, { peers, inventory: managed }))).toEqual([]);
  });

  test('failsafes stay open to ranges without their exceptions, and an empty list is a list', () => {
    const failsafesOf = (nodes: Partial<Nodes>) =>
      (compiled({ ...MANAGED, ...nodes }, { peers }).nodes?.failsafes ?? [])
        .filter(({ net }) => net !== '198.51.100.0/24')
        .map(({ port, net }) => [port, net]);
    expect(failsafesOf({ nodeCIDRs: RANGE, nodeCIDRsExcept: ['10.99.0.128/25'] })).toEqual([
      [6443, '10.99.0.0/25'],
      [179, '10.99.0.0/25'],
      [5473, '10.99.0.0/25'],
      [68, undefined],
    ]);
    expect(failsafesOf({ nodeCIDRs: [] })).toEqual([[68, undefined]]);
  });
});
