/** Objects that are deleted and stay stored, because finalizers of others keep them. */
import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { mergePatch, remove } from '../cluster/objects/apply.ts';
import type { KubernetesObject, StoredObject } from '../cluster/resource.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { PATIENCE_MS } from './apply/patience.ts';
import { isEmptied } from './objects/emptied.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { blogCluster, firewallObject, namespaceObject, NAMESPACES } from './testing/calico-server.ts';
import { settled, type Rounds } from './testing/rounds.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');
const IN_BLOG = kindResource('NetworkPolicy', 'blog');
const emptied = { metadata: { namespace: 'blog' }, spec: { selector: '!all()' } };
/** Our policy there. */
const OURS = 'default-blog-isolation-samenamespace';
const isolated = (name: string) => ({ name, namespaces: [name], isolation: 'SameNamespace' as const });
const before: Partial<Spec> = { namespaces: [isolated('blog'), isolated('shop')] };
/** Every allow goes, and the default deny changes. */
const revoked: Partial<Spec> = { defaults: { dns: { ports: ['5353/UDP'] } } };

function cluster(): FakeApiServer {
  const server = blogCluster(before);
  server.put(NAMESPACES, namespaceObject('shop'));
  return server;
}
const change = (server: FakeApiServer, spec: Partial<Spec>) => server.put(FIREWALLS, firewallObject(spec));
/** Another client than the operator does it. */
async function hold(
  server: FakeApiServer,
  resource: typeof POLICIES,
  part: string,
  finalizers: readonly string[] | null = ['evil.example/never'],
): Promise<void> {
  const { name } = server.object(resource, part).metadata;
  await mergePatch(server, resource, name, { metadata: { finalizers } }, { fieldManager: 'kubectl-patch' });
}
const names = (server: FakeApiServer): readonly string[] =>
  [...server.collection(POLICIES).objects().keys()].filter((name) => !name.startsWith('clusterfirewall.'));
const bridges = (server: FakeApiServer): readonly string[] =>
  names(server).filter((name) => name.includes('bridge'));
const left = (server: FakeApiServer): readonly StoredObject[] =>
  [...server.collection(IN_BLOG).objects().values()].filter(({ metadata }) => metadata.namespace === 'blog');
/** Runs rounds for so many seconds of the clock. */
async function runFor(rounds: Rounds, seconds: number): Promise<void> {
  const end = rounds.clock.now() + seconds * 1000;
  while (rounds.clock.now() < end) {
    const next = await rounds.round();
    const ms = next.type === 'requeueAfter' ? next.ms : 1000;
    await rounds.clock.advance(Math.min(Math.max(ms, 10), end - rounds.clock.now()));
  }
}
/** Whenever we write our policy in blog, a tenant undoes it before the watch shows our write. */
function undoing(server: FakeApiServer): void {
  const { spec } = server.object(IN_BLOG, OURS);
  const undo = (): void => {
    server.put(IN_BLOG, { ...server.object(IN_BLOG, OURS), spec });
  };
  server.fault = ({ method, path }) => {
    if (method === 'PATCH' && path.includes(OURS)) void afterwards(undo);
    return undefined;
  };
}
async function afterwards(what: () => void): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await Promise.resolve();
  what();
}

