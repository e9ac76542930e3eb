import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, list, mergePatch, projectPage, remove } from '../../src/cluster/objects/apply.ts';
import { ApiError } from '../../src/cluster/errors.ts';
import type { KubernetesObject, Resource } from '../../src/cluster/resource.ts';
import type { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import { FIREWALLS } from '../../src/controller/observe/firewalls.ts';
import { generatedKinds, kindResource } from '../../src/controller/objects/kinds.ts';
import type { Informer } from '../../src/cluster/informer/informer.ts';
import type { ApiServerRelay, CalicoMode, StartedCluster } from '../cluster.ts';
import { installManifests } from '../harness/operator-process.ts';
import { localCluster } from '../providers/local.ts';
import { connect, until } from '../harness/connect.ts';
import { firewall } from './controller-harness.ts';
import { fastTransport, startInProcess, startInformer, type InProcess } from './liveness-harness.ts';
import { nativeCrdsFolder } from '../harness/native-crds.ts';

jest.setTimeout(180_000);

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces' };
const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps', namespace: 'shop' };
const HEARTBEAT = 'clusterfirewall.io/heartbeat';
const WITHIN = 90_000;

const configMap = (name: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
});

describe('a watch whose connection has become a black hole', () => {
  let cluster: StartedCluster;
  let direct: UndiciTransport;
  let relay: ApiServerRelay;
  let relayed: UndiciTransport;
  beforeAll(async () => {
    cluster = await localCluster({ calico: { mode: 'none' }, nodes: [] }).start();
    direct = connect(cluster.kubeconfig);
    await cluster.createNamespace('shop');
  }, 180_000);
  afterAll(async () => {
    await direct.close();
    await cluster.stop();
  }, 60_000);
  beforeEach(async () => {
    relay = await cluster.faults.relay();
    relayed = fastTransport(cluster.kubeconfig, relay.server);
    for (const name of ['changed', 'deleted']) await create(direct, CONFIG_MAPS, configMap(name));
  });
  afterEach(async () => {
    await relayed.close();
    await relay[Symbol.asyncDispose]();
    for (const { metadata } of await list(direct, CONFIG_MAPS))
      await remove(direct, CONFIG_MAPS, metadata.name);
  });

  let changes = 0;
  const showsChanges = async (informer: Informer<KubernetesObject>): Promise<void> => {
    // Otherwise it would arrive with the list.
    await until('the list', () => informer.isWatching);
    changes += 1;
    const value = String(changes);
    const patch = { metadata: { labels: { change: value } } };
    await mergePatch(direct, CONFIG_MAPS, 'changed', patch);
    const shown = () => informer.store.get('shop/changed')?.metadata.labels?.['change'] === value;
    await until('a change to come through the watch', shown);
  };

  test('is detected by the changes that it does not show, and replaced, while the others go on', async () => {
    const holed = startInformer({ kind: 'ConfigMap', resource: CONFIG_MAPS, transport: relayed });
    const other = startInformer({ kind: 'Namespace', resource: NAMESPACES, transport: direct });
    try {
      await showsChanges(holed.informer);
      await until('the other list', () => other.informer.isWatching);
      relay.blackHole();
      await mergePatch(direct, CONFIG_MAPS, 'changed', { data: { a: 'b' } });
      await remove(direct, CONFIG_MAPS, 'deleted');
      await create(direct, CONFIG_MAPS, configMap('made'));
      await mergePatch(direct, NAMESPACES, 'shop', { metadata: { labels: { a: 'b' } } });
      await until(
        'the label, through the other watch',
        () => other.informer.store.get('shop')?.metadata.labels?.['a'] === 'b',
      );
      await until('the copy to be right', () => holed.informer.store.get('shop/made') !== undefined, WITHIN);
      expect(holed.informer.store.get('shop/changed')?.['data']).toEqual({ a: 'b' });
      expect(holed.informer.store.get('shop/deleted')).toBeUndefined();
      expect(holed.relists()).toBe(1);
      await showsChanges(holed.informer);
      expect(other.relists()).toBe(0);
    } finally {
      await Promise.all([holed.informer.stop(), other.informer.stop()]);
    }
  });

  test('is detected by our own heartbeat although nothing changes', async () => {
    const holed = startInformer({
      ...{ kind: 'ConfigMap', resource: CONFIG_MAPS, transport: relayed },
      writer: direct,
    });
    try {
      await showsChanges(holed.informer);
      relay.blackHole();
      await until('a heartbeat to be missed', () => holed.beats.includes('written missed'), WITHIN);
      expect(
        holed.beats.filter((beat) => beat.startsWith('read')).every((beat) => beat !== 'read missed'),
      ).toBe(true);
      expect(holed.relists()).toBe(1);
      await showsChanges(holed.informer);
    } finally {
      await holed.informer.stop();
    }
  });
});

