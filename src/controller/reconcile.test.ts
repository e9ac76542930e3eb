import { describe, expect, test } from '@jest/globals';
import { sleep } from '../cluster/clock.ts';
import { ApiError, TransportError } from '../cluster/errors.ts';
import { remove } from '../cluster/objects/apply.ts';
import type { Result } from '../cluster/queue.ts';
import type { KubernetesObject } from '../cluster/resource.ts';
import { web } from '../compiler/testing/examples.ts';
import { SERVICES } from '../inventory/api-server.ts';
import { isRecord } from '../json.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { blogCluster, firewallObject, refusing } from './testing/calico-server.ts';
import { Rounds, settled } from './testing/rounds.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');
const TIERS = kindResource('Tier');
const SETS = kindResource('GlobalNetworkSet');
const fieldsOf = (value: unknown): object => (isRecord(value) ? value : {});
const forbidden = new ApiError({ code: 403, reason: 'Forbidden', message: 'may not' });
const narrower = { ...web, ingress: [{ ...web.ingress?.[0], name: 'web', ports: [8080] }] } as typeof web;

describe('the order of a round', () => {
  test('a firewall has its finalizer before anything is written for it', async () => {
    const server = blogCluster();
    server.put(FIREWALLS, firewallObject({ namespaces: [web] }, 'default', {}));
    const rounds = await new Rounds(server).start();
    expect(await rounds.round()).toEqual({ type: 'done' });
    expect(rounds.wrote()).toEqual(['PATCH default']);
    await rounds.round();
    expect(rounds.wrote()[0]).toBe('PATCH clusterfirewall');
  });

  test('the tier comes first, what opens before what closes, and what was temporary goes last', async () => {
    const rounds = await new Rounds(blogCluster()).start();
    const wrote = await rounds.settle();
    expect(wrote[0]).toBe('PATCH clusterfirewall');
    expect(wrote.slice(-3)).toEqual([
      'PATCH default-blog-ingress-web',
      'PATCH default-defaults-deny',
      'DELETE default-defaults-bridge-to-1',
    ]);
  });

  test('a DNS Service that comes opens its addresses, one that goes closes them, and others do nothing', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    const service = (name: string, protocol: string, clusterIP: string): KubernetesObject => ({
      metadata: { name, namespace: 'kube-system' },
      spec: { selector: { 'k8s-app': 'kube-dns' }, clusterIPs: [clusterIP], ports: [{ port: 53, protocol }] },
    });
    server.put(SERVICES, service('kube-dns', 'UDP', '10.96.0.10'));
    expect(await rounds.settle()).toEqual([
      expect.stringContaining('PATCH default-dns-services-'),
      'PATCH default-defaults-dns-clients',
    ]);
    const nets = (): unknown => server.object(SETS, 'default-dns-services')['spec'];
    expect(nets()).toEqual({ nets: ['10.96.0.10/32'] });
    server.put(SERVICES, service('other', 'TCP', '10.96.0.11'));
    await remove(server, { ...SERVICES, namespace: 'kube-system' }, 'kube-dns');
    await rounds.settle();
    expect(nets()).toEqual({ nets: [] });
  });

  test('a Service that a rule names is followed, wherever else it is named, and no other', async () => {
    const server = blogCluster();
    const out = {
      name: 'out',
      pods: {},
      to: [{ service: { namespace: 'blog', name: 'db' } }],
      ports: ['All'],
    };
    server.put(FIREWALLS, firewallObject({ namespaces: [{ ...web, egress: [out] }] }));
    const rounds = await settled(server);
    const service = (name: string, app: string): KubernetesObject => ({
      metadata: { name, namespace: 'blog' },
      spec: { selector: { app }, ports: [{ port: 80, targetPort: 5432 }] },
    });
    const wrote = async (...services: readonly KubernetesObject[]) => {
      for (const each of services) server.put(SERVICES, each);
      return rounds.settle();
    };
    expect(await wrote(service('other', 'x'))).toEqual([]);
    const both = [
      expect.stringContaining('default-blog-egress-out-to-service-blog-db'),
      expect.stringMatching(/ default-blog-egress-out$/),
    ];
    const added = await wrote(service('db', 'postgres'));
    expect(added).toEqual(expect.arrayContaining(both));
    expect(await wrote(service('db', 'mysql'))).toEqual(expect.arrayContaining(both));
    await remove(server, { ...SERVICES, namespace: 'blog' }, 'db');
    expect(await rounds.settle()).toEqual(
      expect.arrayContaining([expect.stringMatching(/^DELETE default-blog-egress-out$/)]),
    );
  });

  test('drift is repaired before anything new is written', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    const deny = server.object(POLICIES, 'default-defaults-deny');
    server.put(POLICIES, { ...deny, spec: { selector: 'none()' } });
    const shop = { ...web, name: 'shop' };
    server.put(FIREWALLS, firewallObject({ namespaces: [web, shop] }));
    expect((await rounds.settle())[0]).toBe('PATCH default-defaults-deny');
    expect(rounds.told.drift).toEqual([`GlobalNetworkPolicy/${deny.metadata.name}`]);
  });

  test('what is said of a firewall is what is stored after the writes', async () => {
    const rounds = await settled(blogCluster());
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: { programmed: true },
      policies: { desired: 8, current: 8 },
    });
  });

  test('the finalizer goes when nothing is left', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    await remove(server, FIREWALLS, 'default');
    rounds.wrote();
    const wrote = await rounds.settle();
    expect(wrote.at(-2)).toBe('DELETE clusterfirewall');
    expect(wrote.at(-1)).toBe('PATCH default');
    expect(server.collection(POLICIES).objects().size).toBe(0);
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });

  test('the finalizer is taken away once, also while the watch still shows it', async () => {
    const server = blogCluster({ deletionPolicy: 'Retain' });
    const rounds = await settled(server);
    await remove(server, FIREWALLS, 'default');
    await rounds.round('unlisted');
    server.collection(FIREWALLS).disturb('black-hole');
    rounds.wrote();
    await rounds.round();
    await rounds.round();
    expect(rounds.wrote()).toEqual(['PATCH default']);
  });

  test('with deletionPolicy: Retain the finalizer goes and the objects stay', async () => {
    const server = blogCluster({ namespaces: [web], deletionPolicy: 'Retain' });
    const rounds = await settled(server);
    const before = server.collection(POLICIES).objects().size;
    await remove(server, FIREWALLS, 'default');
    rounds.wrote();
    expect(await rounds.settle()).toEqual(['PATCH default']);
    expect(server.collection(POLICIES).objects().size).toBe(before);
  });
});

