import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { apply } from '../../src/cluster/objects/apply.ts';
import { systemClock, type Clock } from '../../src/cluster/clock.ts';
import { kubeConfigCredentials } from '../../src/cluster/http/kubeconfig.ts';
import { Reflector } from '../../src/cluster/informer/reflector.ts';
import { withRetry } from '../../src/cluster/http/retry.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import { UndiciTransport } from '../../src/cluster/http/undici-transport.ts';
import type { ApiServerRelay, StartedCluster } from '../cluster.ts';
import { createAuthority, createCertificate } from '../local/control-plane/certificates.ts';
import { localCluster } from '../providers/local.ts';
import { until } from '../harness/connect.ts';

// The files of a pod's ServiceAccount or of a kubeconfig change while a client watches, as when kubelet,
// cert-manager or kubeadm rotates them. The real API server also reads its own certificate and its clients'
// authority from files that change.

jest.setTimeout(120_000);

/**
 * kube-apiserver reads its files at every inotify event, and once a minute in case one is lost
 * (k8s.io/apiserver, dynamiccertificates).
 */
const RELOADED_WITHIN = 70_000;

let cluster: StartedCluster;
let relay: ApiServerRelay;
/** Signs the certificates of clients. */
const authority = createAuthority('clients');
/** Signs the API server's certificate after its authority was replaced. */
const nextAuthority = createAuthority('kubernetes-next');

const file = (name: string): string => path.join(cluster.workDir, name);
const pki = (name: string): string => path.join(cluster.workDir, 'pki', name);

/** Path of a file of the pod's ServiceAccount, under the prefix that client-node uses here. */
const mounted = (name: string): string =>
  path.join(cluster.workDir, 'var/run/secrets/kubernetes.io/serviceaccount', name);

beforeAll(async () => {
  cluster = await localCluster({ calico: { mode: 'none' }, nodes: [] }).start();
  relay = await cluster.faults.relay();
  const { hostname, port } = new URL(relay.server);
  Object.assign(process.env, { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port });
  await mkdir(mounted('.'), { recursive: true });
  await writeFile(pki('ca.crt'), authority.certificate);
  await writeFile(mounted('ca.crt'), await presentAuthority());
  for (const name of ['one', 'two'])
    await cluster.kubectl(['create', 'serviceaccount', name, '--namespace=default']);
  await mountToken('one');
  const binding = ['create', 'clusterrolebinding', 'everybody', '--clusterrole=cluster-admin'];
  await cluster.kubectl([...binding, '--group=system:authenticated']);
}, 180_000);
afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  await cluster.stop();
}, 60_000);

const mountToken = async (name: string): Promise<void> =>
  writeFile(mounted('token'), await cluster.kubectl(['create', 'token', name, '--namespace=default']));

/** The authority in PEM from the administrator's kubeconfig. */
async function presentAuthority(): Promise<string> {
  const field = 'jsonpath={.clusters[0].cluster.certificate-authority-data}';
  const data = await cluster.kubectl(['config', 'view', '--raw', '--output', field]);
  return Buffer.from(data, 'base64').toString();
}

/** The operator's configuration in its pod. */
function inPod(): KubeConfig {
  const loaded = new KubeConfig();
  loaded.loadFromCluster(cluster.workDir);
  return loaded;
}

