import { describe, expect, test } from '@jest/globals';
import type { Nodes, PortValue } from '../../api/schema.ts';
import type { ApiServerTarget, Inventory, NodeInfo } from '../../inventory/types.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import { carrying, compiled, reasons, rulesOf } from '../testing/compiled-nodes.ts';
import { cluster, clusterWith, CONTROL_PLANE, node } from '../testing/inventories.ts';
import { clusterPorts } from './cluster-ports.ts';
import { servicesOf } from './services.ts';

const at = (port: number, ...addresses: readonly string[]): readonly ApiServerTarget[] =>
  addresses.map((address) => ({ address, port }));
const telling = (parts: Partial<Inventory>, nodes: Partial<Nodes> = {}) =>
  clusterPorts(nodes, clusterWith(parts));
const portsOf = (name: string, parts: Partial<Inventory>, nodes: Partial<Nodes> = {}): readonly PortValue[] =>
  servicesOf(nodes, telling(parts, nodes).ports)(name);
const worker = node('w', ['10.99.0.12']);
const marked = (labels: NodeInfo['labels']): Partial<Inventory> => ({
  nodes: [node('cp', ['10.99.0.11'], labels)],
});

describe('kube-apiserver', () => {
  const portsIn = (parts: Partial<Inventory>, nodes: Partial<Nodes> = {}) =>
    portsOf('kube-apiserver', parts, nodes);

  test('has the ports of endpoints that are at nodes', () => {
    const apiServerTargets = [...at(16443, '10.99.0.11'), ...at(8443, '10.99.0.12'), ...at(443, '192.0.2.1')];
    expect(portsIn({ apiServerTargets })).toEqual(['16443/TCP', '8443/TCP']);
    expect(portsIn({ apiServerTargets: at(16443, 'fd00:99::11') })).toEqual(['16443/TCP']);
    expect(telling({ apiServerTargets }).warnings).toEqual([]);
  });

  test('has those in extraAddresses', () => {
    const apiServerTargets = at(8443, '192.0.2.1');
    const nodes = { extraAddresses: ['192.0.2.0/30'] };
    expect(portsIn({ nodes: [worker], apiServerTargets }, nodes)).toEqual(['8443/TCP']);
  });

  test('has no port where none is at a node, and says so', () => {
    const parts = { nodes: [worker], apiServerTargets: at(443, '192.0.2.1', '192.0.2.2') };
    expect(portsIn(parts)).toEqual([]);
    expect(telling(parts)).toMatchObject({
      isApiServerHeld: false,
      warnings: [],
      notes: [expect.stringContaining('answers at no node')],
    });
  });

  test.each([
    CONTROL_PLANE,
    { 'node-role.kubernetes.io/master': '' },
    { 'node.kubernetes.io/microk8s-controlplane': '' },
    { 'node.k0sproject.io/role': 'control-plane' },
  ])('has the ports of all endpoints where a node is marked as control plane: %j', (labels) => {
    const parts = { ...marked(labels), apiServerTargets: at(6444, '192.0.2.1') };
    expect(portsIn(parts)).toEqual(['6444/TCP']);
    expect(telling(parts).warnings).toEqual([expect.stringMatching(/192\.0\.2\.1.*nodes\.extraAddresses/)]);
  });

  test('never has 443 because of a label that a kubelet may write', () => {
    const apiServerTargets = at(443, '192.0.2.1');
    const sign = { 'node.k0sproject.io/role': 'control-plane' };
    expect(portsIn({ ...marked(sign), apiServerTargets })).toEqual([]);
    expect(portsIn({ ...marked({ ...sign, ...CONTROL_PLANE }), apiServerTargets })).toEqual(['443/TCP']);
  });

  test.each([{ 'node-role.kubernetes.io/etcd': 'true' }, { 'node.k0sproject.io/role': 'worker' }])(
    'is not at a node because of the label %j',
    (labels) => {
      expect(portsIn({ ...marked(labels), apiServerTargets: at(443, '192.0.2.1') })).toEqual([]);
    },
  );

  test('has the usual port where nothing is known', () => {
    const unknown: readonly Partial<Inventory>[] = [
      {},
      { apiServerTargets: [] },
      { nodes: UNKNOWN, apiServerTargets: at(443, '192.0.2.1') },
    ];
    for (const parts of unknown) expect(portsIn(parts)).toEqual(['6443']);
  });

  test('is what override says', () => {
    const services = [{ name: 'kube-apiserver', ports: [7443], override: true as const }];
    for (const apiServerTargets of [at(16443, '10.99.0.11'), []]) {
      expect(portsIn({ apiServerTargets }, { services })).toEqual([7443]);
      expect(telling({ apiServerTargets }, { services })).toMatchObject({
        isApiServerHeld: false,
        notes: [],
      });
    }
  });

  test('opens its port in the baseline, in zones and by breakGlass, and failsafes follow', () => {
    const nodes: Partial<Nodes> = {
      failsafes: 'Managed',
      breakGlass: [{ peer: 'ops' }],
      nodeCIDRs: ['10.99.0.0/24'],
      zones: [{ name: 'z', from: [{ peer: 'ops' }], allow: { services: ['kube-apiserver'] } }],
    };
    const compilation = compiled(nodes, {
      peers: [{ name: 'ops', cidrs: ['198.51.100.0/24'] }],
      inventory: clusterWith({ apiServerTargets: at(16443, '10.99.0.11') }),
    });
    for (const id of ['baseline/api-server', 'zones/z', 'breakGlass'])
      expect(JSON.stringify(rulesOf(compilation, `default/nodes/${id}`, 'host'))).toMatch(/16443/);
    expect(JSON.stringify(compilation.objects)).not.toMatch(/\b6443\b/);
    expect(compilation.nodes?.failsafes).toContainEqual({
      protocol: 'tcp',
      port: 16443,
      net: '10.99.0.0/24',
    });
    expect(compilation.nodes?.failsafes?.map(({ port }) => port)).not.toContain(6443);
  });
});