describe.each(['aggregated', 'native'] as const)('with Calico served %s', (mode) => {
  let folder: string;
  let cluster: StartedCluster;
  let direct: UndiciTransport;
  let relay: ApiServerRelay;
  let relayed: UndiciTransport;
  let operator: InProcess;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'liveness-'));
    const calico: CalicoMode = mode === 'native' ? { mode, crds: await nativeCrdsFolder(folder) } : { mode };
    cluster = await localCluster({ calico, nodes: [] }).start();
    direct = connect(cluster.kubeconfig);
    const { namespace, serviceAccount } = await installManifests(cluster);
    await cluster.createNamespace('wordpress');
    relay = await cluster.faults.relay();
    relayed = fastTransport(await cluster.serviceAccountKubeconfig(namespace, serviceAccount), relay.server);
    operator = await startInProcess(relayed, namespace);
    await create(direct, FIREWALLS, firewall());
    await until('the firewall to be ready', isReady, WITHIN);
  }, 240_000);
  afterAll(async () => {
    await operator[Symbol.asyncDispose]();
    await relayed.close();
    await relay[Symbol.asyncDispose]();
    await direct.close();
    await cluster.stop();
    await rm(folder, { recursive: true });
  }, 60_000);

  const isReady = async () => (await operator.sample('clusterfirewall_ready{firewall="default"}')) === 1;
  const readyz = async () => {
    const response = await fetch(`${operator.url}/readyz`);
    return { status: response.status, text: await response.text() };
  };

  test('every kind is listed without its spec, at the same versions', async () => {
    const kinds = generatedKinds.map((kind) => kindResource(kind));
    for (const resource of [NAMESPACES, FIREWALLS, ...kinds]) {
      const bare = await projectPage(direct, resource, (object) => object, { metadataOnly: true });
      expect(bare.items.every((object) => !('spec' in object))).toBe(true);
      const versions = ({ metadata }: KubernetesObject) => [metadata.name, metadata.resourceVersion];
      expect(bare.items.map(versions)).toEqual((await list(direct, resource)).map(versions));
    }
  });

  test('a heartbeat creates nothing, and touches no object with another uid', async () => {
    const patch = { metadata: { uid: 'not-this-one', annotations: { [HEARTBEAT]: 'x' } } };
    const tiers = kindResource('Tier');
    const refused: unknown = await mergePatch(direct, tiers, 'clusterfirewall', patch).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(ApiError);
    const [ours] = (await list(direct, tiers)).filter(({ metadata }) => metadata.name === 'clusterfirewall');
    expect(ours?.metadata.annotations?.[HEARTBEAT]).not.toBe('x');
    await expect(mergePatch(direct, tiers, 'absent', patch)).rejects.toMatchObject({ code: 404 });
  });

  test('written heartbeats arrive through all our watches, and are not drift', async () => {
    const applies = () =>
      operator.sample('clusterfirewall_apply_duration_seconds_count{kind="Tier",verb="apply"}');
    const before = { applies: await applies(), applied: operator.logged('applied') };
    for (const kind of ['Tier', 'GlobalNetworkPolicy', 'NetworkPolicy']) {
      const shown = `clusterfirewall_watch_heartbeats_total{kind="${kind}",method="written",result="shown"}`;
      await until(`a heartbeat of ${kind}`, async () => (await operator.sample(shown)) > 0, WITHIN);
      const objects = await list(direct, kindResource(kind as 'Tier'));
      const touched = objects.filter(({ metadata }) => metadata.annotations?.[HEARTBEAT] !== undefined);
      expect(touched).toHaveLength(1);
      expect(touched[0]?.metadata.labels).toMatchObject({
        'app.kubernetes.io/managed-by': 'clusterfirewall',
      });
      expect(touched[0]?.metadata.managedFields).toContainEqual(
        expect.objectContaining({ manager: 'clusterfirewall-heartbeat' }),
      );
    }
    expect(operator.logged('drift repaired')).toBe(0);
    expect({ applies: await applies(), applied: operator.logged('applied') }).toEqual(before);
    expect(await isReady()).toBe(true);
  });

  test('an unreachable API server makes the pod unready, names stale kinds, and is no reason to restart it', async () => {
    expect((await readyz()).status).toBe(200);
    relay.blackHoleAll();
    const stale = /^not ready: nothing certain is known of .*Namespace \(for \d+ s\)/;
    await until('/readyz to fail', async () => stale.test((await readyz()).text), WITHIN);
    expect((await readyz()).status).toBe(503);
    expect((await fetch(`${operator.url}/healthz`)).status).toBe(200);
    relay.restore();
    await until('/readyz to be well again', async () => (await readyz()).status === 200, WITHIN);
  });

  if (mode === 'aggregated') {
    test("an outage of Calico's API server does not: its kinds are known to be unavailable", async () => {
      const isStale = async () => (await operator.sample('watch_staleness_seconds{kind="Tier"}')) > 0;
      await until('its watches to run', isStale);
      await cluster.faults.killCalicoApiServer();
      const asked: number[] = [];
      await until('its watches to end', async () => {
        asked.push((await readyz()).status);
        return !(await isStale());
      });
      // Longer than the maximum age of any copy.
      const end = performance.now() + 15_000;
      while (performance.now() < end) {
        await sleep(500);
        asked.push((await readyz()).status);
      }
      expect(new Set(asked)).toEqual(new Set([200]));
      await cluster.faults.startCalicoApiServer();
      await until('the firewall to be ready again', isReady, WITHIN);
    });
  }
});
