import { describe, expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { Watches } from '../../cluster/informer/watches.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock, settle } from '../../cluster/testing/manual-clock.ts';
import { kindResource, objectId } from '../objects/kinds.ts';
import { HEARTBEAT } from '../objects/ownership.ts';
import { calicoServer } from '../testing/calico-server.ts';
import { observed } from '../testing/observed.ts';
import { allow, endpoint, storedObject, tier } from '../testing/objects.ts';
import { GeneratedObjects, type Expectation } from './generated-objects.ts';
import { Authorship } from '../objects/authorship.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');
const ENDPOINTS = kindResource('HostEndpoint');
const web: KubernetesObject = { ...allow({ name: 'web' }).object };
const { signal } = new AbortController();

/** The expectation after a write of ours. */
function written(server: FakeApiServer): Expectation {
  const { metadata } = server.put(POLICIES, web);
  const { uid, resourceVersion } = metadata;
  return { id: objectId('GlobalNetworkPolicy', metadata), kind: 'GlobalNetworkPolicy', uid, resourceVersion };
}

describe('an object that has been seen to be ours', () => {
  const bare = { metadata: { name: 'web' }, spec: web['spec'] };

  test('stays ours when an edit takes every trace of it', async () => {
    const { server, stored } = await observed();
    server.put(POLICIES, web);
    await settle();
    server.put(POLICIES, bare);
    await settle();
    expect(stored.objects()).toMatchObject([{ id: 'GlobalNetworkPolicy/web', ours: true }]);
  });

  test('is forgotten when it is deleted: one that a backup brings back without a trace is not ours', async () => {
    const { server, stored } = await observed();
    const { uid } = server.put(POLICIES, web).metadata;
    await settle();
    server.collection(POLICIES).delete('web');
    await settle();
    server.put(POLICIES, { ...bare, metadata: { ...bare.metadata, uid } });
    await settle();
    expect(stored.objects()).toMatchObject([{ uid, ours: false }]);
  });
});

describe('plans are told of a change', () => {
  test('of an object of ours, and of the coming and going of others', async () => {
    const { server, changed } = await observed();
    server.put(POLICIES, web);
    await settle();
    expect(changed()).toBe(1);
    server.put(POLICIES, { ...web, spec: { selector: 'none()' } });
    await settle();
    expect(changed()).toBe(1);
    server.put(POLICIES, { metadata: { name: 'theirs' }, spec: {} });
    await settle();
    expect(changed()).toBe(1);
    server.collection(POLICIES).delete('theirs');
    await settle();
    expect(changed()).toBe(1);
  });

  test("not of a heartbeat, nor of a stranger's label", async () => {
    const { server, changed } = await observed();
    server.put(POLICIES, web);
    await settle();
    changed();
    const { labels, annotations } = web.metadata;
    const heartbeat = { ...annotations, [HEARTBEAT.annotation]: '2026-01-01T00:00:00Z' };
    server.put(POLICIES, { ...web, metadata: { ...web.metadata, annotations: heartbeat } });
    server.put(POLICIES, { ...web, metadata: { ...web.metadata, labels: { ...labels, team: 'blue' } } });
    await settle();
    expect(changed()).toBe(0);
  });

  test("when a stranger's host endpoint changes its labels, by which policies select it", async () => {
    const { server, changed } = await observed();
    const theirs = { ...endpoint('a', '*').object, metadata: { name: 'theirs', labels: { zone: 'a' } } };
    server.put(ENDPOINTS, theirs);
    await settle();
    changed();
    server.put(ENDPOINTS, { ...theirs, metadata: { name: 'theirs', labels: { zone: 'b' } } });
    await settle();
    expect(changed()).toBe(1);
  });
});

describe('what was written', () => {
  test('is shown when the watch has brought it', async () => {
    const { server, stored } = await observed();
    expect(await stored.shows([written(server)], signal)).toBe(true);
    expect(stored.isSure).toBe(true);
  });

  test('is listed anew when the watch does not bring it within a second', async () => {
    const { server, clock, stored } = await observed();
    server.collection(POLICIES).disturb('black-hole');
    const shown = stored.shows([written(server)], signal);
    await clock.advance(2000);
    expect(await shown).toBe(true);
    expect(stored.objects()).toMatchObject([{ id: 'GlobalNetworkPolicy/web' }]);
  });

  test('leaves doubt while it can neither be watched nor listed, until a list is in', async () => {
    const { server, clock, stored } = await observed();
    const policies = server.collection(POLICIES);
    policies.disturb('black-hole');
    policies.failNext(...Array.from({ length: 100 }, () => ({ type: 'drop' }) as const));
    const expectation = written(server);
    const shown = stored.shows([expectation], signal);
    await clock.advance(20_000);
    expect([await shown, stored.isSure]).toEqual([false, false]);
    policies.forgetFaults();
    // Longer than any back-off.
    await clock.advance(120_000);
    const again = stored.shows([], signal);
    await clock.advance(2000);
    expect([await again, stored.isSure]).toEqual([true, true]);
  });

  test('is not shown by an object that was made anew under its name', async () => {
    const { server, clock, stored } = await observed();
    const expectation = written(server);
    server.collection(POLICIES).delete('web');
    server.put(POLICIES, web);
    await settle();
    const shown = stored.shows([expectation], signal);
    await clock.advance(20_000);
    expect(await shown).toBe(false);
  });

  test('of a removal is the absence of that object, whatever is made under its name', async () => {
    const { server, clock, stored } = await observed();
    const removed = { ...written(server), resourceVersion: undefined };
    await settle();
    const tooEarly = stored.shows([removed], signal);
    await clock.advance(20_000);
    expect(await tooEarly).toBe(false);
    server.collection(POLICIES).delete('web');
    server.put(POLICIES, web);
    expect(await stored.shows([removed], signal)).toBe(true);
  });
});

test('a removal is shown by an object that is deleted and kept by a finalizer', async () => {
  const { server, stored } = await observed();
  const expectation = { ...written(server), resourceVersion: undefined };
  const { metadata } = server.object(POLICIES, 'web');
  const deleted = {
    ...metadata,
    finalizers: ['example.com/keep'],
    deletionTimestamp: '2026-01-01T00:00:00Z',
  };
  server.put(POLICIES, { ...web, metadata: deleted });
  expect(await stored.shows([expectation], signal)).toBe(true);
});

test('only kinds that are served are watched', async () => {
  const server = calicoServer();
  const clock = new ManualClock();
  const parts = { transport: server, clock, log: recordingLogger() };
  const watches = new Watches({ ...parts, ...HEARTBEAT, writer: () => undefined, onResult: () => undefined });
  const some = {
    kinds: new Set(['Tier'] as const),
    read: new Set([]),
    adminPolicies: {},
    isInstallation: false,
    hasServiceCIDRs: false,
  };
  const stored = new GeneratedObjects(
    some,
    { ...parts, watches },
    { onChange: () => undefined, isKept: () => true, authorship: new Authorship() },
  );
  server.put(kindResource('Tier'), storedObject(tier()));
  server.put(POLICIES, web);
  stored.informers.start();
  await settle();
  expect([stored.informers.hasSynced, stored.serves('Tier'), stored.serves('NetworkPolicy')]).toEqual([
    true,
    true,
    false,
  ]);
  expect(stored.objects().map(({ id }) => id)).toEqual(['Tier/clusterfirewall']);
});
