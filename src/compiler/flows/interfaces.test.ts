import { expect, test } from '@jest/globals';
import { withInterfaces } from './interfaces.ts';
import { cluster, clusterWith, node } from '../testing/inventories.ts';

test('the addresses of interfaces are those of the node, except for those of Services and pods', () => {
  const interfaceAddresses = [
    ...['10.99.0.12', '172.31.0.12', '2001:db8:2::12'],
    ...['203.0.113.7', '10.96.0.1', '10.97.0.1', '10.244.3.4'],
  ];
  const { nodes } = withInterfaces(
    clusterWith({
      nodes: [...cluster.nodes, { ...node('w2', ['10.99.0.12']), interfaceAddresses }],
      externalIPs: ['203.0.113.7'],
      clusterIPs: ['10.96.0.1'],
      serviceCIDRs: ['10.97.0.0/16'],
    }),
  );
  expect(nodes).toEqual([...cluster.nodes, node('w2', ['10.99.0.12', '172.31.0.12', '2001:db8:2::12'])]);
});

test('an inventory without interfaces stays the same', () => {
  expect(withInterfaces(cluster)).toBe(cluster);
});
