/** Objects of others: which are watched, which changes are reported, and what cannot be seen. */
import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../cluster/errors.ts';
import type { TransportRequest } from '../../cluster/http/transport.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import { settle } from '../../cluster/testing/manual-clock.ts';
import { kindResource } from '../objects/kinds.ts';
import { ADMIN_POLICIES, calicoServer } from '../testing/calico-server.ts';
import { observed } from '../testing/observed.ts';
import { NETWORK_POLICIES } from './other-policies.ts';

const TIERS = kindResource('Tier');
const POLICIES = kindResource('GlobalNetworkPolicy');
const CALICO_NETWORK_POLICIES = kindResource('NetworkPolicy');
const forbidden = new ApiError({ code: 403, reason: 'Forbidden', message: 'may not' });
const ALLOW = [{ action: 'Allow' }];

const tier = (name: string, order = 10) => ({ metadata: { name }, spec: { order } });
/** Refuses to list the policies of this tier by itself, as Calico's API server does without the right. */
const hiding =
  (name: string): FakeApiServer['fault'] =>
  ({ query }) =>
    query?.['labelSelector'] === `projectcalico.org/tier=${name}` ? forbidden : undefined;

describe('tiers whose policies may not be read', () => {
  test('are known before anything is said of the cluster', async () => {
    const server = calicoServer();
    server.put(TIERS, tier('security'));
    server.fault = hiding('security');
    const { stored } = await observed(server);
    expect(stored.informers.hasSynced).toBe(true);
    expect(stored.inventory()).toMatchObject({
      unseenTiers: ['security'],
      foreignTiers: [{ name: 'security', order: 10, defaultAction: 'Deny' }],
    });
  });

  test('are asked about when they are made', async () => {
    const { server, stored, changed } = await observed();
    expect(stored.inventory().unseenTiers).toEqual([]);
    server.fault = hiding('security');
    server.put(TIERS, tier('security'));
    await settle();
    await settle();
    expect(stored.inventory().unseenTiers).toEqual(['security']);
    expect(changed()).toBeGreaterThan(0);
  });

  test('are seen when the right comes, and their policies are listed anew', async () => {
    const server = calicoServer();
    server.put(TIERS, tier('security'));
    server.fault = hiding('security');
    const { clock, stored, changed } = await observed(server);
    server.fault = () => undefined;
    const lists = () => server.requests.filter(isWholeList).length;
    const before = lists();
    await clock.advance(60_000);
    expect(stored.inventory().unseenTiers).toEqual([]);
    expect(changed()).toBeGreaterThan(0);
    expect(lists()).toBeGreaterThan(before);
  });

  test('are forgotten when they are gone', async () => {
    const server = calicoServer();
    server.put(TIERS, tier('security'));
    server.fault = hiding('security');
    const { stored } = await observed(server);
    server.collection(TIERS).delete('security');
    await settle();
    await settle();
    expect(stored.inventory().unseenTiers).toEqual([]);
  });

  test('are not known while the API server fails, and nothing is said of the cluster before', async () => {
    const server = calicoServer();
    server.put(TIERS, tier('security'));
    server.fault = ({ query }) =>
      query?.['labelSelector'] === undefined ? undefined : new ApiError({ code: 500, message: 'no' });
    const { clock, stored } = await observed(server);
    expect(stored.informers.hasSynced).toBe(false);
    server.fault = () => undefined;
    await clock.advance(2000);
    expect(stored.informers.hasSynced).toBe(true);
    expect(stored.inventory().unseenTiers).toEqual([]);
  });
});

/** A list of all policies, and not the look at one tier or a heartbeat. */
const isWholeList = ({ method, path, accept }: TransportRequest): boolean =>
  method === 'GET' && path.endsWith('/globalnetworkpolicies') && accept === undefined;

