import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { apply, create, get, listPage, remove } from '../../src/cluster/objects/apply.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { apiService, servedResources } from '../../src/cluster/objects/discovery.ts';
import { Reflector } from '../../src/cluster/informer/reflector.ts';
import { isRecord } from '../../src/json.ts';
import { collectionPath, type KubernetesObject, type Resource } from '../../src/cluster/resource.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import type { StartedCluster } from '../cluster.ts';
import { localCluster } from '../providers/local.ts';
import { BreakableTransport, connect, until } from '../harness/connect.ts';

// Tests where Calico's aggregated API server differs from kube-apiserver.

jest.setTimeout(120_000);

const SETS: Resource = { group: 'projectcalico.org', version: 'v3', plural: 'globalnetworksets' };

let cluster: StartedCluster;
let transport: UndiciTransport;

beforeAll(async () => {
  cluster = await localCluster({
    calico: { mode: 'aggregated' },
    nodes: [],
    // Without a cache, a watch sees immediately that etcd has compacted.
    apiServerArgs: ['--watch-cache=false', '--etcd-compaction-interval=1s'],
  }).start();
  transport = connect(cluster.kubeconfig);
}, 600_000);
afterAll(async () => {
  await transport.close();
  await cluster.stop();
});

let stop: AbortController;
let running: Promise<void> | undefined;
beforeEach(() => {
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await running;
});

const networkSet = (name: string, ...nets: readonly string[]): KubernetesObject => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'GlobalNetworkSet',
  metadata: { name },
  spec: { nets },
});

const outcome = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => error);

/** The first line of a watch from this version. Undefined if it is silent for a second. */
async function firstLine(resourceVersion: string): Promise<unknown> {
  const query = { watch: true, resourceVersion, timeoutSeconds: 1 };
  for await (const line of transport.stream({ method: 'GET', path: collectionPath(SETS), query }))
    return line;
  return undefined;
}

/** An ERROR for a version that etcd has compacted. */
async function expiredLine(resourceVersion: string): Promise<unknown> {
  let found: unknown;
  await until(`version ${resourceVersion} to expire`, async () => {
    await apply(transport, SETS, networkSet('tick', `10.0.0.${String(Math.floor(Math.random() * 256))}/32`));
    const line = await firstLine(resourceVersion);
    found = isRecord(line) && line['type'] === 'ERROR' ? line : undefined;
    return found !== undefined;
  });
  return found;
}

test('discovery finds the server of the API, and its resources', async () => {
  expect(await apiService(transport, 'projectcalico.org', 'v3')).toMatchObject({
    served: 'Aggregated',
    available: true,
  });
  const names = (await servedResources(transport, 'projectcalico.org', 'v3'))?.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['globalnetworkpolicies', 'globalnetworksets', 'tiers']));
});

test('apply creates, writes nothing without a change, and respects preconditions', async () => {
  const first = await apply(transport, SETS, networkSet('applied', '10.0.0.0/8'), { force: true });
  const again = await apply(transport, SETS, networkSet('applied', '10.0.0.0/8'), { force: true });
  expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  const preconditions = { uid: '00000000-0000-0000-0000-000000000000' };
  expect(await outcome(remove(transport, SETS, 'applied', { preconditions }))).toMatchObject({
    reason: 'Conflict',
  });
  expect(await remove(transport, SETS, 'applied', { preconditions: { uid: first.metadata.uid } })).toBe(true);
  expect(await get(transport, SETS, 'applied')).toBeUndefined();
});

test('a list is never cut into pages', async () => {
  for (const name of ['page-a', 'page-b', 'page-c'])
    await create(transport, SETS, networkSet(name, '10.0.0.0/8'));
  const page = await listPage(transport, SETS, { limit: 1 });
  expect(page.items.length).toBeGreaterThanOrEqual(3);
  expect(page.next).toBeUndefined();
  expect(page.resourceVersion).not.toBe('');
});

test('a watch from an expired version ends in an InternalError without a code', async () => {
  const created = await create(transport, SETS, networkSet('old', '10.0.0.0/8'));
  const line = await expiredLine(created.metadata.resourceVersion);
  expect(line).toMatchObject({ type: 'ERROR', object: { reason: 'InternalError' } });
  expect(isRecord(line) && line['object']).not.toHaveProperty('code');
});

test('a reflector follows every change, and lists again whenever its version has expired while it was disconnected', async () => {
  const network = new BreakableTransport(transport);
  const received: string[] = [];
  const reflector = new Reflector({
    transport: network,
    resource: SETS,
    project: (object) => object['spec'],
    onChange: ({ type, key }) => received.push(`${type} ${key}`),
    clock: systemClock,
    log: recordingLogger(),
  });
  running = reflector.start(stop.signal);
  await until('the watch', () => reflector.state.name === 'Watching');
  await create(transport, SETS, networkSet('seen', '10.0.0.0/8'));
  await apply(transport, SETS, networkSet('seen', '11.0.0.0/8'), { force: true });
  await create(transport, SETS, networkSet('unseen', '10.0.0.0/8'));
  await remove(transport, SETS, 'seen');
  const ours = () => received.filter((line) => / (un)?seen$/.test(line));
  await until('four events', () => ours().length === 4);
  expect(ours()).toEqual(['added seen', 'modified seen', 'added unseen', 'deleted seen']);

  // Every time, not only the first, because a new start after such an error may meet the next one.
  for (const time of [1, 2]) {
    const name = `missed-${String(time)}`;
    await create(transport, SETS, networkSet(name, '10.0.0.0/8'));
    await until('the new set', () => received.includes(`added ${name}`));
    const version = reflector.state.name === 'Watching' ? reflector.state.resourceVersion : '';
    network.break();
    await remove(transport, SETS, name);
    await expiredLine(version);
    network.mend();
    await until('the delete', () => received.includes(`deleted ${name}`));
    expect(network.requests.filter(({ query }) => query?.['watch'] !== true)).toHaveLength(1 + time);
  }
});
