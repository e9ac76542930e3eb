/** Tests the image as far as possible without a container engine: see image.ts. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { load } from 'js-yaml';
import { waitFor } from '../wait.ts';
import { installManifests } from '../harness/operator-process.ts';
import { localCluster } from '../providers/local.ts';
import { buildImage, type Image } from './image.ts';
import { firewall } from './specs.ts';

jest.setTimeout(180_000);

let folder: string;
let image: Image;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'image-'));
  await chmod(folder, 0o755);
  image = await buildImage(folder);
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Runs to the end. */
async function ran(...args: readonly string[]) {
  const child = image.start(args);
  const [stdout, stderr, [exitCode]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { exitCode, stdout, stderr };
}

test('its entry point is the command', async () => {
  const { version } = JSON.parse(
    await readFile(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { readonly version: string };
  expect(await ran('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
});

test('it runs the operator as in a pod: with its ServiceAccount, not as root, and without a writable folder', async () => {
  const cluster = await localCluster({ calico: { mode: 'none' }, nodes: [] }).start();
  try {
    const { namespace, serviceAccount } = await installManifests(cluster);
    const account = path.join(image.folder, 'var/run/secrets/kubernetes.io/serviceaccount');
    await mountServiceAccount(
      account,
      namespace,
      await cluster.serviceAccountKubeconfig(namespace, serviceAccount),
    );
    const { hostname, port } = new URL(cluster.server);
    const operator = image.start(['run'], {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      POD_NAMESPACE: namespace,
      POD_NAME: 'operator',
    });
    const output = text(operator.stdout ?? process.stdin);
    const ended = once(operator, 'exit') as Promise<[number | null]>;
    try {
      const status = `/proc/${String(operator.pid)}/status`;
      const input = JSON.stringify(firewall({ mode: 'Observe' }));
      await cluster.kubectl(['apply', '--server-side', '-f', '-'], { input });
      // Without Calico there is no finalizer, because there is nothing to remove.
      const seen = ['get', 'clusterfirewall', 'default', '-o', 'jsonpath={.status.observedGeneration}'];
      await waitFor(async () => (await cluster.kubectl(seen)) === '1' || undefined, {
        what: 'the operator of the image to see a ClusterFirewall',
        within: 60_000,
        abort: ended.then(async ([code]) =>
          Promise.reject(new Error(`it ended with ${String(code)}: ${await output}`)),
        ),
      });
      expect(await readFile(status, 'utf8')).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
    } finally {
      operator.kill('SIGTERM');
    }
    expect(await ended).toEqual([0, null]);
  } finally {
    await cluster.stop();
  }
});

/** Mounts the files like kubelet in a pod. */
async function mountServiceAccount(place: string, namespace: string, kubeconfig: string): Promise<void> {
  const { clusters, users } = load(await readFile(kubeconfig, 'utf8')) as {
    readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }];
    readonly users: readonly [{ readonly user: Readonly<Record<string, string>> }];
  };
  const ca = clusters[0].cluster['certificate-authority-data'] ?? '';
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, 'ca.crt'), Buffer.from(ca, 'base64'));
  await writeFile(path.join(place, 'token'), users[0].user['token'] ?? '');
  await writeFile(path.join(place, 'namespace'), namespace);
}