describe('a finalizer on our policy in the namespace of a tenant', () => {
  test('delays nothing that is revoked elsewhere: the policy is emptied, and named', async () => {
    const writesOf = async (isHeld: boolean) => {
      const server = cluster();
      const rounds = await settled(server);
      if (isHeld) await hold(server, IN_BLOG, 'blog');
      rounds.wrote();
      change(server, revoked);
      const wrote = await rounds.settle();
      return { server, rounds, wrote, tookMs: rounds.clock.now() };
    };
    const without = await writesOf(false);
    const { server, rounds, wrote, tookMs } = await writesOf(true);
    const extra = `PATCH ${OURS}`;
    expect(wrote.filter((each) => each !== extra).toSorted()).toEqual(without.wrote.toSorted());
    expect(wrote.filter((each) => each === extra)).toHaveLength(1);
    expect(tookMs).toBe(without.tookMs);
    expect(bridges(server)).toEqual([]);
    expect(left(server)).toMatchObject([emptied]);
    const id = `NetworkPolicy/blog/${left(server)[0]?.metadata.name ?? ''}`;
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: { programmed: true },
      problems: [
        {
          severity: 'warning',
          rule: 'default/blog/isolation/SameNamespace',
          reason: 'HeldByFinalizer',
          message: `${id} is deleted and still stored, held by evil.example/never (last written by kubectl-patch); it has no effect any more: let the owners of these finalizers finish, or remove the finalizers`,
        },
      ],
    });
    expect(await rounds.round()).toEqual({ type: 'done' });
    expect(rounds.wrote()).toEqual([]);
  });

  test('keeps no firewall that is deleted', async () => {
    const server = cluster();
    const rounds = await settled(server);
    await hold(server, IN_BLOG, 'blog');
    await remove(server, FIREWALLS, 'default');
    await rounds.settle();
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
    expect(names(server)).toEqual([]);
    expect(left(server)).toMatchObject([emptied]);
    expect(rounds.log.lines.at(-1)).toMatchObject({
      message: 'deleted, and what is left has no effect: finalizers of others keep it',
      fields: { objects: [{ finalizers: ['evil.example/never'] }] },
    });
  });

  test('is forgotten when the policy is wanted again, and when it has gone', async () => {
    const server = cluster();
    const rounds = await settled(server);
    await hold(server, IN_BLOG, 'blog');
    change(server, revoked);
    await rounds.settle();
    change(server, before);
    await rounds.settle();
    expect(left(server)).toMatchObject([{ spec: { selector: 'all()' } }]);
    expect(rounds.told.findings.get('default')).toMatchObject({ problems: [] });
    await hold(server, IN_BLOG, 'blog', null);
    await rounds.settle();
    expect(left(server)).toMatchObject([{ spec: { selector: 'all()' } }]);
    expect(left(server)[0]?.metadata.deletionTimestamp).toBeUndefined();
  });

  test('holds up nothing while its owner fills the policy again and again', async () => {
    const server = cluster();
    const rounds = await settled(server);
    await hold(server, IN_BLOG, 'blog');
    undoing(server);
    change(server, revoked);
    await runFor(rounds, 20);
    expect(rounds.wrote()).toContain(`PATCH ${OURS}`);
    expect(left(server)).not.toMatchObject([emptied]);
    expect(bridges(server)).toEqual([]);
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: { programmed: true },
      problems: [{ reason: 'HeldByFinalizer', message: expect.stringContaining('may still let traffic') }],
    });
  });
});

describe('admission that fills what is emptied', () => {
  const refilling =
    (part: string) =>
    (object: KubernetesObject): KubernetesObject =>
      object.metadata.name.includes(part) && isEmptied('NetworkPolicy', object['spec'])
        ? { ...object, spec: { selector: 'all()' } }
        : object;
  const altered = (id: string, live: object = {}) => ({
    programming: {
      programmed: false,
      reason: 'Altered',
      message: expect.stringMatching(
        new RegExp(
          `${id}.* may still let traffic through, because the API server stores another spec.selector `,
        ),
      ),
      stalled: true,
    },
    problems: [{ severity: 'problem', reason: 'Altered' }],
    ...live,
  });

  test('is named in the namespace of a tenant, holds up nothing, and is tried ever more slowly', async () => {
    const server = cluster();
    const rounds = await settled(server);
    await hold(server, IN_BLOG, 'blog');
    server.fill = refilling('blog');
    change(server, revoked);
    await runFor(rounds, 20);
    expect(bridges(server)).toEqual([]);
    expect(left(server)).not.toMatchObject([emptied]);
    expect(rounds.told.findings.get('default')).toMatchObject(altered(`NetworkPolicy/blog/cfw-${OURS}`));
    rounds.wrote();
    await runFor(rounds, 120);
    expect(rounds.wrote().filter((each) => each === `PATCH ${OURS}`).length).toBeLessThan(6);
    server.fill = (object) => object;
    await rounds.settle();
    expect(left(server)).toMatchObject([emptied]);
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: { programmed: true },
      problems: [{ severity: 'warning', reason: 'HeldByFinalizer' }],
    });
    expect(await rounds.round()).toEqual({ type: 'done' });
  });

  test('is named for an object of the cluster', async () => {
    const peers = [{ name: 'partner', cidrs: ['203.0.113.0/24'] }];
    const rule = { name: 'in', pods: {}, from: [{ peer: 'partner' as const }], ports: [80] };
    const open: Partial<Spec> = {
      peers,
      namespaces: [
        {
          name: 'all',
          namespaceSelector: { matchExpressions: [{ key: 'gone', operator: 'DoesNotExist' as const }] },
          ingress: [rule],
        },
      ],
    };
    const server = blogCluster(open);
    const rounds = await settled(server);
    await hold(server, POLICIES, 'default-all-ingress-in');
    server.fill = refilling('default-all-ingress-in');
    change(server, {});
    await runFor(rounds, 20);
    expect(bridges(server)).toEqual([]);
    expect(rounds.told.findings.get('default')).toMatchObject(altered('cfw-default-all-ingress-in'));
  });
});

