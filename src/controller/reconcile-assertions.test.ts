import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { ApiError } from '../cluster/errors.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { remove } from '../cluster/objects/apply.ts';
import { web } from '../compiler/testing/examples.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { NETWORK_POLICIES } from './observe/other-policies.ts';
import { REVISIONS } from './gate/revisions.ts';
import { blogCluster, firewallObject, NAMESPACES, namespaceObject } from './testing/calico-server.ts';
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
