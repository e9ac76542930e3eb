import { describe, expect, test } from '@jest/globals';
import {
  BACKEND_SOURCES,
  readApiServerSlice,
  readBackends,
  portsOfServices,
  readService,
  readServiceCIDR,
} from './api-server.ts';
import type { KubernetesObject } from './object.ts';

const backends = (kind: string, fields: Readonly<Record<string, unknown>>) =>
  BACKEND_SOURCES.filter((source) => source.kind === kind).flatMap((source) =>
    readBackends(source, { metadata: { name: 'x' }, ...fields }),
  );
const service = { namespace: 'certs', name: 'webhook' };

describe('readBackends', () => {
  test.each([
    ['ValidatingWebhookConfiguration', { webhooks: [{ clientConfig: { service } }] }],
    ['MutatingWebhookConfiguration', { webhooks: [{ clientConfig: { service } }] }],
    ['APIService', { spec: { service } }],
    ['CustomResourceDefinition', { spec: { conversion: { webhook: { clientConfig: { service } } } } }],
  ])('%s names a Service, on port 443 where it says none', (kind, fields) => {
    expect(backends(kind, fields)).toEqual([
      { namespace: 'certs', service: 'webhook', port: 443, because: `${kind}/x` },
    ]);
  });

  test('what calls a URL, or nothing, names no Service', () => {
    expect(
      backends('ValidatingWebhookConfiguration', { webhooks: [{ clientConfig: { url: 'https://a' } }] }),
    ).toEqual([]);
    expect(backends('MutatingWebhookConfiguration', {})).toEqual([]);
    expect(backends('APIService', { spec: { service: null } })).toEqual([]);
    expect(backends('CustomResourceDefinition', { spec: { conversion: { strategy: 'None' } } })).toEqual([]);
  });

  test('what is kept of an object that names nothing is the same for all', () => {
    expect(readBackends(...apiService('a'))).toBe(readBackends(...apiService('b')));
  });
});

function apiService(name: string): Parameters<typeof readBackends> {
  const source = BACKEND_SOURCES.find(({ kind }) => kind === 'APIService');
  if (source === undefined) throw new Error('APIService is no source');
  return [source, { metadata: { name }, spec: {} }];
}

describe('readService', () => {
  const project = (spec: unknown): unknown => {
    const object: KubernetesObject = { metadata: { name: 'webhook', namespace: 'certs' }, spec };
    return readService(object).value;
  };

  test('keeps selector, addresses and ports; without a targetPort it is the port', () => {
    const ports = [
      { name: 'a', port: 443, targetPort: 'https' },
      { port: 80, protocol: 'UDP' },
      { port: 81, targetPort: 0 },
    ];
    expect(project({ clusterIP: '10.96.0.7', selector: { app: 'x' }, ports })).toEqual({
      namespace: 'certs',
      name: 'webhook',
      selector: { app: 'x' },
      clusterIPs: ['10.96.0.7'],
      ports: [
        { protocol: 'TCP', port: 443, targetPort: 'https' },
        { protocol: 'UDP', port: 80, targetPort: 80 },
        { protocol: 'TCP', port: 81, targetPort: 81 },
      ],
    });
  });

  test('a headless Service has no address, and one of two families has two', () => {
    const both = ['10.96.0.7', 'FD00:96:0::7'];
    expect(project({ clusterIP: 'None', clusterIPs: ['None'] })).toMatchObject({ clusterIPs: [] });
    expect(project({ clusterIP: 'None' })).toMatchObject({ clusterIPs: [] });
    expect(project({ clusterIP: both[0], clusterIPs: both })).toMatchObject({
      clusterIPs: ['10.96.0.7', 'fd00:96::7'],
    });
  });

  test('an ExternalName has no pods, and an empty selector selects none', () => {
    const ports = [{ port: 443 }];
    expect(project({ type: 'ExternalName', selector: { app: 'x' }, ports })).toEqual({
      namespace: 'certs',
      name: 'webhook',
      clusterIPs: [],
      ports: [],
    });
    expect(project({ selector: {}, ports })).not.toHaveProperty('selector');
  });

  test('one label that cannot be read takes all of them, because the rest would select more pods', () => {
    const spec = { selector: { app: 'x', tier: { a: 1 } }, ports: [{ port: 443 }] };
    const { value, flaws } = readService({ metadata: { name: 'webhook', namespace: 'certs' }, spec });
    expect(value).not.toHaveProperty('selector');
    expect(flaws).toMatchObject([{ kind: 'Service', name: 'certs/webhook', field: 'spec.selector' }]);
  });

  test('a port or an address that is none is left out and named', () => {
    const ports = [
      { port: 443.5 },
      { port: 80, targetPort: 70_000 },
      { port: 81 },
      { port: 82, protocol: 'ICMP' },
    ];
    const clusterIPs = ['10.96.0.300', 7];
    const { value, flaws } = readService({ metadata: { name: 'webhook' }, spec: { clusterIPs, ports } });
    expect(value.ports).toEqual([{ protocol: 'TCP', port: 81, targetPort: 81 }]);
    expect(value.clusterIPs).toEqual([]);
    expect(flaws.map(({ field }) => field)).toEqual([
      'spec.clusterIPs[0]',
      'spec.clusterIPs[1]',
      'spec.ports[0].port',
      'spec.ports[1].targetPort',
      'spec.ports[3].protocol',
    ]);
  });
});

