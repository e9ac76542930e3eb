import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { ApiError } from '../cluster/errors.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { remove } from '../cluster/objects/apply.ts';
import { SERVICES } from '../inventory/api-server.ts';
import { web } from '../compiler/testing/examples.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { NETWORK_POLICIES } from './observe/other-policies.ts';
import { REVISIONS } from './gate/revisions.ts';
import { blogCluster, FELIX, firewallObject, NAMESPACES, namespaceObject } from './testing/calico-server.ts';
import { type Rounds, settled } from './testing/rounds.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');

type Assertion = NonNullable<Spec['assertions']>[number];
type Group = NonNullable<Spec['namespaces']>[number];

const closed: Assertion = {
  name: 'closed',
  from: { pod: { namespace: 'default', labels: {} } },
  to: { pod: { namespace: 'blog', labels: { app: 'db' } } },
  ports: [5432],
  expect: 'Denied',
};
const opening = (name = 'shop'): Group => ({
  name,
  namespaces: ['blog'],
  ingress: [
    {
      name: 'db',
      pods: { matchLabels: { app: 'db' } },
      from: [{ pods: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } } }],
      ports: [5432],
    },
  ],
});
const asserting = (spec: Partial<Spec> = {}): Partial<Spec> => ({
  namespaces: [web],
  assertions: [closed],
  ...spec,
});
const breaking = asserting({ namespaces: [web, opening()] });
const revisionsOf = (server: FakeApiServer) => [...server.collection(REVISIONS).objects().values()];
const put = (server: FakeApiServer, spec: Partial<Spec>, name = 'default'): void => {
  server.put(FIREWALLS, firewallObject(spec, name));
};
const isOpen = (server: FakeApiServer): boolean => {
  const policies = ['globalnetworkpolicies', 'networkpolicies', 'stagednetworkpolicies'].flatMap((plural) => [
    ...server.collection({ group: 'projectcalico.org', plural }).objects().values(),
  ]);
  return policies.some(({ metadata }) =>
    (metadata.annotations?.['clusterfirewall.io/rules'] ?? '').includes('ingress/db'),
  );
};
const findingOf = (rounds: Rounds, name = 'default') => rounds.told.findings.get(name);
const held = { programming: { programmed: false, reason: 'AssertionFailed', stalled: true } };
const programmed = { programming: { programmed: true } };

describe('a change that breaks an assertion', () => {
  test('is held back, and the status names assertion, flow and rule', async () => {
    const server = blogCluster(asserting());
    const rounds = await settled(server);
    expect(findingOf(rounds)).toMatchObject({ ...programmed, assertions: { status: 'True' } });
    put(server, breaking);
    expect((await rounds.settle()).filter((write) => !write.includes('clusterfirewall-default'))).toEqual([]);
    expect(isOpen(server)).toBe(false);
    expect(findingOf(rounds)).toMatchObject({ ...held, assertions: { status: 'True' } });
    expect(JSON.stringify(findingOf(rounds))).toContain(
      'the assertion closed of default: default/[] to blog/[app=db], 5432/TCP is Allowed, not Denied: allowed by the rule default/shop/ingress/db',
    );
  });

  test('stays held back after a restart, and everything else goes on', async () => {
    const server = blogCluster(asserting());
    await settled(server);
    put(server, breaking);
    const rounds = await settled(server);
    expect(isOpen(server)).toBe(false);
    expect(findingOf(rounds)).toMatchObject(held);
    const { name } = server.object(POLICIES, 'default-defaults-deny').metadata;
    await remove(server, POLICIES, name);
    expect(await rounds.settle()).toContain('PATCH default-defaults-deny');
    put(server, asserting({ namespaces: [web, { ...opening(), ingress: [] }] }));
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject(programmed);
    expect(revisionsOf(server)).toHaveLength(1);
  });

  test('is let in once the assertion goes', async () => {
    const server = blogCluster(asserting());
    const rounds = await settled(server);
    put(server, breaking);
    await rounds.settle();
    put(server, { ...breaking, assertions: [] });
    await rounds.settle();
    expect(isOpen(server)).toBe(true);
    expect(findingOf(rounds)).toMatchObject(programmed);
  });

  test('keeps everything that is stored where no spec is known that was let in', async () => {
    const server = blogCluster({ namespaces: [web] });
    await settled(server);
    put(server, breaking);
    const rounds = await settled(server);
    expect(isOpen(server)).toBe(false);
    expect(findingOf(rounds)).toMatchObject({ type: 'blocked', reason: 'AssertionFailed', stalled: true });
    expect(JSON.stringify(findingOf(rounds))).toContain('nodes, namespaces and drift wait');
  });

  test('is not held back where the assertion failed before', async () => {
    const server = blogCluster(breaking);
    put(server, { namespaces: [web, opening()] });
    const rounds = await settled(server);
    put(server, breaking);
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject({
      ...programmed,
      assertions: { status: 'False', reason: 'AssertionFailed' },
    });
    put(server, asserting({ namespaces: [web, opening(), { ...opening('more'), ingress: [] }] }));
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject(programmed);
  });
});

