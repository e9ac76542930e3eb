import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { apply, create, get, listPage, mergePatch, remove } from '../../src/cluster/objects/apply.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { ApiError, isExpired } from '../../src/cluster/errors.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import { Reflector, type ReflectorOptions } from '../../src/cluster/informer/reflector.ts';
import { collectionPath, type KubernetesObject, type Resource } from '../../src/cluster/resource.ts';
import type { ChangeEvent } from '../../src/cluster/informer/store.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import { watch } from '../../src/cluster/objects/watch.ts';
import type { StartedCluster } from '../cluster.ts';
import { localCluster } from '../providers/local.ts';
import { BreakableTransport, connect, until } from '../harness/connect.ts';

const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps' };
// This API server does not cache it, so compacted versions are gone for watches too.
const SECRETS: Resource = { group: '', version: 'v1', plural: 'secrets' };

// Limits of the waits below, with room for a busy machine.
jest.setTimeout(120_000);

let cluster: StartedCluster;
let transport: UndiciTransport;
let network: BreakableTransport;
let stop: AbortController;
let running: Promise<void>[];
let namespaces = 0;
let namespace: string;

beforeAll(async () => {
  cluster = await localCluster({
    calico: { mode: 'none' },
    nodes: [],
    apiServerArgs: ['--watch-cache-sizes=secrets#0', '--etcd-compaction-interval=1s'],
  }).start();
  transport = connect(cluster.kubeconfig);
}, 600_000);
afterAll(async () => {
  await transport.close();
  await cluster.stop();
});

beforeEach(async () => {
  network = new BreakableTransport(transport);
  stop = new AbortController();
  running = [];
  namespaces += 1;
  namespace = `test-${String(namespaces)}`;
  await cluster.createNamespace(namespace);
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
});

function reflect(resource: Resource, overrides: Partial<ReflectorOptions<unknown>> = {}) {
  const events: ChangeEvent<unknown>[] = [];
  const reflector = new Reflector<unknown>({
    transport: network,
    resource,
    project: (object) => object['data'],
    onChange: (event) => events.push(event),
    clock: systemClock,
    log: recordingLogger(),
    ...overrides,
  });
  running.push(reflector.start(stop.signal));
  return { reflector, events, received: () => events.map(({ type, key }) => `${type} ${key}`) };
}

const inNamespace = (resource: Resource): Resource => ({ ...resource, namespace });

const objectIn = (kind: string, name: string, data: object): KubernetesObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace },
  data,
});

const configMap = (name: string, value = '1'): KubernetesObject => objectIn('ConfigMap', name, { value });
const secret = (name: string, value = 'MQ=='): KubernetesObject => objectIn('Secret', name, { value });

/** Resolves when a watch from this version would be refused, because etcd has compacted later ones. */
async function compactedBeyond(resource: Resource, resourceVersion: string): Promise<void> {
  await until(`etcd to have compacted version ${resourceVersion}`, async () => {
    // Compaction goes up to the store's version one interval ago, so that version must move on.
    await apply(transport, inNamespace(CONFIG_MAPS), configMap('tick', String(performance.now())));
    const query = { watch: true, resourceVersion, timeoutSeconds: 1 };
    for await (const line of transport.stream({ method: 'GET', path: collectionPath(resource), query })) {
      return (line as { readonly type: string }).type === 'ERROR';
    }
    return false;
  });
}