describe('ports of a Service on nodes', () => {
  const read = (spec: object) => readService({ metadata: { name: 'web', namespace: 'shop' }, spec });
  const ports = [
    { port: 80, nodePort: 20080 },
    { port: 443, nodePort: 30443 },
    { port: 53, protocol: 'UDP', nodePort: 32768 },
    { port: 9000, nodePort: 0 },
    { port: 9001 },
  ];

  test('are those outside of the usual range, and that of the health check', () => {
    expect(read({ ports, healthCheckNodePort: 32534 }).value).toMatchObject({
      unusualNodePorts: ['20080/TCP', '32768/UDP'],
      healthCheckNodePort: 32534,
    });
    const { value } = read({ ports: [{ port: 80, nodePort: 30080 }], healthCheckNodePort: 0 });
    expect(Object.keys(value)).not.toContain('unusualNodePorts');
    expect(Object.keys(value)).not.toContain('healthCheckNodePort');
  });

  test('are left out and named where they are none', () => {
    const { value, flaws } = read({ ports: [{ port: 80, nodePort: -1 }], healthCheckNodePort: 'x' });
    expect(value).not.toMatchObject({ healthCheckNodePort: expect.anything() });
    expect(flaws.map(({ field }) => field)).toEqual(['spec.ports[0].nodePort', 'spec.healthCheckNodePort']);
  });

  test('of several Services are sorted, once each', () => {
    const other = { unusualNodePorts: ['20080/TCP', '10080/TCP'], healthCheckNodePort: 9 };
    expect(portsOfServices([other, { healthCheckNodePort: 10 }, other, {}])).toEqual({
      unusualNodePorts: ['10080/TCP', '20080/TCP'],
      healthCheckNodePorts: [9, 10],
    });
    expect(portsOfServices([{}])).toEqual({});
  });
});