test('the spec that stays in force goes on following the Services that it names', async () => {
  const service = (port: number) => ({
    metadata: { namespace: 'blog', name: 'api' },
    spec: {
      selector: { app: 'api' },
      clusterIP: '10.96.0.9',
      ports: [{ port: 80, targetPort: port, protocol: 'TCP' }],
    },
  });
  const toApi: Group = {
    name: 'clients',
    namespaces: ['default'],
    egress: [
      { name: 'api', pods: {}, to: [{ service: { namespace: 'blog', name: 'api' } }], ports: ['All'] },
    ],
  };
  const ports = (server: FakeApiServer): string => JSON.stringify([...server.collection(POLICIES).objects()]);
  const server = blogCluster(asserting({ namespaces: [web, toApi] }));
  server.put(SERVICES, service(8080));
  await settled(server);
  put(server, breaking);
  const rounds = await settled(server);
  expect(findingOf(rounds)).toMatchObject(held);
  expect(ports(server)).toContain('8080');
  server.put(SERVICES, service(9090));
  await rounds.settle();
  expect(ports(server)).toContain('9090');
  expect(ports(server)).not.toContain('8080');
});

describe('never held back', () => {
  test('mode Observe', async () => {
    const server = blogCluster(asserting());
    const rounds = await settled(server);
    put(server, { ...breaking, mode: 'Observe' });
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject({ ...programmed, assertions: { status: 'False' } });
  });

  test('a group that is taken to Observe, together with a change that is', async () => {
    const group = { ...opening(), ingress: [] };
    const server = blogCluster(asserting({ namespaces: [web, group] }));
    const rounds = await settled(server);
    put(server, asserting({ namespaces: [web, { ...opening(), mode: 'Observe' }] }));
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject(held);
    const staged = server.collection(kindResource('StagedGlobalNetworkPolicy'));
    expect(staged.objects().size).toBeGreaterThan(0);
    expect(isOpen(server)).toBe(false);
  });

  test('deletion', async () => {
    const server = blogCluster(asserting());
    const rounds = await settled(server);
    put(server, breaking);
    await rounds.settle();
    await remove(server, FIREWALLS, 'default');
    await rounds.settle();
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
    await rounds.settle();
  });
});

describe('several firewalls', () => {
  test('the assertions of default hold back another one, after a restart too', async () => {
    const server = blogCluster(asserting());
    put(server, { namespaces: [{ ...opening('team'), ingress: [] }] }, 'team');
    await settled(server);
    put(server, { namespaces: [opening('team')] }, 'team');
    const rounds = await settled(server);
    expect(isOpen(server)).toBe(false);
    expect(findingOf(rounds, 'team')).toMatchObject(held);
    expect(findingOf(rounds)).toMatchObject(programmed);
  });

  test('those of another one are reported, and hold back nothing', async () => {
    const server = blogCluster({ namespaces: [web] });
    put(server, { assertions: [closed] }, 'team');
    const rounds = await settled(server);
    expect(findingOf(rounds, 'team')).toMatchObject({ assertions: { status: 'True' } });
    put(server, { namespaces: [web, opening()] });
    await rounds.settle();
    expect(isOpen(server)).toBe(true);
    expect(findingOf(rounds)).toMatchObject(programmed);
    expect(findingOf(rounds, 'team')).toMatchObject({ ...programmed, assertions: { status: 'False' } });
  });
});