describe('a list', () => {
  test('of 1200 objects comes in pages and is followed by a watch', async () => {
    const resource = inNamespace(CONFIG_MAPS);
    const names = Array.from({ length: 1200 }, (_, index) => `map-${String(index).padStart(4, '0')}`);
    await forEachLimit(names, 16, async (name) => {
      await create(transport, resource, configMap(name));
    });
    const { reflector, events } = reflect(resource);
    await reflector.waitForSync();
    expect(
      network.requests.filter(({ query }) => query?.['watch'] !== true).map(({ query }) => query?.['limit']),
    ).toEqual([500, 500, 500]);
    expect(reflector.store.keys()).toEqual(names.map((name) => `${namespace}/${name}`));
    expect(events).toHaveLength(1200);
    expect(reflector.store.get(`${namespace}/map-0777`)).toEqual({ value: '1' });

    await remove(transport, resource, 'map-0777');
    await until('the delete', () => reflector.store.size === 1199);
    expect(events.at(-1)).toEqual({ type: 'deleted', key: `${namespace}/map-0777`, old: { value: '1' } });
  });

  test('whose continue token has expired is repeated as one page', async () => {
    const resource = inNamespace(SECRETS);
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(transport, resource, secret(name));
    const before = (await get(transport, resource, 'e'))?.metadata.resourceVersion ?? '';
    network.before = async ({ query }) => {
      if (query?.['continue'] !== undefined) await compactedBeyond(resource, before);
    };
    const { reflector } = reflect(resource, { pageSize: 2 });
    await until('the list', () => reflector.hasSynced);
    expect(reflector.store.size).toBe(5);
    const lists = network.requests.filter(({ query }) => query?.['watch'] !== true);
    expect(lists.map(({ query }) => query?.['limit'])).toEqual([2, 2, undefined]);
  });
});

describe('a watch', () => {
  test('delivers every change in order', async () => {
    const resource = inNamespace(CONFIG_MAPS);
    const { reflector, received } = reflect(resource);
    await reflector.waitForSync();
    await create(transport, resource, configMap('a'));
    await apply(transport, resource, configMap('a', '2'), { force: true });
    await remove(transport, resource, 'a');
    await create(transport, resource, configMap('b'));
    await until('four events', () => received().length === 4);
    const key = (name: string): string => `${namespace}/${name}`;
    expect(received()).toEqual([
      `added ${key('a')}`,
      `modified ${key('a')}`,
      `deleted ${key('a')}`,
      `added ${key('b')}`,
    ]);
  });

  test('follows its label selector: an object that no longer matches is deleted', async () => {
    const resource = inNamespace(CONFIG_MAPS);
    const { reflector, received } = reflect(resource, { labelSelector: 'mine=yes' });
    await reflector.waitForSync();
    const labels = (mine: string) => ({ metadata: { labels: { mine } } });
    await create(transport, resource, configMap('a'));
    await mergePatch(transport, resource, 'a', labels('yes'));
    await mergePatch(transport, resource, 'a', labels('no'));
    await until('two events', () => received().length === 2);
    expect(received()).toEqual([`added ${namespace}/a`, `deleted ${namespace}/a`]);
  });

  test('that broke is resumed at its version: changes in between arrive without a new list', async () => {
    const resource = inNamespace(CONFIG_MAPS);
    await create(transport, resource, configMap('gone'));
    const { reflector, received } = reflect(resource);
    await until('the watch', () => reflector.state.name === 'Watching');
    network.break();
    await remove(transport, resource, 'gone');
    await create(transport, resource, configMap('new'));
    network.mend();
    await until('the delete and the add', () => received().length === 3);
    expect(received()).toEqual([
      `added ${namespace}/gone`,
      `deleted ${namespace}/gone`,
      `added ${namespace}/new`,
    ]);
    expect(network.requests.filter(({ query }) => query?.['watch'] !== true)).toHaveLength(1);
  });

  test('that broke and whose version etcd has compacted: a new list, and the deletions in between', async () => {
    const resource = inNamespace(SECRETS);
    for (const name of ['gone', 'again', 'kept']) await create(transport, resource, secret(name));
    const { reflector, received } = reflect(resource);
    await until('the watch', () => network.requests.some(({ query }) => query?.['watch'] === true));
    network.break();
    const version = network.requests.at(-1)?.query?.['resourceVersion'];
    await remove(transport, resource, 'gone');
    await remove(transport, resource, 'again');
    await create(transport, resource, secret('again', 'Mg=='));
    await create(transport, resource, secret('new'));
    await compactedBeyond(resource, String(version));
    network.mend();
    await until('the new list', () => received().length === 7);
    const after = received().slice(3);
    expect(after.slice().sort()).toEqual(
      ['added again', 'added new', 'deleted again', 'deleted gone'].map((text) =>
        text.replace(' ', ` ${namespace}/`),
      ),
    );
    expect(reflector.store.get(`${namespace}/again`)).toEqual({ value: 'Mg==' });
    expect(network.requests.filter(({ query }) => query?.['watch'] !== true)).toHaveLength(2);
  });

  test('that asks for a compacted version is refused with Expired', async () => {
    const resource = inNamespace(SECRETS);
    const created = await create(transport, resource, secret('a'));
    await create(transport, resource, secret('b'));
    const resourceVersion = created.metadata.resourceVersion;
    await compactedBeyond(resource, resourceVersion);
    const query = { watch: true, resourceVersion };
    for await (const line of transport.stream({ method: 'GET', path: collectionPath(resource), query })) {
      expect(line).toMatchObject({ type: 'ERROR', object: { code: 410 } });
      return;
    }
    throw new Error('no line came');
  });

  test('receives a bookmark before its end, once its collection has changed', async () => {
    const resource: Resource = { group: '', version: 'v1', plural: 'namespaces' };
    const { resourceVersion } = await listPage(transport, resource);
    await cluster.createNamespace(`${namespace}-more`);
    const signal = stop.signal;
    const seen: string[] = [];
    for await (const event of watch({
      ...{ transport, resource, resourceVersion, timeoutSeconds: 6, clock: systemClock, signal },
    })) {
      seen.push('object' in event ? event.object.metadata.name : event.type);
      // The first one shows that the watch is open.
      if (seen.length === 1) await cluster.createNamespace(`${namespace}-later`);
    }
    expect(seen.filter((each) => each !== 'BOOKMARK')).toEqual([`${namespace}-more`, `${namespace}-later`]);
    expect(seen.at(-1)).toBe('BOOKMARK');
  });
});

