/** Stock clusters: `mode: Enforce` in spec.nodes alone keeps open the traffic that each needs. */
import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall, Nodes, Peer } from '../api/schema.ts';
import type { GlobalNetworkPolicy, Rule } from '../calico/types.ts';
import { readInventory } from './manifests/inventory.ts';
import { parseYaml } from './manifests/yaml.ts';
import { compile } from '../compiler/compile.ts';
import { UNKNOWN } from '../inventory/known.ts';
import type { Inventory } from '../inventory/types.ts';
import type { Compilation } from '../compiler/types.ts';
import { ruleId } from '../compiler/names.ts';

const inventoryOf = (text: string): Inventory => {
  const documents = parseYaml(text).map((document, index) => ({
    ...document,
    file: 'cluster.yaml',
    index,
    within: [],
  }));
  const { inventory, diagnostics } = readInventory(documents);
  expect(diagnostics).toEqual([]);
  return inventory;
};
const POOL = `---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: default-ipv4-ippool }
spec: { cidr: 192.168.0.0/16, natOutgoing: true, vxlanMode: Always }
`;
const slice = (...addresses: readonly string[]): string => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: kubernetes, namespace: default, labels: { kubernetes.io/service-name: kubernetes } }
endpoints: [{ addresses: [${addresses.join(', ')}] }]
`;

/** A node in the state in which kubeadm and the Calico operator leave it. */
const KUBEADM = `
apiVersion: v1
kind: Node
metadata:
  name: cp-1
  labels: { kubernetes.io/hostname: cp-1, node-role.kubernetes.io/control-plane: '' }
  annotations:
    kubeadm.alpha.kubernetes.io/cri-socket: unix:///var/run/containerd/containerd.sock
    projectcalico.org/IPv4Address: 10.0.0.10/24
    projectcalico.org/IPv4VXLANTunnelAddr: 192.168.10.0
status:
  addresses: [{ type: InternalIP, address: 10.0.0.10 }, { type: Hostname, address: cp-1 }]
---
apiVersion: v1
kind: Node
metadata:
  name: worker-1
  labels: { kubernetes.io/hostname: worker-1 }
  annotations:
    projectcalico.org/IPv4Address: 10.0.0.21/24
    projectcalico.org/IPv4VXLANTunnelAddr: 192.168.21.0
status:
  addresses: [{ type: InternalIP, address: 10.0.0.21 }, { type: Hostname, address: worker-1 }]
${POOL}${slice('10.0.0.10')}`;

/**
 * k3s labels its servers with control-plane and master. Flannel leaves its annotations where it is not
 * switched off.
 */
const K3S = `
apiVersion: v1
kind: Node
metadata:
  name: server-1
  labels:
    node-role.kubernetes.io/control-plane: 'true'
    node-role.kubernetes.io/master: 'true'
    node.kubernetes.io/instance-type: k3s
  annotations:
    flannel.alpha.coreos.com/backend-type: vxlan
    flannel.alpha.coreos.com/public-ip: 10.1.0.10
    k3s.io/internal-ip: 10.1.0.10
status:
  addresses: [{ type: InternalIP, address: 10.1.0.10 }, { type: Hostname, address: server-1 }]
---
apiVersion: v1
kind: Node
metadata:
  name: agent-1
  labels: { node.kubernetes.io/instance-type: k3s }
  annotations: { flannel.alpha.coreos.com/backend-type: vxlan, k3s.io/internal-ip: 10.1.0.21 }
status:
  addresses: [{ type: InternalIP, address: 10.1.0.21 }]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: { name: v1beta1.metrics.k8s.io }
