import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { load } from 'js-yaml';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Status } from '../../src/api/status.ts';
import { conditionOf, eventually, firewall, startRig, type Rig } from './controller-harness.ts';
import { nativeCrds } from '../harness/native-crds.ts';

// The way in which Calico is served changes while the operator runs.

jest.setTimeout(180_000);

let started: Rig | undefined;
const rig = (): Rig => {
  if (started === undefined) throw new Error('the cluster did not start');
  return started;
};
const startsWith = (mode: Parameters<typeof startRig>[0]): void => {
  beforeAll(async () => {
    started = await startRig(mode);
  }, 180_000);
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
    started = undefined;
  }, 60_000);
};

const programmed = (status: Status) => conditionOf(status, 'Programmed') ?? { reason: '', message: '' };
const saying = (reason: string): Promise<Status> =>
  rig().statusThat((status) => programmed(status).reason === reason, reason);
const isReady = async (): Promise<boolean> => (await fetch(`${rig().operator.url}/readyz`)).status === 200;
const names = (objects: readonly object[]): readonly string[] =>
  objects.map((object) => (object as { readonly metadata: { readonly name: string } }).metadata.name);
const information = (calicoVersion: string): object => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'ClusterInformation',
  metadata: { name: 'default' },
  spec: { calicoVersion },
});
/** Applies the object as soon as its kind is served. */
const applied = (object: object): Promise<void> =>
  eventually(
    () =>
      rig()
        .apply(object)
        .then(
          () => true,
          () => false,
        ),
    'the kind to be served',
  );

describe('a cluster in which Calico is installed later', () => {
  startsWith('none');

  test('the CRD of ClusterFirewalls may be installed later, too: until then the operator is not ready', async () => {
    const file = path.resolve(import.meta.dirname, '../../crds/clusterfirewall.io_clusterfirewalls.yaml');
    const crd = load(await readFile(file, 'utf8')) as object;
    await rig().cluster.kubectl(['delete', 'crd', ...names([crd])]);
    const restarted = rig().restart();
    const isMissed = async (): Promise<boolean> =>
      (await rig().logged('list and watch interrupted')).some((line) =>
        JSON.stringify(line).includes('clusterfirewalls'),
      );
    await eventually(isMissed, 'a line in the log');
    await rig().apply(crd);
    await restarted;
    expect(await isReady()).toBe(true);
  });

  test('without Calico the status reports that, with the remedy', async () => {
    await applied(firewall());
    const status = await saying('CalicoNotInstalled');
    expect(conditionOf(status, 'Accepted')?.status).toBe('True');
    expect(programmed(status).message).toContain('install Calico');
    expect(conditionOf(status, 'Stalled')?.status).toBe('False');
    expect(await isReady()).toBe(true);
  });

  test('with a Calico that is too old the status names its version', async () => {
    await rig().apply(...nativeCrds.filter((crd) => JSON.stringify(crd).includes('clusterinformations')));
    await applied(information('v3.28.2'));
    await rig().apply(...nativeCrds);
    const isTooOld = (status: Status): boolean =>
      programmed(status).message.includes('this is v3.28.2: upgrade Calico');
    const status = await rig().statusThat(isTooOld, 'too old');
    expect(programmed(status).reason).toBe('CalicoTooOld');
    expect(conditionOf(status, 'Stalled')?.status).toBe('True');
  });

  test('when Calico is usable, everything is programmed', async () => {
    await rig().apply(information('v3.32.1'));
    const ready = await rig().ready();
    expect(ready.policies?.current).toBeGreaterThan(0);
  });

  test('when Calico is removed, its objects go too, and nothing prevents the deletion of the firewall', async () => {
    await rig().cluster.kubectl(['delete', 'crd', ...names(nativeCrds)]);
    await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=90s']);
  });
});

describe("a cluster whose Calico is served by Calico's API server", () => {
  startsWith('aggregated');
  const SERVICE = 'v3.projectcalico.org';
  let service: object;
  beforeAll(async () => {
    const text = await rig().cluster.kubectl(['get', 'apiservice', SERVICE, '-o', 'json']);
    const { spec } = JSON.parse(text) as { readonly spec: object };
    service = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: SERVICE },
      spec,
    };
    await rig().cluster.createNamespace('shop-1', { shop: 'yes' });
    await rig().apply(shops());
    await rig().ready();
  }, 90_000);

  const shops = (port = 3306) => {
    const connections = [{ name: 'db', fromPods: {}, toPods: {}, ports: [port] }];
    const group = { name: 'shops', namespaceSelector: { matchLabels: { shop: 'yes' } }, connections };
    return firewall({ namespaces: [group] });
  };
  /** Identities of the objects, without their content. */
  const uids = async (): Promise<readonly string[]> =>
    (await rig().generated()).map(
      ({ kind, metadata }) => `${kind ?? ''} ${metadata.name} ${metadata.uid ?? ''}`,
    );
  const inNamespace = async (name: string): Promise<number> =>
    (await rig().generated()).filter(({ metadata }) => metadata.namespace === name).length;

  test('while that server is down the status reports it, everything else goes on, and missed changes are made afterwards', async () => {
    const before = await uids();
    await rig().cluster.faults.killCalicoApiServer();
    await saying('CalicoUnavailable');
    expect(await isReady()).toBe(true);
    await rig().apply(shops(3307));
    await saying('CalicoUnavailable');
    await rig().cluster.createNamespace('shop-2', { shop: 'yes' });
    await rig().cluster.faults.startCalicoApiServer();
    await rig().ready();
    await eventually(
      async () => (await inNamespace('shop-2')) === (await inNamespace('shop-1')),
      'policies in the new namespace',
    );
    expect(await uids()).toEqual(expect.arrayContaining([...before]));
  });

  test('after a switch to native CRDs, everything is programmed there', async () => {
    await rig().cluster.kubectl(['delete', 'apiservice', SERVICE]);
    const status = await saying('CalicoAPIServerMissing');
    expect(programmed(status).message).toContain("install Calico's API server");
    await rig().apply(...nativeCrds);
    const ready = await rig().ready();
    expect(await rig().generated()).toHaveLength(ready.policies?.desired ?? 0);
  });

  test('after a switch back, the old objects there are updated', async () => {
    await rig().apply(shops(3308));
    await rig().ready();
    await rig().cluster.kubectl(['delete', 'crd', ...names(nativeCrds)]);
    await saying('CalicoAPIServerMissing');
    await rig().apply(service);
    await rig().ready();
    const policies = (await rig().generated()).filter(({ metadata }) => metadata.namespace === 'shop-1');
    expect(JSON.stringify(policies)).toContain('3308');
  });

  test('a firewall keeps its finalizer while its objects cannot be listed', async () => {
    await rig().cluster.kubectl(['delete', 'apiservice', SERVICE]);
    await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--wait=false']);
    await saying('CalicoAPIServerMissing');
    await rig().apply(service);
    await rig().cluster.kubectl([
      'delete',
      'clusterfirewall',
      'default',
      '--ignore-not-found',
      '--timeout=90s',
    ]);
    expect(await rig().generated()).toEqual([]);
  });
});
