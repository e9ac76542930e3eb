import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall, Spec } from '../../api/schema.ts';
import { compile } from '../compile.ts';
import type { ApiServerBackend, Inventory, ServiceInfo } from '../../inventory/types.ts';
import type { Compilation } from '../types.ts';
import { clusterWith, CONTROL_PLANE, namespace, node } from '../testing/inventories.ts';

const firewall = (spec: Partial<Spec>): ClusterFirewall => ({
  metadata: { name: 'default' },
  spec: { mode: 'Enforce', ...spec },
});
const backend = (namespace: string, service = 'webhook', port = 443): ApiServerBackend => ({
  namespace,
  service,
  port,
  because: 'ValidatingWebhookConfiguration/certs',
});
const service = (namespace: string, rest: Partial<ServiceInfo> = {}): ServiceInfo => ({
  namespace,
  name: 'webhook',
  selector: { app: 'webhook' },
  clusterIPs: [],
  ports: [{ protocol: 'TCP', port: 443, targetPort: 10250 }],
  ...rest,
});
const cluster = clusterWith({
  namespaces: ['kube-system', 'certs', 'shop'].map((name) => namespace(name)),
  nodes: [node('cp1', ['10.99.0.11', '10.244.0.1'], CONTROL_PLANE), node('worker1', ['10.99.0.12'])],
  apiServerEndpoints: ['10.99.0.11', '10.99.0.19'],
  apiServerBackends: [backend('certs')],
  services: [service('certs')],
});

const FAMILY = 'default/defaults/apiServerToPods';
const opened = ({ objects }: Compilation) =>
  objects.filter(({ rules }) => rules.some((rule) => rule.startsWith(`${FAMILY}/`)));
const compiled = (spec: Partial<Spec>, inventory: Partial<Inventory> = {}) =>
  compile([firewall(spec)], { ...cluster, ...inventory });