describe('a round ends', () => {
  test('when nothing is left to do, without a write', async () => {
    const rounds = await settled(blogCluster());
    expect(await rounds.round()).toEqual({ type: 'done' });
    expect(rounds.wrote()).toEqual([]);
  });

  test('after five seconds of writing, and goes on at once', async () => {
    const server = blogCluster();
    const rounds = await new Rounds(server).start();
    server.fault = async ({ method, path }) => {
      if (method !== 'GET' && !path.endsWith('/status')) await sleep(rounds.clock, 6000);
      return undefined;
    };
    expect(await rounds.roundWithin(10_000)).toEqual({ type: 'requeueAfter', ms: 0 });
    expect(rounds.wrote()).toEqual(['PATCH clusterfirewall']);
  });

  test('when the operator stops: no step is begun, and what was repaired is still told', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    const tier = server.object(TIERS, 'clusterfirewall');
    server.put(TIERS, { ...tier, spec: { order: 1 } });
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-pass').metadata.name);
    rounds.wrote();
    server.fault = ({ method }) => {
      if (method === 'PATCH') rounds.stop.abort();
      return undefined;
    };
    await rounds.round().catch(() => undefined);
    expect(rounds.wrote()).toEqual(['PATCH clusterfirewall']);
    expect(rounds.told.drift).toEqual(['Tier/clusterfirewall']);
  });

  test('when a status cannot be written: what was done till then is told, and no finalizer goes', async () => {
    const server = blogCluster();
    server.put(FIREWALLS, firewallObject({ deletionPolicy: 'Retain' }, 'team'));
    const rounds = await settled(server);
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-pass').metadata.name);
    await remove(server, FIREWALLS, 'team');
    server.put(FIREWALLS, firewallObject({ namespaces: [web, { ...web, name: 'shop' }] }));
    server.fault = refusing('/status', new ApiError({ code: 500, message: 'etcd is sad' }));
    rounds.told.findings.clear();
    await expect(rounds.round()).rejects.toThrow('etcd is sad');
    expect(rounds.told.drift).toEqual([expect.stringContaining('default-defaults-pass')]);
    expect([...rounds.told.findings.keys()]).toEqual(['default']);
    expect([...server.collection(FIREWALLS).objects().keys()]).toContain('team');
    server.fault = () => undefined;
    await rounds.settle();
    expect([...server.collection(FIREWALLS).objects().keys()]).not.toContain('team');
  });

  test.each([
    ['is not reached', new TransportError('reset'), { type: 'retry', message: 'reset' }],
    [
      'asks for time',
      new ApiError({ code: 503, message: 'busy', retryAfterSeconds: 7 }),
      { type: 'requeueAfter', ms: 7000 },
    ],
  ])('when the server %s', async (_, error, next) => {
    const server = blogCluster();
    const rounds = await new Rounds(server).start();
    server.fault = refusing('default-defaults-pass', error);
    expect(await rounds.round()).toEqual(next);
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: { programmed: false, reason: 'APIError', message: error.message },
    });
  });

  test('without an object that the server refuses, which is tried again after a minute', async () => {
    const server = blogCluster();
    const rounds = await new Rounds(server).start();
    server.fault = refusing('default-blog-ingress-web', forbidden);
    let next = await rounds.round();
    for (let count = 0; next.type === 'requeueAfter' && next.ms < 60_000 && count < 20; count += 1) {
      await rounds.clock.advance(next.ms);
      next = await rounds.round();
    }
    expect(next).toEqual({ type: 'requeueAfter', ms: 60_000 });
    expect(rounds.told.findings.get('default')).toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({ reason: 'Refused', rule: 'default/blog/ingress/web' }),
      ]),
      programming: { programmed: false, reason: 'Refused', stalled: true },
    });
    server.fault = () => undefined;
    await rounds.clock.advance(60_000);
    await rounds.settle();
    expect(rounds.told.findings.get('default')).toMatchObject({ programming: { programmed: true } });
  });

  test('and is repeated while the watch does not show what was written', async () => {
    const server = blogCluster();
    const rounds = await new Rounds(server).start();
    const tiers = server.collection(TIERS);
    tiers.disturb('black-hole');
    tiers.failNext(...Array.from({ length: 50 }, () => ({ type: 'drop' }) as const));
    const message = 'the watch does not show what was written';
    expect(await rounds.roundWithin(20_000)).toEqual({ type: 'retry', message });
  });
});

