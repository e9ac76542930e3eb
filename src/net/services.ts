/**
 * Services by name, for zones. The numbers are IANA's where it has one
 * (https://www.iana.org/assignments/service-names-port-numbers). The others come from Kubernetes
 * (https://kubernetes.io/docs/reference/networking/ports-and-protocols/) and Calico
 * (https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements).
 */
export const SERVICES = {
  ssh: ['22'],
  http: ['80'],
  https: ['443'],
  'kube-apiserver': ['6443'],
  etcd: ['2379-2380'],
  kubelet: ['10250'],
  'kube-proxy-health': ['10256'],
  'service-health': ['10256'],
  'kube-controller-manager': ['10257'],
  'kube-scheduler': ['10259'],
  nodeports: ['30000-32767', '30000-32767/UDP'],
  vxlan: ['4789/UDP'],
  'flannel-vxlan': ['8472/UDP'],
  'flannel-udp': ['8285/UDP'],
  bgp: ['179'],
  typha: ['5473'],
  wireguard: ['51820-51821/UDP'],
  'node-exporter': ['9100'],
  dns: ['53', '53/UDP'],
  ntp: ['123/UDP'],
  dhcp: ['67-68/UDP'],
  'dhcpv6-client': ['546/UDP'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type ServiceName = keyof typeof SERVICES;

export const isServiceName = (name: string): name is ServiceName => Object.hasOwn(SERVICES, name);
