/**
 * The participants: namespaces, pods on both nodes, hosts outside. There is a listener on every port of every
 * row, so only the firewall can refuse.
 */
import type { ListeningPort, OutsideHostSpec, PodSpec, Transport } from '../cluster.ts';

type Labels = Readonly<Record<string, string>>;

export const NAMESPACES: Readonly<Record<string, Labels>> = {
  wordpress: {},
  shop: {},
  edge: { role: 'ingress' },
  monitoring: { role: 'metrics' },
  'blog-a': { tenant: 'blog' },
  'blog-b': { tenant: 'blog' },
  'kube-system': {},
  'kube-public': {},
  'calico-system': {},
  'tigera-operator': {},
  'istio-system': {},
  mallory: {},
};

const on = (protocol: Transport, ...ports: readonly number[]): readonly ListeningPort[] =>
  ports.map((port) => ({ port, protocol }));
const dns: readonly ListeningPort[] = [...on('UDP', 53), ...on('TCP', 53)];

function pod(name: string, node: string, labels: Labels, ports: readonly ListeningPort[]): PodSpec {
  const [namespace = '', podName = ''] = name.split('/');
  return { namespace, name: podName, node, labels, ports };
}

const wordpress = { app: 'wordpress' };
const mariadb = { app: 'mariadb' };
const kubeDns = { 'k8s-app': 'kube-dns' };

/**
 * Every label that our objects carry, and every label that says where a pod is. A tenant may write all of
 * them.
 */
function forged(set: string): Labels {
  return {
    'clusterfirewall.io/set': set,
    'clusterfirewall.io/firewall': 'default',
    'app.kubernetes.io/managed-by': 'clusterfirewall',
    ...wordpress,
    ...kubeDns,
    role: 'ingress',
    'projectcalico.org/namespace': 'edge',
    'projectcalico.org/name': 'edge',
    'kubernetes.io/metadata.name': 'kube-system',
    'pcns.projectcalico.org/name': 'edge',
    'pcns.kubernetes.io/metadata.name': 'kube-system',
    'pcns.role': 'ingress',
  };
}

export const PODS: readonly PodSpec[] = [
  // Their port called http differs.
  pod('wordpress/wp1', 'node1', wordpress, [{ port: 80, name: 'http' }, ...on('TCP', 81, 11011)]),
  pod('wordpress/wp2', 'node2', wordpress, [{ port: 81, name: 'http' }, ...on('TCP', 80, 11011)]),
  pod('wordpress/db', 'node2', mariadb, on('TCP', 3306, 80, 11011)),
  { ...pod('wordpress/job', 'node1', {}, [...on('TCP', 8080), ...dns]), serviceAccount: 'payments' },
  // Its labels claim that it is in the other namespaces, or the DNS server. It is neither.
  pod('shop/front', 'node1', wordpress, on('TCP', 80, 11011)),
  pod('shop/cart', 'node2', { app: 'cart', ...kubeDns }, [...on('TCP', 80), ...dns]),
  pod('edge/proxy1', 'node1', { app: 'proxy' }, on('TCP', 443)),
  pod('edge/proxy2', 'node2', { app: 'proxy' }, on('TCP', 443)),
  pod('monitoring/prometheus', 'node1', { app: 'prometheus' }, on('TCP', 9090)),
  pod('monitoring/grafana', 'node2', { app: 'grafana' }, on('TCP', 3000)),
  pod('blog-a/wp', 'node1', wordpress, on('TCP', 80)),
  pod('blog-a/db', 'node2', mariadb, on('TCP', 3306, 33060)),
  pod('blog-b/wp', 'node2', wordpress, on('TCP', 80)),
  pod('blog-b/db', 'node1', mariadb, on('TCP', 3306, 33060)),
  pod('kube-system/dns1', 'node1', kubeDns, [...on('TCP', 8080), ...dns]),
  pod('kube-system/dns2', 'node2', kubeDns, [...on('TCP', 8080), ...dns]),
  pod('kube-system/metrics', 'node2', { 'k8s-app': 'metrics-server' }, [...on('TCP', 4443), ...dns]),
  pod('kube-public/info', 'node1', kubeDns, [...on('TCP', 8080), ...dns]),
  pod('calico-system/typha', 'node1', { 'k8s-app': 'calico-typha' }, on('TCP', 5473)),
  pod('tigera-operator/operator', 'node2', {}, on('TCP', 8080)),
  pod('istio-system/istiod', 'node2', { app: 'istiod' }, on('TCP', 15012)),
  pod('mallory/nodes', 'node1', forged('nodes'), on('TCP', 22, 80, 443, 5432)),
  pod('mallory/big', 'node2', forged('default.big'), on('TCP', 22, 80, 443, 5432)),
];

export const OUTSIDE: readonly OutsideHostSpec[] = [
  {
    name: 'web',
    addresses: ['203.0.113.10', '2001:db8::10'],
    ports: [...on('TCP', 22, 80, 443, 587, 3306, 5432), ...dns],
  },
  { name: 'vm', addresses: ['198.51.100.21', '2001:db8:1::21'], ports: on('TCP', 22, 443, 5432) },
  // The others have addresses that are no public ones.
  { name: 'internet', addresses: ['9.9.9.10', '2620:fe::10'], ports: on('TCP', 22) },
  { name: 'metadata', addresses: ['169.254.169.254', 'fd00:ec2::254'], ports: on('TCP', 80) },
];

/** The listeners on nodes. */
export const NODE_PORTS: readonly ListeningPort[] = on('TCP', 80, 443);
/**
 * Addresses that every node has for its own pods, where a node-local DNS cache listens: one of its own, and
 * those of the Service in front of the DNS pods.
 */
export const NODE_LOCAL_DNS = {
  own: ['169.254.20.10'],
  service: ['10.96.0.10', 'fd00:96::a'],
  ports: [...dns, ...on('TCP', 8080)],
};

/** Nothing rewrites its addresses here, as nothing does before a node-local cache. */
export const DNS_SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kube-dns', namespace: 'kube-system' },
  spec: {
    clusterIP: NODE_LOCAL_DNS.service[0],
    clusterIPs: NODE_LOCAL_DNS.service,
    ipFamilyPolicy: 'RequireDualStack',
    selector: kubeDns,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      { name: 'metrics', port: 8080, protocol: 'TCP' },
    ],
  },
};