describe('policies of tenants', () => {
  const open = (name: string, rules: readonly object[] = [{}]) => ({
    metadata: { name, namespace: 'shop' },
    spec: { podSelector: {}, ingress: rules },
  });

  test("Calico's and Kubernetes' are read", async () => {
    const { server, stored } = await observed();
    server.put(NETWORK_POLICIES, open('a'));
    server.put(CALICO_NETWORK_POLICIES, {
      metadata: { name: 'b', namespace: 'shop' },
      spec: { egress: ALLOW },
    });
    await settle();
    expect(stored.namespacePolicies()).toMatchObject({
      isComplete: true,
      policies: [
        { namespace: 'shop', allows: { ingress: false, egress: true } },
        { namespace: 'shop', allows: { ingress: true, egress: false } },
      ],
    });
  });

  test('that claim to be ours count, too, as long as nobody can tell', async () => {
    const { server, stored } = await observed();
    const labels = {
      'app.kubernetes.io/managed-by': 'clusterfirewall',
      'clusterfirewall.io/firewall': 'default',
    };
    server.put(CALICO_NETWORK_POLICIES, {
      metadata: { name: 'cfw-forged', namespace: 'shop', labels },
      spec: { ingress: ALLOW },
    });
    await settle();
    expect(stored.objects()).toMatchObject([{ ours: true, isOpen: true }]);
    expect(stored.namespacePolicies().policies).toMatchObject([{ namespace: 'shop' }]);
  });

  test('make the operator look once a minute, however often they change', async () => {
    const { server, clock, changed } = await observed();
    for (let second = 0; second < 170; second += 1) {
      server.put(NETWORK_POLICIES, open('a', second % 2 === 0 ? [{}] : []));
      await clock.advance(1000);
    }
    expect(changed()).toBe(3);
  });

  test("a change of Calico's rules is told as rarely", async () => {
    const { server, clock, changed } = await observed();
    const policy = (ingress: readonly object[]) => ({
      metadata: { name: 'b', namespace: 'shop' },
      spec: { ingress },
    });
    server.put(CALICO_NETWORK_POLICIES, policy([]));
    await settle();
    changed();
    for (let second = 0; second < 110; second += 1) {
      server.put(CALICO_NETWORK_POLICIES, policy(second % 2 === 0 ? ALLOW : []));
      await clock.advance(1000);
    }
    expect(changed()).toBe(2);
  });

  test('that cannot be listed are not waited for', async () => {
    const server = calicoServer();
    server.fault = ({ path }) => (path.includes('/apis/networking.k8s.io/') ? forbidden : undefined);
    const { clock, stored } = await observed(server);
    expect(stored.informers.hasSynced).toBe(false);
    await clock.advance(10_000);
    expect(stored.informers.hasSynced).toBe(true);
    expect(stored.namespacePolicies().isComplete).toBe(false);
  });

  test('in a tier of others are a matter of that tier', async () => {
    const { server, stored } = await observed();
    server.put(CALICO_NETWORK_POLICIES, {
      metadata: { name: 'security.b', namespace: 'shop' },
      spec: { tier: 'security', ingress: ALLOW },
    });
    await settle();
    expect(stored.inventory().tierNamespaces).toEqual(['security/shop']);
  });
});

describe("policies of Kubernetes' administrators", () => {
  test('are told at once', async () => {
    const { server, stored, changed } = await observed();
    server.put(ADMIN_POLICIES, { metadata: { name: 'a' }, spec: { ingress: ALLOW } });
    await settle();
    expect(changed()).toBe(1);
    expect(stored.inventory().adminPolicies).toMatchObject([{ kind: 'AdminNetworkPolicy', name: 'a' }]);
  });

  test('are named by their kind if they cannot be listed', async () => {
    const server = calicoServer();
    server.fault = ({ path }) => (path.includes('adminnetworkpolicies') ? forbidden : undefined);
    const { clock, stored } = await observed(server);
    await clock.advance(10_000);
    expect(stored.inventory().unlistedAdminKinds).toEqual(['AdminNetworkPolicy']);
  });
});

test('a policy of others that begins to allow is told at once', async () => {
  const { server, changed } = await observed();
  server.put(POLICIES, { metadata: { name: 'theirs' }, spec: { ingress: [] } });
  await settle();
  changed();
  server.put(POLICIES, { metadata: { name: 'theirs' }, spec: { ingress: ALLOW } });
  await settle();
  expect(changed()).toBe(1);
});

test('only sets with the label of a set, or of pods, are kept', async () => {
  const { server, stored } = await observed();
  const SETS = kindResource('GlobalNetworkSet');
  const labels = { 'clusterfirewall.io/set': 'nodes' };
  server.put(SETS, { metadata: { name: 'a', labels }, spec: { nets: [] } });
  const posing = { 'projectcalico.org/namespace': 'shop' };
  server.put(SETS, { metadata: { name: 'b' }, spec: { nets: [] } });
  server.put(SETS, { metadata: { name: 'c', labels: posing }, spec: { nets: [] } });
  await settle();
  expect(stored.inventory().foreignSets).toEqual([
    { name: 'a', labels },
    { name: 'c', labels: posing },
  ]);
});
