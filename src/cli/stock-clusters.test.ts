/** Stock clusters: `mode: Enforce` in spec.nodes alone keeps open the traffic that each needs. */
import { readdirSync, readFileSync } from 'node:fs';
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
/** A file of stock-clusters, which says where its signs and ports are documented. */
const stock = (name: string): string =>
  readFileSync(new URL(`stock-clusters/${name}.yaml`, import.meta.url), 'utf8');
const [KUBEADM, EKS] = [stock('kubeadm'), stock('eks')];

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

const setOf = ({ objects }: Compilation, set: string) =>
  objects.find(({ rules }) => rules.includes(ruleId(`default/${set}`)))?.object.spec;

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

interface Stock {
  readonly apiServer: string | undefined;
  readonly etcd: readonly string[];
  /** Ranges of ports that only nodes reach, and no port of etcd. */
  readonly nodes: readonly string[];
  readonly hasMembers: boolean;
  readonly joining: readonly string[];
  readonly more: readonly string[];
}
const USUAL: Stock = {
  apiServer: '6443',
  etcd: ['2379:2380'],
  nodes: ['1:2378', '2381:10249'],
  hasMembers: true,
  joining: [],
  more: [],
};
/** EKS, GKE, AKS: no node of the control plane, and its endpoints in the provider's network. */
const MANAGED: Stock = { ...USUAL, apiServer: undefined, hasMembers: false };
const FLANNEL = ['flannel: nodes → 8285,8472/UDP'];
const METRICS = [
  'metrics-server: nodes → 10250/TCP',
  "metrics-server: k8s-app == 'metrics-server' && projectcalico.org/namespace == 'kube-system' && pods → 10250/TCP",
];
const baselineOf = ({ apiServer, etcd, nodes, hasMembers, joining, more }: Stock): readonly string[] => [
  ...(apiServer === undefined
    ? []
    : ['control-plane', 'nodes', 'pods'].map((source) => `api-server: ${source} → ${apiServer}/TCP`)),
  'bgp: nodes → 179/TCP',
  'ah: nodes → /51',
  'esp: nodes → /50',
  'vrrp: nodes → /112',
  'icmp: anyone → /ICMP',
  'icmpv6: anyone → /ICMPv6',
  'igmp: anyone → /2',
  'dhcp: anyone → 546/UDP',
  'dhcp: anyone → 67:68/UDP',
  ...['control-plane', ...(hasMembers ? ['etcd'] : [])].flatMap((source) =>
    etcd.map((ports) => `etcd: ${source} → ${ports}/TCP`),
  ),
  ...joining.map((ports) => `joining: nodes → ${ports}/TCP`),
  'kubelet: control-plane → 10250/TCP',
  'node-local-dns: nodes → 53/TCP',
  'node-local-dns: nodes → 53/UDP',
  'node-local-dns: pods → 53/TCP',
  'node-local-dns: pods → 53/UDP',
  ...[...nodes, '10251:10256', '10258', '10260:65535'].map((ports) => `nodes-to-nodes: nodes → ${ports}/TCP`),
  'nodes-to-nodes: nodes → 1:65535/SCTP',
  'nodes-to-nodes: nodes → 1:65535/UDP',
  'typha: nodes → 5473/TCP',
  'wireguard: nodes → 51820:51821/UDP',
  ...more,
];
const inBothLayers = (lines: readonly string[]): readonly string[] => [
  ...lines.flatMap((line) => [`host ${line}`, `ports ${line}`]),
  'ports vxlan: anyone → 4789/UDP',
  'ports ipip: anyone → /4',
];

