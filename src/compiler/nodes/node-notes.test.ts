import { describe, expect, test } from '@jest/globals';
import type { Nodes } from '../../api/schema.ts';
import { compiled } from '../testing/compiled-nodes.ts';
import { cluster } from '../testing/inventories.ts';

const peers = [
  { name: 'office', cidrs: ['198.51.100.0/24'] },
  { name: 'tunnel', pods: { namespaceSelector: { matchLabels: { tunnel: 'true' } } } },
];
const edge = { name: 'z', from: [{ peer: 'office' }], allow: { ports: [443] } };
const atSome = { ...edge, nodeSelector: { matchLabels: { edge: 'true' } } };

const nothingSelected = 'nodeSelector matches no node, so no rule applies anywhere';
const known =
  'rules apply to addresses of load balancers and external IPs only where extraAddresses lists them (destinations: Known)';
const noPool = (families: string, ports: string): string =>
  `${families}: there is no IPPool, so no rule applies to ${ports} on addresses that are not listed`;
const extra =
  'zones with a nodeSelector open extraAddresses at their nodes, but not for pods of other nodes, because it is not known which node has them';
const controlPlane =
  'pods of the control plane reach kubelets of other nodes with the addresses of their nodes, so other pods are refused at the pods themselves';

describe('notes say what nobody would expect', () => {
  const notesOf = (nodes: Partial<Nodes>, ipPools = cluster.ipPools) =>
    compiled(nodes, { inventory: { ...cluster, ipPools }, peers }).nodes?.notes.filter(
      (note) =>
        [nothingSelected, known, extra, controlPlane].includes(note) || note.includes('there is no IPPool'),
    );

  test.each<[what: string, nodes: Partial<Nodes>, ...notes: string[]]>([
    ['the addresses of load balancers', {}, known],
    ['nothing where all destinations are closed', { destinations: 'All' }],
    ['a selector of one node: nothing more', { nodeSelector: { matchLabels: { edge: 'true' } } }, known],
    ['a selector of no node', { nodeSelector: { matchLabels: { edge: 'no' } } }, nothingSelected, known],
    [
      'extra addresses and a zone of some nodes',
      { extraAddresses: ['203.0.113.7/32'], zones: [edge, { ...atSome, name: 'y' }] },
      known,
      extra,
    ],
    [
      'extra addresses and a zone of all nodes: nothing more',
      { extraAddresses: ['203.0.113.7/32'], zones: [edge] },
      known,
    ],
    ['a zone of some nodes without extra addresses: nothing more', { zones: [atSome] }, known],
    ['pods of the control plane', { controlPlane: [{ peer: 'tunnel' }] }, known, controlPlane],
    ['a control plane without pods: nothing more', { controlPlane: [{ peer: 'office' }] }, known],
  ])('%s', (_, nodes, ...notes) => {
    expect(notesOf(nodes)).toEqual(notes);
  });

  test('families without a pool', () => {
    const ports = 'NodePorts and hostPorts';
    expect(notesOf({}, [])).toEqual([noPool('IPv4 and IPv6', ports), known]);
    expect(notesOf({}, ['10.244.0.0/16'])).toEqual([noPool('IPv6', ports), known]);
    expect(notesOf({ destinations: 'All' }, ['fd00:244::/48'])).toEqual([noPool('IPv4', 'everything')]);
  });
});