test('a tenant who undoes our write before the watch shows it holds up no change', async () => {
  const server = cluster();
  const rounds = await settled(server);
  undoing(server);
  // Our policy in blog changes as well, because it no longer lets out.
  change(server, { ...before, defaults: { deny: 'Ingress' } });
  await runFor(rounds, 20);
  expect(rounds.wrote()).toContain(`PATCH ${OURS}`);
  expect(bridges(server)).toEqual([]);
});

describe('a finalizer on the default deny', () => {
  const deleted = async (outages?: { recoveredAt: () => number }) => {
    const server = cluster();
    const rounds = await settled(server, outages && { outages });
    await hold(server, POLICIES, 'default-defaults-deny');
    await remove(server, FIREWALLS, 'default');
    return { server, rounds };
  };
  const allows = (server: FakeApiServer): number =>
    server.collection(kindResource('NetworkPolicy')).objects().size;

  test('keeps the bridge for a while, so a finalizer that does its work changes nothing', async () => {
    const { server, rounds } = await deleted();
    await runFor(rounds, PATIENCE_MS / 1000 - 1);
    expect(bridges(server)).not.toEqual([]);
    await hold(server, POLICIES, 'default-defaults-deny', null);
    rounds.wrote();
    const wrote = await rounds.settle();
    const last = (part: string): number => wrote.findLastIndex((each) => each.includes(part));
    expect(last('same-namespace')).toBeLessThan(last('bridge'));
    expect(names(server)).toEqual([]);
  });

  test('keeps it no longer than that. What it refuses stays allowed, and the status names it', async () => {
    const { server, rounds } = await deleted();
    await runFor(rounds, PATIENCE_MS / 1000 + 5);
    expect(bridges(server)).toEqual([]);
    expect(allows(server)).toBe(2);
    expect(names(server)).toContainEqual(expect.stringContaining('default-defaults-deny'));
    expect(rounds.told.findings.get('default')).toMatchObject({
      reason: 'RemovalIncomplete',
      message: expect.stringMatching(/defaults-deny-\S+ is deleted .*evil\.example\/never .*still refuses/),
      stalled: true,
    });
    rounds.wrote();
    expect(await rounds.settle()).toEqual([]);
    await hold(server, POLICIES, 'default-defaults-deny', null);
    await rounds.settle();
    expect(allows(server)).toBe(0);
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });

  test('is not waited for while the API server is away: the time begins anew', async () => {
    const outage = { endedAt: -Infinity };
    const { server, rounds } = await deleted({ recoveredAt: () => outage.endedAt });
    await runFor(rounds, PATIENCE_MS / 1000 - 1);
    outage.endedAt = rounds.clock.now();
    await runFor(rounds, PATIENCE_MS / 1000 - 1);
    expect(bridges(server)).not.toEqual([]);
    await runFor(rounds, 5);
    expect(bridges(server)).toEqual([]);
  });

  test('is said as long as the deny is wanted again and will be missing for a moment', async () => {
    const server = cluster();
    const rounds = await settled(server);
    await hold(server, POLICIES, 'default-defaults-deny');
    change(server, { ...before, defaults: { deny: 'None' } });
    await runFor(rounds, 5);
    change(server, before);
    await rounds.settle();
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: { programmed: true },
      problems: [
        {
          severity: 'warning',
          reason: 'HeldByFinalizer',
          message: expect.stringMatching(/defaults-deny-\S+ is deleted .*it is wanted again .* made it anew/),
        },
      ],
    });
    await hold(server, POLICIES, 'default-defaults-deny', null);
    await rounds.settle();
    expect(rounds.told.findings.get('default')).toMatchObject({ problems: [] });
    expect(server.object(POLICIES, 'default-defaults-deny').metadata.deletionTimestamp).toBeUndefined();
  });

  test('makes a firewall that goes without it unready', async () => {
    const server = cluster();
    const rounds = await settled(server);
    await hold(server, POLICIES, 'default-defaults-deny');
    change(server, { ...before, defaults: { deny: 'None' } });
    await runFor(rounds, PATIENCE_MS / 1000 + 5);
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: {
        programmed: false,
        reason: 'HeldByFinalizer',
        message: expect.stringContaining('it still refuses traffic'),
        stalled: true,
      },
    });
  });
});