test('an object that is fought over is no longer after five quiet minutes, which the status says then', async () => {
  const server = blogCluster();
  const rounds = await settled(server);
  const deny = server.object(POLICIES, 'default-defaults-deny');
  for (let count = 0; count < 5; count += 1) {
    server.put(POLICIES, { ...deny, spec: { selector: 'none()' } });
    await rounds.round();
  }
  expect(rounds.told.findings.get('default')).toMatchObject({ programming: { reason: 'DriftContested' } });
  expect(await rounds.round()).toEqual({ type: 'requeueAfter', ms: 300_001 });
  await rounds.settle();
  expect(rounds.told.findings.get('default')).toMatchObject({ programming: { programmed: true } });
});

describe('an object that the server alters', () => {
  const voided = (object: KubernetesObject): KubernetesObject =>
    object.metadata.name.includes('defaults-deny')
      ? { ...object, spec: { ...fieldsOf(object['spec']), selector: '!all()' } }
      : object;

  test('is named and tried ever more slowly, until it is stored as it was written', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    server.fill = voided;
    await remove(server, POLICIES, server.object(POLICIES, 'default-defaults-deny').metadata.name);
    const waits: Result[] = [];
    for (let round = 0; round < 9; round += 1) {
      const next = await rounds.round();
      waits.push(next);
      expect(rounds.told.findings.get('default')).toMatchObject({
        programming: {
          reason: 'Altered',
          message: expect.stringMatching(
            /stores GlobalNetworkPolicy\/.*defaults-deny.* another spec\.selector /,
          ),
        },
        policies: { desired: 8, current: 7 },
      });
      // Something else that makes the operator look is no reason to write.
      const before = server.writes().length;
      await rounds.round();
      expect(server.writes().length).toBe(before);
      if (next.type === 'requeueAfter') await rounds.clock.advance(next.ms);
    }
    expect(waits).toEqual(
      [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000].map((ms) => ({
        type: 'requeueAfter',
        ms,
      })),
    );
    expect(rounds.told.drift).toEqual([]);
    server.fill = (object) => object;
    await rounds.settle();
    expect(rounds.told.findings.get('default')).toMatchObject({ programming: { programmed: true } });
    expect(rounds.told.drift).toEqual([expect.stringContaining('defaults-deny')]);
    expect(await rounds.round()).toEqual({ type: 'done' });
  });

  test('is not looked at before what it needs, which the server alters too', async () => {
    const out = { name: 'out', pods: {}, to: [{ entity: 'World' as const }], ports: [443] };
    const server = blogCluster({ namespaces: [{ ...web, egress: [out] }] });
    const rounds = await settled(server);
    const SETS = kindResource('GlobalNetworkSet');
    const nameOf = (part: string): string => {
      const names = [...server.collection(POLICIES).objects().values()].map(({ metadata }) => metadata.name);
      return names.find((name) => name.includes(part)) ?? '';
    };
    const altering =
      (...names: readonly string[]) =>
      (object: KubernetesObject): KubernetesObject =>
        names.includes(object.metadata.name)
          ? { ...object, spec: { ...fieldsOf(object['spec']), later: true } }
          : object;
    const set = server.object(SETS, 'default-nodes').metadata.name;
    const policy = nameOf('blog-egress-out');
    server.fill = altering(policy);
    await remove(server, POLICIES, policy);
    expect(await rounds.round()).toEqual({ type: 'requeueAfter', ms: 1000 });
    server.fill = altering(policy, set);
    await remove(server, SETS, set);
    await rounds.clock.advance(1000);
    expect(await rounds.round()).toEqual({ type: 'requeueAfter', ms: 1000 });
    expect(rounds.told.findings.get('default')).toMatchObject({ programming: { reason: 'Altered' } });
    server.fill = (object) => object;
    await rounds.settle();
    expect(rounds.told.findings.get('default')).toMatchObject({ programming: { programmed: true } });
  });

  test('is forgotten when somebody else has made it what it should be', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    const deny = server.object(POLICIES, 'default-defaults-deny');
    server.fill = voided;
    await remove(server, POLICIES, deny.metadata.name);
    await rounds.round();
    server.fill = (object) => object;
    server.put(POLICIES, deny);
    expect(await rounds.round()).toEqual({ type: 'done' });
    expect(rounds.told.findings.get('default')).toMatchObject({ programming: { programmed: true } });
    server.fill = voided;
    await remove(server, POLICIES, deny.metadata.name);
    expect(await rounds.round()).toEqual({ type: 'requeueAfter', ms: 1000 });
  });
});