describe('while the port of the API server is not known', () => {
  const nodes: Partial<Nodes> = {
    failsafes: 'Managed',
    breakGlass: [{ peer: 'ops' }],
    nodeCIDRs: ['10.99.0.0/24'],
    zones: [
      { name: 'api', from: [{ peer: 'ops' }], allow: { services: ['kube-apiserver'] } },
      { name: 'web', from: [{ peer: 'ops' }], allow: { services: ['https'] } },
    ],
  };
  const compilation = compiled(nodes, {
    peers: [{ name: 'ops', cidrs: ['198.51.100.0/24'] }],
    inventory: clusterWith({ apiServerTargets: [] }),
  });

  test('stored policies for it stay, and others follow the manifest', () => {
    const held = (id: string) =>
      compilation.objects
        .filter(
          ({ rules, object }) =>
            object.kind === 'GlobalNetworkPolicy' && rules.some((rule) => rule.startsWith(id)),
        )
        .map(({ standIn }) => standIn === true);
    for (const id of ['baseline/', 'breakGlass', 'zones/api', 'pods']) {
      expect(held(`default/nodes/${id}`)).not.toContain(false);
      expect(held(`default/nodes/${id}`)).not.toEqual([]);
    }
    for (const id of ['zones/web', 'deny', 'loopback', 'lo'])
      expect(held(`default/nodes/${id}`)).not.toContain(true);
    expect(compilation.frozen).toContainEqual({ rule: 'default/nodes/pods' });
    expect(carrying(compilation, 'default/nodes')).not.toEqual([]);
  });

  test('failsafes stay as they are, and status says so', () => {
    expect(compilation.nodes).toMatchObject({ failsafesKept: expect.stringContaining('changes nothing') });
    expect(compilation.nodes).not.toHaveProperty('failsafes');
    expect(compilation.nodes).not.toHaveProperty('failsafesWaitFor');
    expect(compilation.nodes?.notes.join()).toContain('default/kubernetes is empty or gone');
  });
});

describe('kubelet', () => {
  const saying = (...ports: readonly (number | undefined)[]): Partial<Inventory> => ({
    nodes: ports.map((kubeletPort, index) => ({
      ...node(`n${String(index)}`, [`10.99.0.${String(index + 1)}`], CONTROL_PLANE),
      ...(kubeletPort !== undefined && { kubeletPort }),
    })),
  });

  test.each<[what: string, nodes: Partial<Inventory>, port: PortValue, names: RegExp | undefined]>([
    ['no node says anything', saying(undefined), '10250', undefined],
    ['all say the usual one', saying(10250, undefined, 10250), '10250', undefined],
    ['all say another one', saying(10251, undefined, 10251), 10251, undefined],
    ['one says another one', saying(10250, 22001, 10250), '10250', /n1 \(22001\)/],
    ['all differ', saying(10251, 10252), '10250', /n0 \(10251\), n1 \(10252\)/],
    ['all say a port of another service', saying(443, 443), '10250', /n0 \(443\)/],
    ['all say a NodePort', saying(30080), '10250', /30080/],
  ])('where %s', (_, nodes, port, names) => {
    expect(portsOf('kubelet', nodes)).toEqual([port]);
    const { warnings } = telling(nodes);
    if (names === undefined) expect(warnings).toEqual([]);
    else expect(warnings).toEqual([expect.stringMatching(names)]);
  });

  test('is not at a port that the API server has told', () => {
    const parts = { ...saying(16443), apiServerTargets: at(16443, '10.99.0.1') };
    expect(portsOf('kubelet', parts)).toEqual(['10250']);
  });

  test('is warned of in the status', () => {
    const inventory = clusterWith(saying(10250, 22001));
    expect(reasons(compiled({}, { inventory }))).toContain('PortsOfClusterUnclear');
    expect(reasons(compiled({}, { inventory: cluster }))).toEqual([]);
  });
});

describe('ports of Services', () => {
  test('nodeports and service-health have those outside of the usual ones', () => {
    const parts = { unusualNodePorts: ['20080/TCP', '20053/UDP'], healthCheckNodePorts: [32534] };
    expect(portsOf('nodeports', parts)).toEqual(['30000-32767', '30000-32767/UDP', '20053/UDP', '20080/TCP']);
    expect(portsOf('service-health', parts)).toEqual(['10256', '32534/TCP']);
    expect(portsOf('kube-proxy-health', parts)).toEqual(['10256']);
    const denied = rulesOf(compiled({}, { inventory: clusterWith(parts) }), 'default/nodes/deny', 'ports');
    const closed = denied.flatMap(
      ({ protocol, destination }) => destination?.ports?.map((port) => [protocol, port]) ?? [],
    );
    expect(closed).toContainEqual(['TCP', 20080]);
    expect(closed).toContainEqual(['UDP', 20053]);
  });
});
