import { describe, expect, test } from '@jest/globals';
import { readInventory } from './inventory.ts';
import { parseYaml } from './yaml.ts';

const read = (source: string) =>
  readInventory(
    parseYaml(source).map((document, index) => ({ ...document, file: 'cluster.yaml', index, within: [] })),
  );

const NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata: { name: wordpress, labels: { team: blog } }
`;
const NODE = `
apiVersion: v1
kind: Node
metadata:
  name: node1
  annotations: { projectcalico.org/IPv4VXLANTunnelAddr: 192.168.7.0 }
status: { addresses: [{ type: InternalIP, address: 10.0.0.5 }] }
`;

describe('readInventory', () => {
  test('reads namespaces, nodes and pools, and ignores other kinds', () => {
    const pool =
      'apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: { name: a }\nspec: { cidr: 192.168.0.0/16 }\n';
    const other = 'apiVersion: v1\nkind: Secret\nmetadata: { name: a }\n';
    expect(read([NAMESPACE, NODE, pool, other].join('---\n'))).toEqual({
      diagnostics: [],
      nodePorts: [],
      pods: [],
      inventory: {
        namespaces: [{ name: 'wordpress', labels: { team: 'blog' } }],
        nodes: [{ name: 'node1', labels: {}, addresses: ['10.0.0.5', '192.168.7.0'] }],
        ipPools: ['192.168.0.0/16'],
        apiServerBackends: [],
        clusterIPs: [],
        externalIPs: [],
        serviceCIDRs: [],
        services: [],
        apiServerEndpoints: [],
        hostEndpoints: [],
        foreignPolicies: [],
        foreignTiers: [],
        felixConfigurations: [],
        bgpPeers: [],
        automaticHostEndpoints: false,
      },
    });
  });

  test('reads objects of others that affect nodes, and leaves out ours', () => {
    const named = (kind: string, name: string, labels: string, spec: string): string =>
      `apiVersion: projectcalico.org/v3\nkind: ${kind}\nmetadata: { name: ${name}, labels: ${labels} }\nspec: ${spec}\n`;
    const ours = '{ app.kubernetes.io/managed-by: clusterfirewall }';
    const { inventory, diagnostics } = read(
      [
        named('HostEndpoint', 'eth0', '{}', '{ node: node1, interfaceName: eth0 }'),
        named('Tier', 'security', '{}', '{ order: 50 }'),
        named('Tier', 'clusterfirewall', ours, '{ order: 900 }'),
        named('HostEndpoint', 'lo', ours, '{ node: node1, interfaceName: lo }'),
        named('GlobalNetworkPolicy', 'deny', '{}', "{ namespaceSelector: all(), selector: a == 'b' }"),
        named('GlobalNetworkPolicy', 'clusterfirewall.x', ours, '{ selector: all() }'),
        named(
          'FelixConfiguration',
          'default',
          '{}',
          '{ failsafeInboundHostPorts: [{ protocol: tcp, port: 22 }] }',
        ),
        named('BGPPeer', 'router', '{}', '{ peerIP: 10.0.0.1 }'),
        named(
          'KubeControllersConfiguration',
          'default',
          '{}',
          '{ controllers: { node: { hostEndpoint: { autoCreate: Enabled } } } }',
        ),
        named('IPPool', 'services', '{}', '{ cidr: 203.0.113.0/24, allowedUses: [LoadBalancer] }'),
      ].join('---\n'),
    );
    expect(diagnostics).toEqual([]);
    expect(inventory).toMatchObject({
      hostEndpoints: [{ name: 'eth0', node: 'node1', interfaceName: 'eth0', automatic: false }],
      foreignPolicies: [{ name: 'deny', namespaceSelector: 'all()', selector: "a == 'b'" }],
      foreignTiers: [{ name: 'security', order: 50, defaultAction: 'Deny' }],
      felixConfigurations: [{ name: 'default', failsafeInbound: [{ port: 22 }] }],
      bgpPeers: ['10.0.0.1'],
      automaticHostEndpoints: true,
      ipPools: [],
    });
  });

  test('kinds that do not occur are known to be empty', () => {
    expect(read(NAMESPACE).inventory).toMatchObject({ nodes: [], ipPools: [] });
  });

  test('reads the backends of the API server, their Services, and the API server’s endpoints', () => {
    const webhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: certs }
webhooks:
  - { name: a.certs.io, clientConfig: { service: { namespace: certs, name: webhook, path: /validate } } }
  - { name: b.certs.io, clientConfig: { url: https://elsewhere.example } }
`;
    const conversion = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things.certs.io }
spec: { conversion: { strategy: Webhook, webhook: { clientConfig: { service: { namespace: certs, name: webhook, port: 9443 } } } } }
`;
    const local = 'kind: APIService\nmetadata: { name: v1.apps }\nspec: { group: apps, version: v1 }\n';
    const service = `
kind: Service
metadata: { name: webhook, namespace: certs }
spec: { clusterIP: 10.96.0.7, selector: { app: webhook }, ports: [{ port: 443, targetPort: https }, { port: 9443 }] }
`;
    const slice = (name: string, address: string) => `
kind: EndpointSlice
metadata: { name: ${name}, namespace: default, labels: { kubernetes.io/service-name: ${name} } }
endpoints: [{ addresses: ["${address}"] }]
`;
    const { inventory, diagnostics } = read(
      [webhook, conversion, local, service, slice('kubernetes', '10.0.0.5'), slice('shop', '10.1.1.1')].join(
        '---\n',
      ),
    );
    expect(diagnostics).toEqual([]);
    expect(inventory).toMatchObject({
      apiServerBackends: [
        {
          namespace: 'certs',
          service: 'webhook',
          port: 443,
          because: 'ValidatingWebhookConfiguration/certs',
        },
        {
          namespace: 'certs',
          service: 'webhook',
          port: 9443,
          because: 'CustomResourceDefinition/things.certs.io',
        },
      ],
      services: [
        {
          namespace: 'certs',
          name: 'webhook',
          selector: { app: 'webhook' },
          clusterIPs: ['10.96.0.7'],
          ports: [
            { protocol: 'TCP', port: 443, targetPort: 'https' },
            { protocol: 'TCP', port: 9443, targetPort: 9443 },
          ],
        },
      ],
      apiServerEndpoints: ['10.0.0.5'],
    });
  });

  test('a List is expanded, and a terminating namespace is marked', () => {
    const going = { kind: 'Namespace', metadata: { name: 'old', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(
      read(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [going] })).inventory.namespaces,
    ).toEqual([{ name: 'old', labels: {}, terminating: true }]);
  });

  test('a field of another form than an API server prints is reported with its place', () => {
    const { diagnostics } = read('kind: List\nitems:\n  - kind: Node\n    metadata: { labels: { a: b } }\n');
    expect(diagnostics).toEqual([
      expect.objectContaining({ file: 'cluster.yaml', line: 4, path: 'items[0].metadata.name' }),
    ]);
  });
});
