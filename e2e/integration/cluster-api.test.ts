import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { apply, create, get, list, mergePatch, remove, replace } from '../../src/cluster/objects/apply.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { apiService, servedGroups, servedResources } from '../../src/cluster/objects/discovery.ts';
import { EventRecorder } from '../../src/cluster/objects/events.ts';
import { ApiError } from '../../src/cluster/errors.ts';
import type { KubernetesObject, Resource } from '../../src/cluster/resource.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import type { StartedCluster } from '../cluster.ts';
import { localCluster } from '../providers/local.ts';
import { connect, until } from '../harness/connect.ts';

jest.setTimeout(120_000);

let cluster: StartedCluster;
let transport: UndiciTransport;
let namespaces = 0;
let namespace: string;
let configMaps: Resource;

beforeAll(async () => {
  cluster = await localCluster({ calico: { mode: 'none' }, nodes: [] }).start();
  transport = connect(cluster.kubeconfig);
}, 600_000);
afterAll(async () => {
  await transport.close();
  await cluster.stop();
});
beforeEach(async () => {
  namespaces += 1;
  namespace = `test-${String(namespaces)}`;
  await cluster.createNamespace(namespace);
  configMaps = { group: '', version: 'v1', plural: 'configmaps', namespace };
});

const configMap = (name: string, data: Readonly<Record<string, string>>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

const outcome = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => error);

describe('server-side apply', () => {
  test('creates, changes, and removes fields that are left out', async () => {
    const created = await apply(transport, configMaps, configMap('a', { x: '1', y: '1' }));
    expect(created.metadata.managedFields).toMatchObject([
      { manager: 'clusterfirewall', operation: 'Apply' },
    ]);
    const changed = await apply(transport, configMaps, configMap('a', { x: '2' }));
    expect(changed['data']).toEqual({ x: '2' });
  });

  test('of the same object again changes nothing', async () => {
    const first = await apply(transport, configMaps, configMap('a', { x: '1' }));
    const second = await apply(transport, configMaps, configMap('a', { x: '1' }));
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('of a field that another manager owns is a Conflict that names both, unless forced', async () => {
    await apply(transport, configMaps, configMap('a', { x: 'theirs', z: 'theirs' }), {
      fieldManager: 'kubectl',
    });
    expect(await outcome(apply(transport, configMaps, configMap('a', { x: 'ours' })))).toMatchObject({
      ...{ name: 'ApiError', code: 409, reason: 'Conflict' },
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl"', field: '.data.x' }],
    });
    const forced = await apply(transport, configMaps, configMap('a', { x: 'ours' }), { force: true });
    expect(forced['data']).toEqual({ x: 'ours', z: 'theirs' });
  });

  test('in a missing namespace reports that', async () => {
    const nowhere = { ...configMaps, namespace: 'nowhere' };
    const object = { ...configMap('a', {}), metadata: { name: 'a', namespace: 'nowhere' } };
    expect(await outcome(apply(transport, nowhere, object))).toMatchObject({
      code: 404,
      message: 'namespaces "nowhere" not found',
    });
  });
});

describe('writes with preconditions', () => {
  test('create refuses a name that is in use', async () => {
    await create(transport, configMaps, configMap('a', {}));
    expect(await outcome(create(transport, configMaps, configMap('a', {})))).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
    });
  });

  test('replace refuses an old version', async () => {
    const first = await create(transport, configMaps, configMap('a', { x: '1' }));
    const second = await replace(transport, configMaps, { ...first, data: { x: '2' } });
    expect(await outcome(replace(transport, configMaps, { ...first, data: { x: '3' } }))).toMatchObject({
      code: 409,
      reason: 'Conflict',
    });
    expect((await get(transport, configMaps, 'a'))?.metadata.resourceVersion).toBe(
      second.metadata.resourceVersion,
    );
  });

  test('remove refuses another uid or version of the object', async () => {
    const { uid, resourceVersion } = (await create(transport, configMaps, configMap('a', {}))).metadata;
    for (const preconditions of [
      { uid: '00000000-0000-0000-0000-000000000000' },
      { uid, resourceVersion: '1' },
    ]) {
      expect(await outcome(remove(transport, configMaps, 'a', { preconditions }))).toMatchObject({
        reason: 'Conflict',
      });
    }
    expect(await remove(transport, configMaps, 'a', { preconditions: { uid, resourceVersion } })).toBe(true);
    expect(await remove(transport, configMaps, 'a')).toBe(false);
  });

  test('a merge patch sets and clears finalizers, and the object stays until they are gone', async () => {
    await create(transport, configMaps, configMap('a', {}));
    await mergePatch(transport, configMaps, 'a', { metadata: { finalizers: ['example.com/hold'] } });
    expect(await remove(transport, configMaps, 'a')).toBe(true);
    const held = await get(transport, configMaps, 'a');
    expect(held?.metadata.deletionTimestamp).toEqual(expect.any(String));
    await mergePatch(transport, configMaps, 'a', { metadata: { finalizers: null } });
    expect(await list(transport, configMaps)).toEqual([]);
  });
});

