/** The Helm chart: the same objects as config/, wherever it is installed, and the life of a release. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { installYaml } from '../../hack/install-manifest.ts';
import type { StartedCluster } from '../cluster.ts';
import { startOperator } from '../harness/operator-process.ts';
import { localCluster } from '../providers/local.ts';
import { waitFor } from '../wait.ts';
import { prepareHelm, type Helm } from './helm.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CHART = path.join(ROOT, 'charts/clusterfirewall');
const CI = path.join(CHART, 'ci');
const VALUES = readdirSync(CI).map((file) => path.join(CI, file));
const OWN = 'clusterfirewall-system';
const CRD = 'clusterfirewalls.clusterfirewall.io';

// Helm and kubectl are processes, on a machine that may be busy with other tests.
jest.setTimeout(120_000);

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

let helm: Helm;
let cluster: StartedCluster;

beforeAll(async () => {
  helm = await prepareHelm();
  cluster = await localCluster({ nodes: [] }).start();
}, 900_000);

afterAll(async () => {
  await cluster.stop();
}, 60_000);

const objects = (text: string): readonly Manifest[] =>
  (loadAll(text) as readonly (Manifest | null)[]).filter((each) => each !== null);

const template = async (...args: readonly string[]): Promise<readonly Manifest[]> =>
  objects(await helm(['template', 'cf', CHART, '--namespace', OWN, ...args]));

const keyOf = ({ kind, metadata }: Manifest): string =>
  [kind, metadata.namespace ?? '', metadata.name].join('/');

/** Without the labels of charts, and without the annotation that keeps the CustomResourceDefinition. */
function bare({ metadata, ...rest }: Manifest): object {
  const { annotations = {}, ...names } = { ...metadata, labels: undefined };
  const left = Object.entries(annotations).filter(([key]) => !key.startsWith('helm.sh/'));
  return { ...rest, metadata: left.length > 0 ? { ...names, annotations: Object.fromEntries(left) } : names };
}

const byKey = (manifests: readonly Manifest[]): Readonly<Record<string, object>> =>
  Object.fromEntries(manifests.map((each) => [keyOf(each), bare(each)] as const));

const kustomize = async (folder: string): Promise<readonly Manifest[]> =>
  objects(await cluster.kubectl(['kustomize', path.join(ROOT, 'config', folder)])).filter(
    ({ kind }) => kind !== 'Namespace',
  );

describe('the chart has the objects of config', () => {
  const withDefaults = (folder: string, ...args: readonly string[]): void => {
    test(`config/${folder}: ${args.join(' ') || 'as it is'}`, async () => {
      const chart = byKey(await template(...args));
      const config = byKey(await kustomize(folder));
      expect(Object.keys(chart).toSorted()).toEqual(Object.keys(config).toSorted());
      expect(withoutPullPolicy(chart)).toEqual(config);
    });
  };
  withDefaults('default');
  withDefaults('pods-only', '--values', path.join(CI, 'pods-only-values.yaml'));
  withDefaults('own-tiers', '--set', 'rights.foreignPolicies=false');
  withDefaults(
    'prometheus',
    ...['enabled', 'podMonitor.enabled', 'alerts.enabled'].flatMap((each) => [
      '--set',
      `metrics.${each}=true`,
    ]),
  );
});

test('install.yaml has the objects of config/default, with the image that was named', async () => {
  const image = 'registry.example/clusterfirewall@sha256:0123';
  const own = objects(installYaml(image));
  const config = objects(await cluster.kubectl(['kustomize', path.join(ROOT, 'config/default')]));
  const imaged = JSON.parse(
    JSON.stringify(byKey(config)).replace(/clusterfirewall:0\.1\.0/, image),
  ) as object;
  expect(byKey(own)).toEqual(imaged);
  expect(own.slice(0, 2).map(({ kind }) => kind)).toEqual(['Namespace', 'CustomResourceDefinition']);
});

/** The chart says how images are pulled; config leaves it to the API server's default. */
const withoutPullPolicy = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, each: unknown) => (key === 'imagePullPolicy' ? undefined : each)));