spec: { service: { name: metrics-server, namespace: kube-system, port: 443 } }
---
apiVersion: v1
kind: Service
metadata: { name: metrics-server, namespace: kube-system }
spec: { selector: { k8s-app: metrics-server }, ports: [{ port: 443, targetPort: https }] }
${slice('10.1.0.10')}`;

/**
 * RKE2 with split roles: a member of etcd is no control plane (https://docs.rke2.io/install/server_roles).
 */
const RKE2 = `
apiVersion: v1
kind: Node
metadata:
  name: server-1
  labels:
    node-role.kubernetes.io/control-plane: 'true'
    node-role.kubernetes.io/master: 'true'
    node.kubernetes.io/instance-type: rke2
status:
  addresses: [{ type: InternalIP, address: 10.1.0.10 }]
---
apiVersion: v1
kind: Node
metadata:
  name: etcd-1
  labels: { node-role.kubernetes.io/etcd: 'true', node.kubernetes.io/instance-type: rke2 }
status:
  addresses: [{ type: InternalIP, address: 10.1.0.11 }]
---
apiVersion: v1
kind: Node
metadata:
  name: agent-1
  labels: { node.kubernetes.io/instance-type: rke2 }
status:
  addresses: [{ type: InternalIP, address: 10.1.0.21 }]
${slice('10.1.0.10')}`;

/** Canal on an old kubeadm: only the master label, flannel's annotations, no tunnel of Calico. */
const CANAL = `
apiVersion: v1
kind: Node
metadata:
  name: master
  labels: { node-role.kubernetes.io/master: '' }
  annotations:
    flannel.alpha.coreos.com/backend-data: '{"VtepMAC":"8a:9f:6c:00:00:01"}'
    flannel.alpha.coreos.com/backend-type: vxlan
    flannel.alpha.coreos.com/kube-subnet-manager: 'true'
    flannel.alpha.coreos.com/public-ip: 172.16.0.10
    projectcalico.org/IPv4Address: 172.16.0.10/24
status:
  addresses: [{ type: InternalIP, address: 172.16.0.10 }]
${slice('172.16.0.10')}`;

/**
 * EKS, GKE, AKS: no node of the control plane, endpoints in the provider's network, and pods that act for the
 * control plane through tunnels.
 */
const MANAGED = `
apiVersion: v1
kind: Node
metadata:
  name: ip-10-2-0-21.eu-west-1.compute.internal
  labels: { eks.amazonaws.com/nodegroup: default }
status:
  addresses:
    - { type: InternalIP, address: 10.2.0.21 }
    - { type: ExternalIP, address: 198.51.100.21 }
    - { type: InternalDNS, address: ip-10-2-0-21.eu-west-1.compute.internal }