describe('a token', () => {
  test('that the server does not know is refused, and the next request succeeds after the file has a valid one', async () => {
    const good = await cluster.serviceAccountKubeconfig(namespace, 'default');
    const text = await cluster.kubectl(['config', 'view', '--raw', '--output=json', `--kubeconfig=${good}`]);
    const file = path.join(cluster.workDir, `${namespace}.kubeconfig`);
    const config = JSON.parse(text) as { users: { user: { token: string } }[] };
    const spoilt = config.users.map((entry) => ({ ...entry, user: { token: 'expired' } }));
    await writeFile(file, JSON.stringify({ ...config, users: spoilt }));
    const identified = connect(file);
    try {
      const review = () =>
        identified.request({
          method: 'POST',
          path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        });
      expect(await outcome(review())).toMatchObject({ code: 401, reason: 'Unauthorized' });
      await writeFile(file, text);
      expect((await review()).body).toMatchObject({
        status: { userInfo: { username: `system:serviceaccount:${namespace}:default` } },
      });
    } finally {
      await identified.close();
    }
  });

  test('is not sent to a server whose certificate the CA has not signed', async () => {
    const text = await cluster.kubectl(['config', 'view', '--raw', '--output=json']);
    const config = JSON.parse(text) as { clusters: { cluster: object }[] };
    const file = path.join(cluster.workDir, 'no-ca.kubeconfig');
    const clusters = config.clusters.map((entry) => ({ ...entry, cluster: { server: cluster.server } }));
    await writeFile(file, JSON.stringify({ ...config, clusters }));
    const suspicious = connect(file);
    try {
      expect(await outcome(suspicious.request({ method: 'GET', path: '/readyz' }))).toMatchObject({
        name: 'TransportError',
        message: expect.stringContaining('certificate'),
      });
    } finally {
      await suspicious.close();
    }
  });
});

describe('discovery', () => {
  const CRDS: Resource = {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
  };
  const API_SERVICES: Resource = { group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices' };

  test('finds built-in kinds', async () => {
    expect(await servedGroups(transport)).toContainEqual({ name: 'apps', versions: ['v1'] });
    expect(await servedResources(transport, '', 'v1')).toContainEqual({
      ...{ name: 'namespaces', kind: 'Namespace', namespaced: false },
      verbs: expect.arrayContaining(['list', 'watch']),
    });
    expect(await apiService(transport, 'apps', 'v1')).toEqual({ served: 'Local' });
  });

  test('knows that a kind is absent', async () => {
    expect(await servedResources(transport, 'projectcalico.org', 'v3')).toBeUndefined();
    expect(await apiService(transport, 'projectcalico.org', 'v3')).toEqual({ served: 'Absent' });
  });

  test('distinguishes a CustomResourceDefinition from an aggregated API whose server is down', async () => {
    await create(transport, CRDS, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'gadgets.crd.example' },
      spec: {
        group: 'crd.example',
        scope: 'Cluster',
        names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
        versions: [
          { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
        ],
      },
    });
    await create(transport, API_SERVICES, {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1.aggregated.example' },
      spec: {
        ...{ group: 'aggregated.example', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 100 },
        insecureSkipTLSVerify: true,
        service: { namespace, name: 'missing' },
      },
    });
    await until('the CRD', async () => (await apiService(transport, 'crd.example', 'v1')).served === 'Local');
    await until('the aggregated API to be judged', async () => {
      const service = await apiService(transport, 'aggregated.example', 'v1');
      return service.served === 'Aggregated' && service.message !== '';
    });
    expect(await apiService(transport, 'aggregated.example', 'v1')).toMatchObject({
      available: false,
      message: expect.stringContaining(`service/missing in "${namespace}" is not present`),
    });
    const down = await outcome(servedResources(transport, 'aggregated.example', 'v1'));
    expect(down).toBeInstanceOf(ApiError);
    expect(down).toMatchObject({ code: 503 });
  });
});

test('Events are accepted, a repetition is counted, and kubectl can sort them', async () => {
  const stop = new AbortController();
  const log = recordingLogger();
  const events: Resource = { group: '', version: 'v1', plural: 'events', namespace: 'default' };
  let now = 0;
  const recorder = new EventRecorder({
    ...{ transport, log, reportingController: 'example.com/operator', reportingInstance: 'pod-1' },
    clock: { ...systemClock, now: () => now },
  });
  const running = recorder.run(stop.signal);
  const note = {
    regarding: { apiVersion: 'v1', kind: 'Namespace', name: namespace },
    ...({ type: 'Warning', reason: 'Broken', action: 'Apply', note: 'it is broken: ä'.repeat(100) } as const),
  };
  recorder.record(note);
  const stored = async () => (await list(transport, events)).filter((event) => event['reason'] === 'Broken');
  await until('the Event', async () => (await stored()).length === 1);
  now = 120_000;
  recorder.record(note);
  await until('the count', async () => (await stored())[0]?.['count'] === 2);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/);
  expect(await stored()).toMatchObject([
    { involvedObject: note.regarding, type: 'Warning', firstTimestamp: time, lastTimestamp: time },
  ]);
  expect(log.lines).toEqual([]);
  expect(await cluster.kubectl(['events', `--for=namespace/${namespace}`, '--namespace=default'])).toContain(
    'Broken',
  );
  stop.abort();
  await running;
});
