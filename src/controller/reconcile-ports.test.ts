/** Ports that the cluster tells, followed by a running operator. */
import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { remove } from '../cluster/objects/apply.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { API_SERVER_SLICES, SERVICES } from '../inventory/api-server.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { apiServerSlice, blogCluster, FELIX, firewallObject } from './testing/calico-server.ts';
import { settled } from './testing/rounds.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');
const spec: Partial<Spec> = {
  peers: [{ name: 'ops', cidrs: ['198.51.100.0/24'] }],
  nodes: {
    mode: 'Enforce',
    failsafes: 'Managed',
    breakGlass: [{ peer: 'ops' }],
    nodeCIDRs: ['10.0.0.0/24'],
    zones: [{ name: 'health', from: [{ entity: 'World' }], allow: { services: ['service-health'] } }],
  },
};
const cluster = (port: number): FakeApiServer => {
  const server = blogCluster(spec);
  server.put(API_SERVER_SLICES, apiServerSlice(port, '10.0.0.1'));
  server.put(FELIX, { metadata: { name: 'default' }, spec: {} });
  return server;
};
const textOf = (server: FakeApiServer, part: string): string =>
  JSON.stringify(server.object(POLICIES, part)['spec']);
const failsafePorts = (server: FakeApiServer): string =>
  JSON.stringify(server.object(FELIX, 'default')['spec']);
const OPENS = [
  'default-nodes-baseline-ports',
  'default-nodes-baseline-host',
  'default-nodes-breakglass-host',
];

describe('the port of the API server', () => {
  test('is opened where its slice says, and follows it', async () => {
    const server = cluster(16443);
    const rounds = await settled(server);
    for (const part of OPENS) expect(textOf(server, part)).toMatch(/16443/);
    expect(failsafePorts(server)).toMatch(/16443/);
    server.put(API_SERVER_SLICES, apiServerSlice(8443, '10.0.0.1'));
    await rounds.settle();
    for (const part of OPENS) expect(textOf(server, part)).toMatch(/[^1]8443/);
    expect(failsafePorts(server)).toMatch(/[^1]8443/);
  });

  test.each([
    [
      'gone',
      (server: FakeApiServer) => remove(server, { ...API_SERVER_SLICES, namespace: 'default' }, 'kubernetes'),
    ],
    [
      'empty',
      (server: FakeApiServer) => server.put(API_SERVER_SLICES, { ...apiServerSlice(1), endpoints: [] }),
    ],
  ])('stays what it was while the slice is %s, also for an operator that starts then', async (_, lose) => {
    const server = cluster(16443);
    const rounds = await settled(server);
    await lose(server);
    await rounds.settle();
    const next = await settled(server);
    server.put(FIREWALLS, firewallObject({ ...spec, mode: 'Enforce', deletionPolicy: 'Remove' }));
    await next.settle();
    for (const part of OPENS) {
      expect(textOf(server, part)).toMatch(/16443/);
      expect(textOf(server, part)).not.toMatch(/\b6443\b/);
    }
    expect(failsafePorts(server)).toMatch(/16443/);
    expect(next.told.findings.get('default')).toMatchObject({
      nodes: {
        condition: {
          status: 'True',
          message: expect.stringContaining('default/kubernetes is empty or gone'),
        },
      },
    });
  });

  test('is the usual one where the slice is gone and nothing is stored', async () => {
    const server = cluster(16443);
    await remove(server, { ...API_SERVER_SLICES, namespace: 'default' }, 'kubernetes');
    await settled(server);
    for (const part of OPENS) expect(textOf(server, part)).toMatch(/\b6443\b/);
    expect(failsafePorts(server)).not.toMatch(/failsafe/);
  });
});

test('a zone for health checks follows the ports of Services', async () => {
  const server = cluster(6443);
  const rounds = await settled(server);
  const zone = (): string => textOf(server, 'default-nodes-zones-health-host');
  expect(zone()).not.toMatch(/32534/);
  server.put(SERVICES, {
    metadata: { name: 'ingress', namespace: 'blog' },
    spec: { ports: [{ port: 443, nodePort: 31244 }], healthCheckNodePort: 32534 },
  });
  await rounds.settle();
  expect(zone()).toMatch(/32534/);
  await remove(server, { ...SERVICES, namespace: 'blog' }, 'ingress');
  await rounds.settle();
  expect(zone()).not.toMatch(/32534/);
});