describe('the baseline', () => {
  const STOCK: Readonly<Record<string, Stock>> = {
    kubeadm: USUAL,
    k3s: { ...USUAL, joining: ['9345'], more: [...FLANNEL, ...METRICS] },
    rke2: { ...USUAL, joining: ['9345'] },
    canal: { ...USUAL, more: FLANNEL },
    microk8s: { ...USUAL, apiServer: '16443', hasMembers: false, joining: ['16443,25000'] },
    k0s: { ...USUAL, joining: ['8132,9443'] },
    kops: {
      ...USUAL,
      apiServer: '443',
      etcd: ['2379:2381', '4001:4002'],
      nodes: ['1:2378', '2382:4000', '4003:10249'],
    },
    talos: { ...USUAL, joining: ['50000:50001'] },
    eks: MANAGED,
    gke: MANAGED,
    aks: MANAGED,
  };

  test('is known for every stock cluster, which says its sources and is in docs/nodes.md', () => {
    const files = readdirSync(new URL('stock-clusters', import.meta.url));
    expect(files.map((file) => file.replace('.yaml', ''))).toEqual(Object.keys(STOCK).sort());
    const docs = readFileSync(new URL('../../docs/nodes.md', import.meta.url), 'utf8').toLowerCase();
    for (const name of Object.keys(STOCK)) {
      expect(stock(name)).toMatch(/^# .*https:\/\//m);
      expect(docs).toContain(`| ${name}`);
    }
  });

  test.each(Object.entries(STOCK))('of %s is complete', (name, expected) => {
    const compilation = enforce(stock(name));
    expect(compilation.problems).toEqual([]);
    expect(opened(compilation)).toEqual([...inBothLayers(baselineOf(expected))].sort());
  });

  test.each([
    ['kubeadm', ['10.0.0.10/32', '192.168.10.0/32']],
    ['k3s', ['10.1.0.10/32']],
    ['rke2', ['10.1.0.10/32']],
    ['canal', ['172.16.0.10/32']],
    ['microk8s', ['10.20.0.1/32']],
    ['eks', ['10.2.0.5/32', '10.2.1.5/32']],
  ])('knows the control plane of %s', (name, nets) => {
    expect(setOf(enforce(stock(name)), 'control-plane')).toEqual({ nets });
  });

  test('knows members of etcd, which are no control plane for kubelets', () => {
    expect(setOf(enforce(stock('rke2')), 'etcd')).toEqual({ nets: ['10.1.0.10/32', '10.1.0.11/32'] });
    expect(setOf(enforce(EKS), 'etcd')).toBeUndefined();
  });

  test.each(['eks', 'gke', 'aks'])(
    'opens nothing at nodes because the API server of %s answers at 443',
    (name) => {
      const zones = [
        { name: 'z', from: [{ entity: 'Nodes' as const }], allow: { services: ['kube-apiserver'] } },
      ];
      const { objects, nodes } = enforce(
        stock(name),
        { zones, breakGlass: [{ peer: 'ops' }], nodeCIDRs: ['10.0.0.0/24'] },
        [{ name: 'ops', cidrs: ['198.51.100.0/24'] }],
      );
      const text = JSON.stringify(objects.filter(({ object }) => object.kind === 'GlobalNetworkPolicy'));
      expect(text).toContain('5473');
      expect(text).not.toMatch(/\b6?443\b/);
      expect(nodes?.notes.join()).toContain('the API server answers at no node');
    },
  );

  test('lets the pods and the addresses of a managed control plane reach kubelets', () => {
    const peers: Peer[] = [
      {
        name: 'konnectivity',
        pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: 'agent' } } },
      },
      { name: 'provider', cidrs: ['203.0.113.0/28'] },
    ];
    const compilation = enforce(
      EKS,
      { controlPlane: [{ peer: 'konnectivity' }, { peer: 'provider' }] },
      peers,
    );
    expect(compilation.problems).toEqual([]);
    expect(opened(compilation).filter((line) => line.startsWith('host kubelet:'))).toEqual([
      "host kubelet: app == 'agent' && pods → 10250/TCP",
      'host kubelet: control-plane → 10250/TCP',
      'host kubelet: nodes → 10250/TCP',
    ]);
    expect(setOf(compilation, 'control-plane')).toEqual({
      nets: ['10.2.0.5/32', '10.2.1.5/32', '203.0.113.0/28'],
    });
  });

  test('leaves out disabled entries, and nothing else', () => {
    const lines = opened(enforce(KUBEADM, { baseline: { disable: ['nodes-to-nodes', 'typha'] } }));
    expect(lines).toEqual(
      [...inBothLayers(baselineOf(USUAL).filter((line) => !/^(nodes-to-nodes|typha):/.test(line)))].sort(),
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
    const nowhere = EKS.replace(/---\napiVersion: discovery[^]*/, '');
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
    expect(setOf(compilation, 'nodes')).toEqual({
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