async function withClientCertificate(): Promise<() => KubeConfig> {
  const config = {
    clusters: [{ name: 'c', cluster: { server: relay.server, 'certificate-authority': mounted('ca.crt') } }],
    users: [
      { name: 'u', user: { 'client-certificate': file('client.crt'), 'client-key': file('client.key') } },
    ],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(file('kubeconfig.rotated'), JSON.stringify(config));
  return () => {
    const loaded = new KubeConfig();
    loaded.loadFromFile(file('kubeconfig.rotated'));
    return loaded;
  };
}

/**
 * A client with a watch, made like the operator's. The test moves its clock, because files are read again
 * after a minute.
 */
async function client(load: () => KubeConfig) {
  let skew = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + skew };
  const credentials = kubeConfigCredentials(load, { clock, log: recordingLogger() });
  const connections = new UndiciTransport({ credentials, clock, userAgent: 'clusterfirewall-test' });
  // A connection may break during a request before the client knows.
  const transport = withRetry(connections, { clock, log: recordingLogger() });
  const resource = { group: '', version: 'v1', plural: 'configmaps', namespace: 'default' };
  const log = recordingLogger();
  const project = (): true => true;
  const reflector = new Reflector({ transport, resource, project, clock, log });
  const stop = new AbortController();
  const ended = reflector.start(stop.signal);
  const dispose = async (): Promise<void> => {
    stop.abort();
    await ended;
    await connections.close();
  };
  try {
    await until('the watch to begin', () => reflector.state.name === 'Watching');
  } catch (error) {
    await dispose();
    throw new Error(JSON.stringify(log.lines), { cause: error });
  }
  return {
    /** Log of the watch. */
    log,
    aMinuteLater: () => {
      skew += 61_000;
    },
    whoAmI: () => userOf(transport),
    /** Writes an object and waits until the watch shows it. */
    async sees() {
      const name = randomUUID();
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } };
      await apply(transport, resource, object);
      await until(`the watch to show ${name}`, () => reflector.store.get(`default/${name}`) === true);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function userOf(transport: Transport): Promise<string> {
  const { body } = await transport.request({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  return (body as { readonly status: { readonly userInfo: { readonly username: string } } }).status.userInfo
    .username;
}

test('a rotated token is used, and the watch goes on, with the old connection and with a new one', async () => {
  await using rotated = await client(inPod);
  expect(await rotated.whoAmI()).toBe('system:serviceaccount:default:one');

  await mountToken('two');
  rotated.aMinuteLater();
  expect(await rotated.whoAmI()).toBe('system:serviceaccount:default:two');
  await rotated.sees();
  expect(rotated.log.lines).toEqual([]);
  relay.cut();
  await rotated.sees();
});

test('a rotated client certificate is used', async () => {
  const issue = async (user: string): Promise<void> => {
    const { certificate, key } = createCertificate(authority, user);
    await writeFile(file('client.crt'), certificate);
    await writeFile(file('client.key'), key);
  };
  await issue('one');
  await until('the API server to know its clients', () => isAccepted('client'), RELOADED_WITHIN);
  await using rotated = await client(await withClientCertificate());
  expect(await rotated.whoAmI()).toBe('one');

  await issue('two');
  rotated.aMinuteLater();
  expect(await rotated.whoAmI()).toBe('two');
  await rotated.sees();
  expect(rotated.log.lines).toEqual([]);
  relay.cut();
  await rotated.sees();
});

test('a rotated authority of the API server is used: first both are trusted, then the server changes, then only the new one is trusted', async () => {
  await using rotated = await client(inPod);
  const old = await presentAuthority();
  await writeFile(mounted('ca.crt'), old + nextAuthority.certificate);
  rotated.aMinuteLater();
  await rotated.sees();

  const { certificate, key } = createCertificate(nextAuthority, 'kube-apiserver', ['127.0.0.1']);
  await writeFile(pki('server.crt'), certificate);
  await writeFile(pki('server.key'), key);
  await until(
    'the API server to show its new certificate',
    () => isTrusted(nextAuthority.certificate),
    RELOADED_WITHIN,
  );
  await rotated.sees();
  expect(rotated.log.lines).toEqual([]);
  relay.cut();
  await rotated.sees();

  await writeFile(mounted('ca.crt'), nextAuthority.certificate);
  rotated.aMinuteLater();
  await rotated.sees();
  relay.cut();
  await rotated.sees();

  // The former authority is no longer trusted.
  await writeFile(mounted('ca.crt'), old);
  rotated.aMinuteLater();
  await expect(rotated.whoAmI()).rejects.toThrow('certificate');
});

/** True if the API server now shows a certificate signed by `ca`. */
async function isTrusted(ca: string): Promise<boolean> {
  const { hostname, port } = new URL(cluster.server);
  const socket = connectTls({ host: hostname, port: Number(port), ca });
  try {
    await once(socket, 'secureConnect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function isAccepted(name: string): Promise<boolean> {
  try {
    const args = [`--client-certificate=${file(`${name}.crt`)}`, `--client-key=${file(`${name}.key`)}`];
    await cluster.kubectl([
      '--kubeconfig=/dev/null',
      `--server=${cluster.server}`,
      ...args,
      `--certificate-authority=${mounted('ca.crt')}`,
      'auth',
      'whoami',
    ]);
    return true;
  } catch {
    return false;
  }
}