${slice('10.2.0.5', '10.2.1.5')}`;

const enforce = (
  cluster: string | Inventory,
  nodes: Partial<Nodes> = {},
  peers: Peer[] = [],
): Compilation => {
  const firewall: ClusterFirewall = {
    metadata: { name: 'default' },
    spec: { mode: 'Enforce', peers, nodes: { mode: 'Enforce', ...nodes } },
  };
  return compile([firewall], typeof cluster === 'string' ? inventoryOf(cluster) : cluster);
};

/** The rules of the baseline: entry, layer, protocol, source, ports. */
function opened(compilation: Compilation): readonly string[] {
  return compilation.objects
    .map(({ object }) => object)
    .filter((object): object is GlobalNetworkPolicy => object.kind === 'GlobalNetworkPolicy')
    .filter(({ metadata }) => metadata.name.includes('-nodes-baseline-'))
    .flatMap(({ spec }) =>
      (spec.ingress ?? []).map((rule) => `${spec.preDNAT === true ? 'ports' : 'host'} ${described(rule)}`),
    )
    .sort();
}

function described({ metadata, protocol, source, destination }: Rule): string {
  const id = (metadata?.annotations['clusterfirewall.io/rule'] ?? '').replace('default/nodes/baseline/', '');
  const selector = source?.selector ?? source?.nets?.join() ?? 'anyone';
  const short = selector
    .replace(/^!has\(projectcalico.org\/created-by\) && clusterfirewall.io\/set == '(.*?)'/, '$1')
    .replace("projectcalico.org/orchestrator == 'k8s'", 'pods');
  return `${id}: ${short} → ${(destination?.ports ?? []).join()}/${protocol ?? ''}`;
}

const COMMON = [
  'api-server: control-plane → 6443/TCP',
  'api-server: nodes → 6443/TCP',
  'api-server: pods → 6443/TCP',
  'bgp: nodes → 179/TCP',
  'dhcp: anyone → 546/UDP',
  'dhcp: anyone → 67:68/UDP',
  'etcd: control-plane → 2379:2380/TCP',
  'kubelet: control-plane → 10250/TCP',
  'node-local-dns: nodes → 53/TCP',
  'node-local-dns: nodes → 53/UDP',
  'node-local-dns: pods → 53/TCP',
  'node-local-dns: pods → 53/UDP',
  'nodes-to-nodes: nodes → 10251:10256/TCP',
  'nodes-to-nodes: nodes → 10258/TCP',
  'nodes-to-nodes: nodes → 10260:65535/TCP',
  'nodes-to-nodes: nodes → 1:2378/TCP',
  'nodes-to-nodes: nodes → 2381:10249/TCP',
  'nodes-to-nodes: nodes → 1:65535/SCTP',
  'nodes-to-nodes: nodes → 1:65535/UDP',
  'typha: nodes → 5473/TCP',
  'wireguard: nodes → 51820:51821/UDP',
];
/** Where a node has the role of a member of etcd, or of the control plane. */
const ETCD = ['etcd: etcd → 2379:2380/TCP'];
const FLANNEL = ['flannel: nodes → 8285,8472/UDP'];
const METRICS = [
  'metrics-server: nodes → 10250/TCP',
  "metrics-server: k8s-app == 'metrics-server' && projectcalico.org/namespace == 'kube-system' && pods → 10250/TCP",
];
/** Where the label of k3s or RKE2 is seen. */
const JOINING = ['joining: nodes → 9345/TCP'];
const inBothLayers = (lines: readonly string[]): readonly string[] => [
  ...lines.flatMap((line) => [`host ${line}`, `ports ${line}`]),
  'ports vxlan: anyone → 4789/UDP',
];

describe('the baseline', () => {
  test.each([
    ['kubeadm', KUBEADM, [...COMMON, ...ETCD]],
    ['k3s', K3S, [...COMMON, ...ETCD, ...FLANNEL, ...METRICS, ...JOINING]],
    ['RKE2 with split roles', RKE2, [...COMMON, ...ETCD, ...JOINING]],
    ['Canal', CANAL, [...COMMON, ...ETCD, ...FLANNEL]],
    ['a managed control plane', MANAGED, COMMON],
  ])('of %s is complete', (_, cluster, lines) => {
    const compilation = enforce(cluster);
    expect(compilation.problems).toEqual([]);
    expect(opened(compilation)).toEqual([...inBothLayers(lines)].sort());
  });

  test.each([
    ['kubeadm', KUBEADM, ['10.0.0.10/32', '192.168.10.0/32']],
    ['k3s', K3S, ['10.1.0.10/32']],
    ['Canal', CANAL, ['172.16.0.10/32']],
    ['a managed control plane', MANAGED, ['10.2.0.5/32', '10.2.1.5/32']],
  ])('knows the control plane of %s', (_, cluster, nets) => {
    const set = enforce(cluster).objects.find(({ rules }) => rules.includes(ruleId('default/control-plane')));
    expect(set?.object.spec).toEqual({ nets });
  });

  test('knows members of etcd, which are no control plane for kubelets', () => {
    const { objects } = enforce(RKE2);
    const netsOf = (set: string) =>
      objects.find(({ rules }) => rules.includes(ruleId(`default/${set}`)))?.object.spec;
    expect(netsOf('etcd')).toEqual({ nets: ['10.1.0.10/32', '10.1.0.11/32'] });
    expect(netsOf('control-plane')).toEqual({ nets: ['10.1.0.10/32'] });
  });

  test('lets the pods and the addresses of a managed control plane reach kubelets', () => {
    const peers: Peer[] = [
      {
        name: 'konnectivity',
        pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: 'agent' } } },
      },
      { name: 'provider', cidrs: ['203.0.113.0/28'] },
    ];
    const compilation = enforce(
      MANAGED,
      { controlPlane: [{ peer: 'konnectivity' }, { peer: 'provider' }] },
      peers,
    );
    expect(compilation.problems).toEqual([]);
    expect(opened(compilation).filter((line) => line.startsWith('host kubelet:'))).toEqual([
      "host kubelet: app == 'agent' && pods → 10250/TCP",
      'host kubelet: control-plane → 10250/TCP',
      'host kubelet: nodes → 10250/TCP',
    ]);
    const set = compilation.objects.find(({ rules }) => rules.includes(ruleId('default/control-plane')));
    expect(set?.object.spec).toEqual({ nets: ['10.2.0.5/32', '10.2.1.5/32', '203.0.113.0/28'] });
  });

  test('leaves out disabled entries, and nothing else', () => {
    const lines = opened(enforce(KUBEADM, { baseline: { disable: ['nodes-to-nodes', 'typha'] } }));
    expect(lines).toEqual(
      [...inBothLayers([...COMMON, ...ETCD].filter((line) => !/^(nodes-to-nodes|typha):/.test(line)))].sort(),
    );
  });

  test('takes the port numbers of the firewall’s services, or else those of Felix', () => {
    const cluster = `${KUBEADM}---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: { name: default }
