import { describe, expect, test } from '@jest/globals';
import type { LabelSelector } from '../../api/schema.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import { compile } from '../compile.ts';
import { firewall } from '../testing/examples.ts';
import { clusterWith, namespace } from '../testing/inventories.ts';

const EDGE: LabelSelector = { matchLabels: { 'node-role.kubernetes.io/edge': '' } };
const node = (name: string, address: string, labels = {}) => ({ name, labels, addresses: [address] });
const cluster = clusterWith({
  namespaces: [namespace('shop')],
  nodes: [node('a', '10.9.0.4', EDGE.matchLabels), node('b', '10.9.0.5', { zone: 'x' })],
});
const compiled = (nodes: LabelSelector, inventory = cluster) =>
  compile(
    [
      firewall({
        peers: [{ name: 'edge', nodes }],
        namespaces: [
          {
            name: 'shop',
            namespaces: ['shop'],
            ingress: [
              { name: 'peer', pods: {}, from: [{ peer: 'edge' }], ports: [80] },
              { name: 'nodes', pods: {}, from: [{ nodes }], ports: [81] },
            ],
          },
        ],
      }),
    ],
    inventory,
  );
const setsOf = ({ objects }: ReturnType<typeof compile>) =>
  objects.filter(({ rules }) => rules.some((rule) => rule.startsWith('default/labelled-nodes/')));

describe('nodes by label', () => {
  test('are one set, however often their selector is written, with the addresses of the nodes that match', () => {
    const compilation = compiled(EDGE);
    expect(compilation.problems).toEqual([]);
    expect(setsOf(compilation).map(({ object }) => object.spec)).toEqual([{ nets: ['10.9.0.4/32'] }]);
  });

  test('are nobody while no node matches, and a warning says so at each place', () => {
    const compilation = compiled({ matchLabels: { 'node-role.kubernetes.io/gpu': '' } });
    expect(setsOf(compilation).map(({ object }) => object.spec)).toEqual([{ nets: [] }]);
    expect(compilation.problems.map(({ reason, path }) => `${reason} ${path}`)).toEqual([
      'NoNodeMatches spec.peers[0].nodes',
      'NoNodeMatches spec.namespaces[0].ingress[1].from[0].nodes',
    ]);
  });

  test('by a label that a kubelet may give itself are a warning', () => {
    const [warning] = compiled({ matchLabels: { zone: 'x' } }).problems;
    expect(warning).toMatchObject({ severity: 'warning', reason: 'NodeLabelUnguarded' });
    expect(warning?.message).toContain('a kubelet may put zone on its own Node');
  });

  test('have a set that keeps what is stored while a Node cannot be read', () => {
    const unreadable = [{ kind: 'Node', name: 'c', isLost: true, field: 'status', why: 'is odd' }];
    const sets = setsOf(compiled(EDGE, { ...cluster, unreadable }));
    expect(sets).toMatchObject([{ keepsAddresses: true }]);
  });

  test('are shown empty while nodes are not known', () => {
    const { problems } = compiled(EDGE, { ...cluster, nodes: UNKNOWN });
    expect(problems.map(({ reason }) => reason)).toContain('NodesUnknown');
  });
});