describe('apiServerToPods', () => {
  test('opens the pods of the Service, on the pods’ port, to the control plane alone', () => {
    expect(opened(compiled({})).map(({ object }) => object)).toEqual([
      {
        apiVersion: 'projectcalico.org/v3',
        kind: 'NetworkPolicy',
        metadata: expect.objectContaining({
          name: expect.stringMatching(/^cfw-default-defaults-apiservertopods-certs-webhook-[0-9a-f]{6}$/),
          namespace: 'certs',
          annotations: { 'clusterfirewall.io/rules': `${FAMILY}/certs/webhook` },
        }),
        spec: {
          tier: 'default',
          order: 500,
          selector: "app == 'webhook'",
          types: ['Ingress'],
          ingress: [
            {
              action: 'Allow',
              protocol: 'TCP',
              source: {
                selector: "!has(projectcalico.org/created-by) && clusterfirewall.io/set == 'control-plane'",
                namespaceSelector: 'global()',
              },
              destination: { ports: [10250] },
              metadata: { annotations: { 'clusterfirewall.io/rule': `${FAMILY}/certs/webhook` } },
            },
          ],
        },
      },
    ]);
  });

  test('the control plane is its labelled nodes, tunnel addresses included, and the API server’s endpoints', () => {
    const set = compiled({}).objects.find(({ object }) => object.metadata.name.includes('control-plane'));
    expect(set?.object).toMatchObject({
      kind: 'GlobalNetworkSet',
      metadata: { labels: { 'clusterfirewall.io/set': 'control-plane' } },
      spec: { nets: ['10.99.0.11/32', '10.99.0.19/32', '10.244.0.1/32'] },
    });
  });

  test('several callers of one Service share one policy, and port names stay names', () => {
    const calls = [backend('certs'), backend('certs'), backend('certs', 'webhook', 8443)];
    const ports: ServiceInfo['ports'] = [
      { protocol: 'TCP', port: 443, targetPort: 'https' },
      { protocol: 'TCP', port: 8443, targetPort: 10250 },
      { protocol: 'TCP', port: 80, targetPort: 80 },
    ];
    const made = opened(compiled({}, { apiServerBackends: calls, services: [service('certs', { ports })] }));
    expect(made.map(({ object }) => object.spec)).toEqual([
      expect.objectContaining({
        ingress: [expect.objectContaining({ destination: { ports: [10250, 'https'] } })],
      }),
    ]);
  });

  test.each<[string, Partial<Spec>, Partial<Inventory>]>([
    ['switched off', { defaults: { apiServerToPods: 'None' } }, {}],
    ['when ingress is not denied', { defaults: { deny: 'Egress' } }, {}],
    ['in an exempt namespace', { defaults: { exempt: { names: ['certs'] } } }, {}],
    ['in a namespace that does not exist', {}, { namespaces: [{ name: 'shop', labels: {} }] }],
    ['for a Service that does not exist', {}, { services: [] }],
    [
      'for a port that the Service does not have',
      {},
      { apiServerBackends: [backend('certs', 'webhook', 444)] },
    ],
    ['for a Service that nothing calls', {}, { services: [service('shop')] }],
    ['without callers', {}, { apiServerBackends: [] }],
  ])('opens nothing %s', (_when, spec, inventory) => {
    const compilation = compiled(spec, inventory);
    expect(opened(compilation)).toEqual([]);
    expect(compilation.problems).toEqual([]);
  });

  test('is staged where the namespace is observed', () => {
    const spec: Partial<Spec> = { namespaces: [{ name: 'certs', namespaces: ['certs'], mode: 'Observe' }] };
    expect(opened(compiled(spec)).map(({ object }) => object.kind)).toEqual(['StagedNetworkPolicy']);
  });

  test('never opens every pod: a Service without a selector is a warning', () => {
    const bare: ServiceInfo = {
      namespace: 'certs',
      name: 'webhook',
      clusterIPs: [],
      ports: [{ protocol: 'TCP', port: 443, targetPort: 9443 }],
    };
    for (const without of [bare, { ...bare, selector: {} }]) {
      const compilation = compiled({}, { services: [without] });
      expect(opened(compilation)).toEqual([]);
      expect(compilation.problems).toEqual([
        expect.objectContaining({ severity: 'warning', reason: 'ServiceWithoutSelector' }),
      ]);
    }
  });

  test('a control plane without an address is a problem, and open ports stay open', () => {
    const { problems, frozen, objects } = compiled({}, { nodes: [], apiServerEndpoints: [] });
    expect(problems).toEqual([
      expect.objectContaining({
        severity: 'problem',
        rule: FAMILY,
        path: 'spec.defaults.apiServerToPods',
        reason: 'EntityUnresolved',
        message: expect.stringContaining('certs/webhook (ValidatingWebhookConfiguration/certs)'),
      }),
    ]);
    expect(frozen).toEqual(
      expect.arrayContaining([{ rule: `${FAMILY}/certs/webhook` }, { sets: 'default/control-plane' }]),
    );
    expect(objects.flatMap(({ rules }) => rules)).not.toContain('default/control-plane');
  });

  test('nothing is frozen where nothing is enforced, because it would only isolate', () => {
    const unresolved = { nodes: [], apiServerEndpoints: [], unlistedKinds: ['apiservices'] };
    const { problems, frozen } = compiled({ mode: 'Observe' }, unresolved);
    expect(problems.map(({ reason }) => reason)).toEqual(['BackendsUnknown', 'EntityUnresolved']);
    expect(frozen).toEqual([]);
  });

  test('kinds that may not be listed are a problem; known backends are opened, open ones are frozen', () => {
    const compilation = compiled({}, { unlistedKinds: ['apiservices'] });
    expect(opened(compilation)).toHaveLength(1);
    expect(compilation.frozen).toContainEqual({ prefix: FAMILY });
    expect(compilation.problems).toEqual([
      expect.objectContaining({ reason: 'BackendsUnknown', message: expect.stringContaining('apiservices') }),
    ]);
  });

  test('names nodes of the API server whose tunnels do not count, because they bear no role', () => {
    const said = (labels: Readonly<Record<string, string>>, spec: Partial<Spec> = {}) =>
      compiled(spec, {
        nodes: [node('cp1', ['10.99.0.11', '10.244.0.1'], labels), node('w1', ['10.99.0.12'])],
      })
        .problems.filter(({ reason }) => reason === 'ControlPlaneUnlabelled')
        .map(({ message }) => message);
    const sign = { 'node.kubernetes.io/microk8s-controlplane': '' };
    expect(said(sign)).toEqual([expect.stringContaining('not in ControlPlane: cp1 (10.244.0.1). Label')]);
    expect(said(CONTROL_PLANE)).toEqual([]);
    expect(said(sign, { defaults: { apiServerToPods: 'None' } })).toEqual([]);
    const named: Partial<Spec> = {
      peers: [{ name: 'servers', nodes: { matchLabels: sign } }],
      nodes: { mode: 'Disabled', controlPlane: [{ peer: 'servers' }] },
    };
    expect(said(sign, named)).toEqual([]);
  });
});
