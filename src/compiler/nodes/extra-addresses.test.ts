import { describe, expect, test } from '@jest/globals';
import { carrying, compiled } from '../testing/compiled-nodes.ts';
import { clusterWith, cluster, node } from '../testing/inventories.ts';
import type { Inventory } from '../../inventory/types.ts';
import { ruleId } from '../names.ts';

const judged = (nodes: Parameters<typeof compiled>[0], inventory: Inventory = cluster) => {
  const compilation = compiled(nodes, { inventory });
  const id = ruleId('default/nodes/judged');
  const set = compilation.objects.find(({ rules }) => rules.includes(id));
  const spec = carrying(compilation, id)[0]?.spec;
  return {
    compilation,
    nets: spec !== undefined && 'nets' in spec ? spec.nets : [],
    keepsNets: set?.keepsNets,
  };
};

describe('an extra address is a problem, and only that entry is left out, where it shares addresses with', () => {
  test.each<[string, Partial<Inventory>, string, string]>([
    ['an IPPool', {}, '10.0.0.0/8', 'the IPPool 10.244.0.0/16'],
    ['an IPPool of IPv6', {}, 'fd00:244::7/128', 'the IPPool fd00:244::/48'],
    [
      'a podCIDR of a Node',
      { nodes: [...cluster.nodes, { ...node('w2', ['10.99.0.13']), podCIDRs: ['10.42.3.0/24'] }] },
      '10.42.0.0/16',
      'the podCIDR of node w2 10.42.3.0/24',
    ],
    ['a ServiceCIDR', { serviceCIDRs: ['10.96.0.0/12'] }, '10.100.0.7/32', 'the Services 10.96.0.0/12'],
    ['a ClusterIP', { clusterIPs: ['10.96.0.1', 'fd00:96::1'] }, 'fd00:96::/112', 'the Service fd00:96::1'],
  ])('%s', (_, parts, entry, named) => {
    const extraAddresses = ['203.0.113.7/32', entry];
    const { compilation, nets, keepsNets } = judged({ extraAddresses }, clusterWith(parts));
    expect(compilation.problems).toMatchObject([
      {
        severity: 'problem',
        rule: 'default/nodes',
        path: 'spec.nodes.extraAddresses[1]',
        reason: 'NotAddressesOfNodes',
        message: expect.stringContaining(`${entry} shares addresses with ${named}`),
      },
    ]);
    expect(nets).toContain('203.0.113.7/32');
    expect(nets).not.toContain(entry);
    // The set may hold the entry from before it met something.
    expect(keepsNets).toBe(true);
    expect(compilation.frozen).toEqual([]);
    expect(carrying(compilation, 'default/nodes/deny')).not.toEqual([]);
  });

  test('nothing', () => {
    const parts = { serviceCIDRs: ['10.96.0.0/12'], clusterIPs: ['10.96.0.1'] };
    const { compilation, keepsNets } = judged({ extraAddresses: ['10.112.0.0/16'] }, clusterWith(parts));
    expect(compilation.problems).toEqual([]);
    expect(keepsNets).toBeUndefined();
  });
});
