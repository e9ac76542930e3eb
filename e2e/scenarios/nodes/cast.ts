/**
 * The participants of node scenarios: three nodes, hosts outside, pods. There is a listener on every port
 * that a table names.
 */
import type { Dataplane, ListeningPort, OutsideHostSpec, PodSpec, Transport } from '../../cluster.ts';
import type { NodeSpec } from '../../local/network/node.ts';

type Labels = Readonly<Record<string, string>>;

const on = (protocol: Transport, ...ports: readonly number[]): readonly ListeningPort[] =>
  ports.map((port) => ({ port, protocol }));

/**
 * The control plane's node and the edge have one dataplane, and the worker has the other. Two runs see every
 * role in both.
 */
export function nodeSpecs(dataplane: Dataplane): readonly NodeSpec[] {
  const other = dataplane === 'iptables' ? 'nftables' : 'iptables';
  return [
    { name: 'control', dataplane, labels: { 'node-role.kubernetes.io/control-plane': '' } },
    { name: 'worker', dataplane: other },
    { name: 'edge', dataplane, labels: { edge: 'true' } },
  ];
}

/** On each node, on every address of it. */
export const HOST_PORTS: readonly ListeningPort[] = [
  ...on('TCP', 22, 80, 179, 443, 2379, 2380, 5473, 6443, 8443, 9100, 9345, 9999, 10250, 10256, 10257, 10259),
  ...on('UDP', 8472, 9998),
];

/** Unknown to Kubernetes. */
export const VIRTUAL: Readonly<Record<string, readonly [string, string]>> = {
  edge: ['10.99.0.100', 'fd00:99::100'],
  worker: ['10.99.0.101', 'fd00:99::101'],
};
export const SECOND_NIC: Readonly<Record<string, readonly [string, string]>> = {
  edge: ['172.31.0.13', '2001:db8:2::13'],
  worker: ['172.31.0.12', '2001:db8:2::12'],
};

export const OUTSIDE: readonly OutsideHostSpec[] = [
  { name: 'world', addresses: ['203.0.113.10', '2001:db8::10'] },
  { name: 'office', addresses: ['198.51.100.7', '2001:db8:1::7'] },
  { name: 'admin', addresses: ['198.51.100.17'] },
  /** The others have addresses that are no public ones. */
  { name: 'internet', addresses: ['9.9.9.10', '2620:fe::10'] },
  /** In 10.0.0.0/8, as nodes and pods are. */
  { name: 'trusted', addresses: ['10.200.0.5', 'fd00:200::5'] },
  { name: 'blocked', addresses: ['192.0.2.77'] },
  /** In the subnet of nodes. */
  { name: 'joiner', addresses: ['10.99.0.66', 'fd00:99::66'] },
  { name: 'neighbour', addresses: ['10.99.0.67', 'fd00:99::67'] },
];

export const NAMESPACES: Readonly<Record<string, Labels>> = {
  shop: {},
  tenant: {},
  monitoring: { role: 'metrics' },
  'kube-system': {},
};

const pod = (name: string, node: string, app: string, labels: Labels = {}): PodSpec => {
  const [namespace = '', podName = ''] = name.split('/');
  return {
    ...{ namespace, name: podName, node, labels: { app, ...labels } },
    ports: [...on('TCP', 8080), ...on('UDP', 8081)],
  };
};

export const PODS: readonly PodSpec[] = [
  pod('shop/front', 'edge', 'front'),
  pod('shop/far', 'worker', 'far'),
  pod('shop/proxy', 'edge', 'proxy'),
  pod('tenant/on-edge', 'edge', 'tenant'),
  pod('tenant/on-worker', 'worker', 'tenant'),
  pod('tenant/on-control', 'control', 'tenant'),
  pod('monitoring/prometheus', 'worker', 'prometheus', { 'app.kubernetes.io/name': 'prometheus' }),
  pod('kube-system/metrics', 'worker', 'metrics-server'),
];

/** The `app` of the pods behind each NodePort. */
export const NODE_PORTS: Readonly<Record<number, string>> = { 30080: 'front', 30081: 'far' };

export const HOST_PORT = { hostPort: 8443, port: 8080, pod: 'shop/proxy', node: 'edge' } as const;