describe('a kind that is not installed', () => {
  const WIDGETS: Resource = { group: 'example.com', version: 'v1', plural: 'widgets' };
  const CRDS: Resource = {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
  };
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const crd: KubernetesObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };

  test('is NotServed until it is installed; when it is removed its objects are deleted', async () => {
    const { reflector, received } = reflect(WIDGETS);
    await until('NotServed', () => reflector.state.name === 'NotServed');
    await create(transport, CRDS, crd);
    await until('the first list', () => reflector.hasSynced);
    await create(transport, WIDGETS, {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'a' },
    });
    await until('the widget', () => reflector.store.size === 1);
    await remove(transport, CRDS, 'widgets.example.com');
    await until('NotServed again', () => reflector.state.name === 'NotServed');
    expect(received()).toEqual(['added a', 'deleted a']);
  });
});

describe('a ServiceAccount', () => {
  test('without the right is Forbidden, with the reason, and lists once it has the right', async () => {
    const limited = connect(await cluster.serviceAccountKubeconfig(namespace, 'default'));
    try {
      const resource = inNamespace(CONFIG_MAPS);
      await create(transport, resource, configMap('a'));
      const { reflector } = reflect(resource, { transport: limited });
      await until('Forbidden', () => reflector.state.name === 'Forbidden');
      expect(reflector.state).toMatchObject({
        message: expect.stringContaining('cannot list resource "configmaps"'),
      });
      const rights = [
        'create',
        'role',
        'reader',
        '--verb=list,watch',
        '--resource=configmaps',
        '--namespace',
        namespace,
      ];
      await cluster.kubectl(rights);
      const whom = [`--serviceaccount=${namespace}:default`, '--role=reader', '--namespace', namespace];
      await cluster.kubectl(['create', 'rolebinding', 'reader', ...whom]);
      await until('the list', () => reflector.hasSynced);
      expect(reflector.store.keys()).toEqual([`${namespace}/a`]);
    } finally {
      stop.abort();
      await Promise.all(running);
      await limited.close();
    }
  });

  test('may not delete, and is given the reason', async () => {
    const limited = connect(await cluster.serviceAccountKubeconfig(namespace, 'default'));
    try {
      const refused: unknown = await remove(limited, inNamespace(CONFIG_MAPS), 'a').catch(
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(ApiError);
      expect(refused).toMatchObject({ code: 403, reason: 'Forbidden' });
      expect(isExpired(refused)).toBe(false);
    } finally {
      await limited.close();
    }
  });
});