describe('values', () => {
  test.each(VALUES)('%s passes lint and the API server', async (file) => {
    await helm(['lint', '--strict', CHART, '--values', file]);
    // The API server of the test knows no kinds of other projects.
    const known = (await template('--values', file)).filter(
      ({ apiVersion }) => !/^(monitoring\.coreos\.com|cert-manager\.io)\//.test(apiVersion),
    );
    const stored = known.map((each) => ({ ...each, metadata: { ...each.metadata, ...inDefault(each) } }));
    const input = stored.map((each) => JSON.stringify(each)).join('\n---\n');
    await cluster.kubectl(
      ['apply', '--server-side', '--dry-run=server', '--validate=strict', '--filename=-'],
      { input },
    );
  });

  test.each([
    ['a number of replicas below 1', 'replicaCount=0'],
    ['a misspelt name', 'replicas=3'],
    ['a misspelt name further in', 'guards.pod.enabled=false'],
    ['a digest that is none', 'image.digest=latest'],
    ['a name of a user with a comma', 'guards.pods.users[0]=a\\,b'],
  ])('%s is refused', async (_, value) => {
    await expect(template('--set', value)).rejects.toThrow(/values don't meet the specifications/);
  });
});

/** The namespace of the release does not exist, and a dry run does not make it. */
const inDefault = ({ metadata }: Manifest) =>
  metadata.namespace === undefined ? {} : { namespace: 'default' };

describe('a release', () => {
  const NAMESPACE = 'firewall';
  const ACCOUNT = 'guardian';
  const release = (command: string, ...args: readonly string[]) =>
    helm([command, 'cf', ...args, '--namespace', NAMESPACE], cluster.kubeconfig);
  const settings = ['--create-namespace', '--set', `serviceAccount.name=${ACCOUNT}`];
  const stored = (kind: string, name: string): Promise<boolean> =>
    cluster
      .kubectl(['get', kind, name, '--ignore-not-found', '--output=name', '--namespace', NAMESPACE])
      .then((text) => text !== '');
  const denies = async (kind: string): Promise<boolean> =>
    (await cluster.kubectl(['get', kind, '--output=name'])).includes('/cfw-default-defaults-deny');
  const firewall = (mode: string) =>
    cluster.kubectl(['apply', '--server-side', '--filename=-'], {
      input: JSON.stringify({
        apiVersion: 'clusterfirewall.io/v1alpha1',
        kind: 'ClusterFirewall',
        metadata: { name: 'default' },
        spec: { mode },
      }),
    });
  const ready = (generation: number) =>
    waitFor(
      async () => {
        const text = await cluster.kubectl(['get', 'clusterfirewall', 'default', '--output=json']);
        const { status } = JSON.parse(text) as {
          readonly status: {
            readonly observedGeneration: number;
            readonly conditions?: readonly { readonly type: string; readonly status: string }[];
          };
        };
        const isReady = status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
        return (isReady === true && status.observedGeneration >= generation) || undefined;
      },
      { what: `generation ${generation} of the ClusterFirewall to be ready`, within: 60_000 },
    );

  test('its rights suffice, in a namespace and with an account of other names', async () => {
    await release('install', CHART, ...settings);
    await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', CRD]);
    await using operator = await startOperator(cluster, { namespace: NAMESPACE, serviceAccount: ACCOUNT });
    await firewall('Enforce');
    await ready(1);
    expect(operator.pid).toBeGreaterThan(0);
    expect(await denies('globalnetworkpolicies')).toBe(true);
  });

  test('its guards hold the operator of that name', async () => {
    const policy = JSON.stringify({
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: { name: 'theirs' },
      spec: { selector: 'all()', types: ['Ingress'] },
    });
    const as = `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`;
    await expect(cluster.kubectl(['create', '--as', as, '--filename=-'], { input: policy })).rejects.toThrow(
      /may write only objects with its names/,
    );
  });

  test('an upgrade changes it, and a rollback changes it back', async () => {
    const replicas = () =>
      cluster.kubectl([
        ...['get', 'deployment', 'clusterfirewall', '--namespace', NAMESPACE],
        '--output=jsonpath={.spec.replicas}',
      ]);
    await release('upgrade', CHART, ...settings, '--set', 'replicaCount=3');
    expect(await replicas()).toBe('3');
    await release('rollback', '1');
    expect(await replicas()).toBe('2');
  });

  test('it may go: the ClusterFirewall and what it enforces stay', async () => {
    await release('uninstall');
    expect(await stored('deployments', 'clusterfirewall')).toBe(false);
    expect(await stored('clusterfirewalls', 'default')).toBe(true);
    expect(await denies('globalnetworkpolicies')).toBe(true);
  });

  test('it comes back, adopts what stayed, and follows the firewall again', async () => {
    await release('install', CHART, ...settings);
    await firewall('Observe');
    await using operator = await startOperator(cluster, { namespace: NAMESPACE, serviceAccount: ACCOUNT });
    await ready(2);
    expect(operator.pid).toBeGreaterThan(0);
    expect(await denies('globalnetworkpolicies')).toBe(false);
  });

  test('the CustomResourceDefinition stays as long as there is a ClusterFirewall, whoever removes it', async () => {
    const folder = path.join(ROOT, 'config/default');
    await release('upgrade', CHART, ...settings, '--set', 'crds.keep=false');
    // Helm tells the reason only with --debug.
    await expect(release('uninstall')).rejects.toThrow(/failed to delete release/);
    expect(await stored('crd', CRD)).toBe(true);
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '--kustomize', folder]);
    await waitFor(
      () =>
        cluster.kubectl(['delete', '--dry-run=server', 'crd', CRD]).then(
          () => undefined,
          () => true,
        ),
      { what: 'the removal guard', within: 60_000 },
    );
    await expect(
      cluster.kubectl(['delete', '--kustomize', folder, '--ignore-not-found', '--timeout=60s']),
    ).rejects.toThrow(/kubectl delete clusterfirewall default, while/);
    expect(await stored('clusterfirewalls', 'default')).toBe(true);
    expect(await denies('stagedglobalnetworkpolicies')).toBe(true);
  });
});