describe('readApiServerSlice', () => {
  const slice = (namespace: string, service: string): KubernetesObject => ({
    metadata: { name: 'a', namespace, labels: { 'kubernetes.io/service-name': service } },
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: false } }, { addresses: ['10.0.0.2'] }],
  });

  test('gives the addresses, of whatever readiness', () => {
    expect(readApiServerSlice(slice('default', 'kubernetes')).value).toEqual({
      addresses: ['10.0.0.1', '10.0.0.2'],
      targets: [],
    });
  });

  test('gives ports of TCP, of the slice that the API server keeps alone', () => {
    const ports = [{ port: 6443 }, { port: 8443, protocol: 'TCP' }, { port: 53, protocol: 'UDP' }];
    const own = { ...slice('default', 'kubernetes'), endpoints: [{ addresses: ['10.0.0.1'] }], ports };
    const named = (name: string) => ({ ...own, metadata: { ...own.metadata, name } });
    expect(readApiServerSlice(named('kubernetes')).value.targets).toEqual([
      { address: '10.0.0.1', port: 6443 },
      { address: '10.0.0.1', port: 8443 },
    ]);
    expect(readApiServerSlice(named('another')).value).toEqual({ addresses: ['10.0.0.1'], targets: [] });
    const { value, flaws } = readApiServerSlice({ ...named('kubernetes'), ports: [{ port: 0 }] });
    expect([value.targets, flaws.map(({ field }) => field)]).toEqual([[], ['ports[0].port']]);
  });

  const nothing = { addresses: [], targets: [] };
  test('gives nothing for another Service, or one of that name elsewhere', () => {
    expect(readApiServerSlice(slice('default', 'shop')).value).toEqual(nothing);
    expect(readApiServerSlice(slice('shop', 'kubernetes')).value).toEqual(nothing);
  });

  test.each([
    ['api.example.com', 'is not an IP address'],
    ['010.0.0.1', 'has leading zeros'],
    ['::ffff:10.0.0.1', 'is an IPv4-mapped IPv6 address'],
    ['fe80::1%eth0', 'has a zone'],
    ['10.0.0.1/32', 'has a mask'],
    ['', 'is not an IP address'],
    ['0.0.0.0', 'is no address of a machine'],
    ['::', 'is no address of a machine'],
    [7, 'is no text'],
  ])('an address %j is left out and named', (odd, why) => {
    const endpoints = [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2', odd] }];
    expect(readApiServerSlice({ ...slice('default', 'kubernetes'), endpoints })).toEqual({
      value: { addresses: ['10.0.0.1', '10.0.0.2'], targets: [] },
      flaws: [
        {
          kind: 'EndpointSlice',
          name: 'default/a',
          field: 'endpoints[1].addresses[1]',
          why: expect.stringContaining(why),
        },
      ],
    });
  });
});

test('the ranges of a ServiceCIDR are canonical, and one that is none is named', () => {
  const spec = { cidrs: ['10.96.0.0/12', 'FD00:96::/112', '10.96.0.1/12'] };
  const { value, flaws } = readServiceCIDR({ metadata: { name: 'kubernetes' }, spec });
  expect(value).toEqual(['10.96.0.0/12', 'fd00:96::/112']);
  expect(flaws).toMatchObject([{ kind: 'ServiceCIDR', name: 'kubernetes', field: 'spec.cidrs[2]' }]);
});

test('the external IPs of a Service, and the addresses of its load balancer', () => {
  const spec = { externalIPs: ['203.0.113.7'], ports: [] };
  const status = { loadBalancer: { ingress: [{ ip: '2001:DB8::7' }, { hostname: 'lb.example.com' }] } };
  expect(readService({ metadata: { name: 'web', namespace: 'blog' }, spec, status })).toMatchObject({
    value: { externalIPs: ['203.0.113.7', '2001:db8::7'] },
    flaws: [],
  });
});

test('a Service of any size takes little memory, and says what was left out of it', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => index);
  const spec = {
    clusterIP: '10.0.0.1',
    selector: Object.fromEntries(many(5000).map((index) => [`k${String(index)}`, 'v'])),
    externalIPs: many(5000).map((index) => `198.51.${String(index >> 8)}.${String(index & 255)}`),
    ports: many(5000).map((index) => ({ protocol: 'UDP', port: index + 1 })),
  };
  const { value, flaws } = readService({ metadata: { name: 'fat', namespace: 'evil' }, spec });
  expect([value.selector, value.ports.length, value.externalIPs?.length]).toEqual([undefined, 500, 500]);
  expect(flaws.map(({ field }) => field).sort()).toEqual(['spec.externalIPs', 'spec.ports', 'spec.selector']);
});
