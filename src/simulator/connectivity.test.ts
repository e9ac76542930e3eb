import { expect, test } from '@jest/globals';
import { PROTOCOL } from '../calico/read/protocols.ts';
import { Connectivity } from './connectivity.ts';
import { Pairs } from './pairs.ts';
import { partiesOf } from './parties.ts';
import { Prepared } from './prepared.ts';
import { readWorld } from './snapshot.ts';

const pod = (name: string, nodeName: string, ip: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name } },
  spec: { nodeName },
  status: { podIPs: [{ ip }] },
});
const node = (name: string, address: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Node', metadata: { name } },
  status: { addresses: [{ type: 'InternalIP', address }] },
});
const calico = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: 'projectcalico.org/v3', kind, metadata: { name } },
  spec,
});

/** On worker1 and worker3, packets come in at the interface of the node from worker2 alone. */
const WORLD = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  ...[1, 2, 3, 4].map((number) => node(`worker${String(number)}`, `192.168.0.${String(number)}`)),
  ...[1, 3].map((number) => ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'HostEndpoint',
    metadata: { name: `worker${String(number)}`, labels: { host: 'closed' } },
    spec: { node: `worker${String(number)}`, expectedIPs: [`192.168.0.${String(number)}`] },
  })),
  calico('GlobalNetworkPolicy', 'closed', {
    ...{ selector: "host == 'closed'", types: ['Ingress'], applyOnForward: true },
    ingress: [{ action: 'Allow', source: { nets: ['192.168.0.2/32'] } }],
  }),
  calico('IPPool', 'hidden', { cidr: '10.1.0.0/16', natOutgoing: true }),
  calico('IPPool', 'plain', { cidr: '10.2.0.0/16' }),
  pod('plain-1a', 'worker1', '10.2.0.11'),
  pod('plain-1b', 'worker1', '10.2.0.12'),
  pod('plain-3', 'worker3', '10.2.0.3'),
  pod('plain-2', 'worker2', '10.2.0.2'),
  pod('hidden-2', 'worker2', '10.1.0.2'),
];

test('pairs share an answer only where nodes, NAT and host endpoints say the same of both', () => {
  const prepared = new Prepared(readWorld(WORLD));
  const { all, cells } = partiesOf([prepared]);
  const connectivity = new Connectivity(prepared, cells);
  const pairs = new Pairs(prepared);
  const told: unknown[] = [];
  const followed: unknown[] = [];
  for (const from of all) {
    for (const to of all) {
      pairs.each(from, to, (a, b, placement) => {
        const verdicts = connectivity.verdicts(a, b, 4);
        if (verdicts === undefined) return;
        told.push([a, b, placement, ...verdicts]);
        const own = cells[4].map(({ header }) => connectivity.follow({ from: a, to: b }, header)?.verdict);
        followed.push([a, b, placement, ...own]);
      });
    }
  }
  expect(told).toEqual(followed);
  const isOpen = (from: string, to: string): boolean =>
    connectivity
      .verdicts({ kind: 'pod', name: `shop/${from}` }, memberOf(to), 4)
      ?.at(cells[4].findIndex(({ protocol }) => protocol === PROTOCOL.TCP)) === 'Allowed';
  expect({
    sameNode: isOpen('plain-1a', 'plain-1b'),
    otherNodes: isOpen('plain-3', 'plain-1a'),
    hidden: isOpen('hidden-2', 'worker1'),
    plain: isOpen('plain-2', 'worker1'),
    openNode: isOpen('plain-2', 'worker4'),
  }).toEqual({ sameNode: true, otherNodes: false, hidden: true, plain: false, openNode: true });
});

const memberOf = (name: string) =>
  name.startsWith('worker')
    ? ({ kind: 'node', name } as const)
    : ({ kind: 'pod', name: `shop/${name}` } as const);
