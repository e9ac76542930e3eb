/**
 * The namespaces, pods and hosts. There are few, because every flow between them is probed fifty times a
 * second.
 */
import type { ListeningPort, OutsideHostSpec, PodSpec, Transport } from '../cluster.ts';

type Labels = Readonly<Record<string, string>>;

export const NAMESPACES: Readonly<Record<string, Labels>> = {
  /** Its rules change during faults. */
  app: {},
  /** Its rules never change. */
  calm: {},
  /** Another client keeps changing one of its objects. */
  contested: {},
  edge: { role: 'ingress' },
  mallory: {},
  'kube-system': {},
  /** Joins and leaves a group by label. */
  tenant: {},
};

const on = (protocol: Transport, ...ports: readonly number[]): readonly ListeningPort[] =>
  ports.map((port) => ({ port, protocol }));

const pod = (name: string, node: string, app: string, ports: readonly ListeningPort[] = []): PodSpec => {
  const [namespace = '', podName = ''] = name.split('/');
  return { namespace, name: podName, node, labels: { app }, ports };
};

export const PODS: readonly PodSpec[] = [
  pod('app/web1', 'node1', 'web', [...on('TCP', 80, 81), ...on('UDP', 5000)]),
  pod('app/web2', 'node2', 'web', [...on('TCP', 80, 81), ...on('UDP', 5000)]),
  pod('app/db', 'node2', 'db', on('TCP', 3306)),
  pod('calm/api', 'node1', 'api', [...on('TCP', 80, 8443), ...on('UDP', 5000)]),
  pod('calm/client', 'node2', 'client'),
  pod('contested/web', 'node2', 'web', on('TCP', 80)),
  pod('edge/proxy1', 'node1', 'proxy'),
  pod('edge/proxy2', 'node2', 'proxy'),
  pod('mallory/m1', 'node1', 'm'),
  pod('mallory/m2', 'node2', 'm'),
  { ...pod('kube-system/dns', 'node2', 'dns', on('UDP', 53)), labels: { 'k8s-app': 'kube-dns' } },
  pod('tenant/client', 'node1', 'client'),
  pod('tenant/db', 'node2', 'db', on('TCP', 3306)),
];

/** On each node, on every address of it. */
export const HOST_PORTS = [...on('TCP', 8080, 8081), ...on('UDP', 5001)];

export const OUTSIDE: readonly OutsideHostSpec[] = [
  { name: 'office', addresses: ['203.0.113.10', '2001:db8::10'] },
  { name: 'stranger', addresses: ['9.9.9.10', '2620:fe::10'] },
  /** The far end of the controls of flows to nodes, because host endpoints police every interface of a node. */
  { name: 'witness', addresses: ['203.0.113.99'] },
  { name: 'metadata', addresses: ['169.254.169.254'], ports: on('TCP', 80) },
];