describe('safety lines', () => {
  test('a firewall stays while objects may be stored that the copy does not show', async () => {
    const server = blogCluster();
    const rounds = await new Rounds(server).start();
    const policies = server.collection(POLICIES);
    policies.disturb('black-hole');
    policies.failNext(...Array.from({ length: 500 }, () => ({ type: 'drop' }) as const));
    const rounds20s = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) await rounds.roundWithin(20_000);
    };
    await rounds20s(2);
    expect(policies.objects().size).toBeGreaterThan(0);
    await remove(server, FIREWALLS, 'default');
    await rounds20s(5);
    expect(server.collection(FIREWALLS).objects().size).toBe(1);
    policies.forgetFaults();
    await rounds20s(20);
    expect(policies.objects().size).toBe(0);
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });

  test('what is taken away last waits until nodes have heard of what was written before an outage', async () => {
    const server = blogCluster();
    const outage = { endedAt: -Infinity };
    const rounds = await settled(server, { outages: { recoveredAt: () => outage.endedAt } });
    outage.endedAt = rounds.clock.now();
    server.put(FIREWALLS, firewallObject({ namespaces: [{ ...web, name: 'renamed' }] }));
    const times = new Map<string, number>();
    server.fault = ({ method, path }) => {
      if (method === 'DELETE') times.set(path, rounds.clock.now() - outage.endedAt);
      return undefined;
    };
    await rounds.settle();
    expect(times.size).toBeGreaterThan(0);
    expect(Math.min(...times.values())).toBeGreaterThanOrEqual(10_000);
  });

  test.each([
    [
      'another object than the one that was seen',
      'PATCH',
      new ApiError({ code: 409, reason: 'Conflict', message: '' }),
    ],
    ['no object', 'DELETE', new ApiError({ code: 404, reason: 'NotFound', message: '' })],
  ])('a write that found %s under a name has the name read', async (_, method, error) => {
    const server = blogCluster();
    const rounds = await settled(server);
    const name = server.object(POLICIES, 'default-blog-ingress-web').metadata.name;
    server.put(FIREWALLS, firewallObject(method === 'DELETE' ? {} : { namespaces: [narrower] }));
    const reads: string[] = [];
    server.fault = ({ method: verb, path }) => {
      const isOfIt = path.endsWith(`/${name}`);
      if (isOfIt && verb === 'GET') reads.push(path);
      return isOfIt && verb === method && reads.length === 0 ? error : undefined;
    };
    for (let count = 0; count < 5 && reads.length === 0; count += 1) await rounds.roundWithin(2000);
    expect(reads).toHaveLength(1);
  });

  test('nothing is written while Calico is listed for the first time', async () => {
    const rounds = await new Rounds(blogCluster()).start();
    expect(await rounds.round('unlisted')).toEqual({ type: 'done' });
    expect(rounds.wrote()).toEqual([]);
  });
});

describe('without Calico', () => {
  const missing = { served: false, reason: 'CalicoNotInstalled', message: 'install it' } as const;
  const away = { served: false, reason: 'CalicoUnavailable', message: 'it is away' } as const;

  test('every firewall says so, an invalid one what is wrong with it', async () => {
    const server = blogCluster();
    server.put(FIREWALLS, { ...firewallObject({}, 'team'), spec: { mode: 'Sometimes' } });
    const rounds = await new Rounds(server).start();
    expect(await rounds.round(missing)).toEqual({ type: 'done' });
    expect(rounds.told.findings.get('default')).toMatchObject({
      type: 'blocked',
      reason: 'CalicoNotInstalled',
    });
    expect(rounds.told.findings.get('team')).toMatchObject({ type: 'invalid' });
    expect(rounds.wrote()).toEqual([]);
  });

  test('one that is deleted may go when there can be nothing of it, and stays when there may be', async () => {
    const server = blogCluster();
    const rounds = await settled(server);
    await remove(server, FIREWALLS, 'default');
    await rounds.round(away);
    expect(server.collection(FIREWALLS).objects().size).toBe(1);
    await rounds.round(missing);
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
  });
});