test('an assertion that turns false because the cluster changed is reported alone', async () => {
  const server = blogCluster(asserting());
  const rounds = await settled(server);
  const open = { podSelector: {}, ingress: [{}], egress: [{}], policyTypes: ['Ingress', 'Egress'] };
  for (const namespace of ['blog', 'default'])
    server.put(NETWORK_POLICIES, { metadata: { name: 'open', namespace }, spec: open });
  await rounds.clock.advance(61_000);
  await rounds.settle();
  expect(findingOf(rounds)).toMatchObject({ ...programmed, assertions: { status: 'False' } });
  server.put(NAMESPACES, namespaceObject('more'));
  await rounds.settle();
  expect(findingOf(rounds)).toMatchObject(programmed);
});

test('what is Unknown holds back nothing, and is said', async () => {
  const server = blogCluster(asserting());
  const rounds = await settled(server);
  server.fault = ({ method, path }) =>
    method === 'GET' && path === '/apis/projectcalico.org/v3/networksets'
      ? new ApiError({ code: 403, reason: 'Forbidden', message: 'may not' })
      : undefined;
  await rounds.clock.advance(61_000);
  put(server, breaking);
  await rounds.settle();
  expect(isOpen(server)).toBe(true);
  expect(findingOf(rounds)).toMatchObject({ ...programmed, assertions: { status: 'Unknown' } });
});

describe('rules for nodes and rules for pods are let in apart', () => {
  const noSsh: Assertion = {
    name: 'no-ssh',
    from: { address: '203.0.113.7' },
    to: { node: { name: 'a' } },
    ports: [2222],
    expect: 'Denied',
  };
  const zone = (...ports: number[]): NonNullable<Spec['nodes']> => ({
    mode: 'Enforce',
    zones: [{ name: 'ops', from: [{ entity: 'World' }], allow: { ports } }],
  });
  const both = (nodes: Spec['nodes'], namespaces = [web], more: Partial<Spec> = {}): Partial<Spec> =>
    asserting({ namespaces, assertions: [closed, noSsh], nodes, ...more });
  const harmless: Group = {
    name: 'more',
    namespaces: ['blog'],
    ingress: [{ name: 'more', pods: {}, from: [{ entity: 'World' }], ports: [81] }],
  };
  const rulesOf = (server: FakeApiServer): string =>
    JSON.stringify([...server.collection(POLICIES).objects()]);
  const messageOf = (rounds: Rounds): string => JSON.stringify(findingOf(rounds));

  test('nodes wait, and pods go on', async () => {
    const server = blogCluster(both(zone(8080)));
    const rounds = await settled(server);
    expect(findingOf(rounds)).toMatchObject({ ...programmed, assertions: { status: 'True' } });
    put(server, both(zone(8080, 2222), [web, harmless]));
    await rounds.settle();
    expect(rulesOf(server)).not.toContain('2222');
    expect(rulesOf(server)).toContain('default/more');
    expect(messageOf(rounds)).toContain('the change for nodes is held back');
    expect(findingOf(rounds)).toMatchObject(held);
  });

  test('pods wait, and nodes go on', async () => {
    const server = blogCluster(both(zone(8080)));
    const rounds = await settled(server);
    put(server, both(zone(8080, 9090), [web, opening()]));
    await rounds.settle();
    expect(isOpen(server)).toBe(false);
    expect(rulesOf(server)).toContain('9090');
    expect(messageOf(rounds)).toContain('the change for pods is held back');
  });

  test('nodes that are no longer enforced are never held back', async () => {
    const server = blogCluster(both(zone(8080)));
    const rounds = await settled(server);
    put(server, both({ ...zone(8080, 2222), mode: 'Observe' }, [web, opening()]));
    await rounds.settle();
    expect(isOpen(server)).toBe(false);
    expect(findingOf(rounds)).toMatchObject({ nodes: { enforced: 0 } });
    expect(messageOf(rounds)).toContain('the change for pods is held back');
  });

  test('failsafes are given back, although the change of nodes waits', async () => {
    const server = blogCluster();
    const managed = (nodes: Spec['nodes']): Partial<Spec> =>
      both(nodes, [web], { peers: [{ name: 'ops', cidrs: ['198.51.100.0/24'] }] });
    const settings = { breakGlass: [{ peer: 'ops' }], nodeCIDRs: ['10.0.0.0/24'] };
    server.put(FELIX, { metadata: { name: 'default' }, spec: {} });
    put(server, managed({ ...zone(8080), ...settings, failsafes: 'Managed' }));
    const rounds = await settled(server);
    const failsafes = (): unknown => server.object(FELIX, 'default')['spec'];
    expect(failsafes()).toHaveProperty('failsafeInboundHostPorts');
    put(server, managed({ ...zone(8080, 2222), ...settings, failsafes: 'Report' }));
    await rounds.settle();
    expect(failsafes()).not.toHaveProperty('failsafeInboundHostPorts');
    expect(rulesOf(server)).not.toContain('2222');
    expect(messageOf(rounds)).toContain('the change for nodes is held back');
  });

  test('a peer that both know as different ones keeps its meaning for the part that waits', async () => {
    const server = blogCluster();
    const peers = (cidr: string): Partial<Spec> => ({ peers: [{ name: 'ops', cidrs: [cidr] }] });
    const fromOps = (ports: number[]): NonNullable<Spec['nodes']> => ({
      mode: 'Enforce',
      zones: [{ name: 'ops', from: [{ peer: 'ops' }], allow: { ports } }],
    });
    put(server, both(fromOps([2222]), [web], peers('198.51.100.0/24')));
    const rounds = await settled(server);
    expect(findingOf(rounds)).toMatchObject({ ...programmed, assertions: { status: 'True' } });
    put(server, both(fromOps([2222]), [web, harmless], peers('203.0.113.0/24')));
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject(held);
    expect(rulesOf(server)).toContain('198.51.100.0/24');
    expect(rulesOf(server)).not.toContain('203.0.113.0/24');
    expect(rulesOf(server)).toContain('default/more');
  });
});