spec: { vxlanPort: 4790, wireguardListeningPort: 51999 }
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: { name: router }
spec: { peerIP: '10.0.0.1:1790', asNumber: 64512 }
`;
    const lines = opened(
      enforce(cluster, { services: [{ name: 'kube-apiserver', ports: [8443], override: true }] }),
    );
    expect(lines).toContain('ports vxlan: anyone → 4789:4790/UDP');
    expect(lines).toContain('host wireguard: nodes → 51999/UDP');
    expect(lines).toContain('host bgp: 10.0.0.1/32 → 179/TCP');
    expect(lines).toContain('host api-server: pods → 8443/TCP');
    expect(lines.some((line) => line.includes('6443/'))).toBe(false);
  });

  test('with a control plane without addresses compiles nothing, and stored objects stay', () => {
    const nowhere = MANAGED.replace(/---\napiVersion: discovery[^]*/, '');
    const compilation = enforce(nowhere);
    expect(compilation.problems).toMatchObject([
      { severity: 'problem', rule: 'default/nodes', path: 'spec.nodes', reason: 'EntityUnresolved' },
    ]);
    expect(compilation.frozen).toEqual(
      expect.arrayContaining([{ sets: 'default/nodes' }, { prefix: 'default/nodes' }]),
    );
    expect(compilation.labelledNodes).toBe(UNKNOWN);
    expect(
      compilation.objects.filter(({ rules }) => rules.some((id) => id.startsWith('default/nodes'))),
    ).toEqual([]);
  });
});

describe('machines that will join', () => {
  test('are no nodes', () => {
    const compilation = enforce(KUBEADM, { nodeCIDRs: ['10.0.0.0/24'] });
    const set = compilation.objects.find(({ rules }) => rules.includes(ruleId('default/nodes')));
    expect(set?.object.spec).toEqual({
      nets: ['10.0.0.10/32', '10.0.0.21/32', '192.168.10.0/32', '192.168.21.0/32'],
    });
  });

  test('are not where pods are', () => {
    const compilation = enforce(KUBEADM, { nodeCIDRs: ['192.168.0.0/17', '10.0.0.0/24'] });
    expect(compilation.problems).toMatchObject([
      { path: 'spec.nodes.nodeCIDRs[0]', reason: 'NodeCIDRsContainPods' },
    ]);
    expect(compilation.frozen).toContainEqual({ prefix: 'default/nodes' });
  });
});