describe('EndpointSlices, which the operator does not read', () => {
  const toWorld: Assertion = {
    name: 'no-world',
    from: { pod: { namespace: 'blog', labels: { app: 'db' } } },
    to: { address: '203.0.113.7' },
    ports: [443],
    expect: 'Denied',
  };
  const opened = (assertion: Assertion): Partial<Spec> => ({
    namespaces: [
      { ...opening(), egress: [{ name: 'world', pods: {}, to: [{ entity: 'World' }], ports: [443] }] },
    ],
    assertions: [assertion],
  });

  test('an assertion about an address outside needs none', async () => {
    const server = blogCluster(asserting({ assertions: [toWorld] }));
    const rounds = await settled(server);
    expect(findingOf(rounds)).toMatchObject({ ...programmed, assertions: { status: 'True' } });
    put(server, opened(toWorld));
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject(held);
  });

  test("a tenant's rule about a Service does not take the assertions of others away", async () => {
    const server = blogCluster(asserting());
    server.put(kindResource('NetworkPolicy'), {
      metadata: { name: 'default.mine', namespace: 'default' },
      spec: {
        tier: 'default',
        selector: "app == 'mine'",
        types: ['Ingress'],
        ingress: [{ action: 'Allow', source: { services: { name: 'x', namespace: 'default' } } }],
      },
    });
    const rounds = await settled(server);
    expect(findingOf(rounds)).toMatchObject({ assertions: { status: 'True' } });
    put(server, breaking);
    await rounds.settle();
    expect(findingOf(rounds)).toMatchObject(held);
  });
});

test('firewalls without assertions cost nothing', async () => {
  const server = blogCluster();
  await settled(server);
  const paths = server.requests.map(({ path }) => path);
  expect(
    paths.filter((path) => /networksets$|controllerrevisions/.test(path) && !path.includes('global')),
  ).toEqual([]);
});
