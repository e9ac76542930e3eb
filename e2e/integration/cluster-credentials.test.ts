import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { apply } from '../../src/cluster/apply.ts';
import { systemClock, type Clock } from '../../src/cluster/clock.ts';
import { kubeConfigCredentials } from '../../src/cluster/kubeconfig.ts';
import { Reflector } from '../../src/cluster/reflector.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import { UndiciTransport } from '../../src/cluster/undici-transport.ts';
import type { ApiServerRelay, StartedCluster } from '../cluster.ts';
import { createAuthority, createCertificate } from '../local/certificates.ts';
import { localCluster } from '../providers/local.ts';
import { until } from './cluster-harness.ts';

// What the files of a kubeconfig say changes under a client that watches, as kubelet, cert-manager and kubeadm rotate it. The real API server
// reads its own certificate and its clients' authority from files that change, too.

jest.setTimeout(120_000);

let cluster: StartedCluster;
let relay: ApiServerRelay;
/** Signs the certificates of clients. */
const authority = createAuthority('clients');
/** Vouches for the API server after its authority was replaced. */
const nextAuthority = createAuthority('kubernetes-next');

const file = (name: string): string => path.join(cluster.workDir, name);
const pki = (name: string): string => path.join(cluster.workDir, 'pki', name);

beforeAll(async () => {
  cluster = await localCluster({ calico: { mode: 'none' }, nodes: [] }).start();
  relay = await cluster.faults.relay();
  await writeFile(pki('ca.crt'), authority.certificate);
  await writeFile(file('bundle.crt'), await presentAuthority());
  const binding = ['create', 'clusterrolebinding', 'everybody', '--clusterrole=cluster-admin'];
  await cluster.kubectl([...binding, '--group=system:authenticated']);
}, 180_000);
afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  await cluster.stop();
}, 60_000);

/** In PEM, from the administrator's kubeconfig. */
async function presentAuthority(): Promise<string> {
  const field = 'jsonpath={.clusters[0].cluster.certificate-authority-data}';
  const data = await cluster.kubectl(['config', 'view', '--raw', '--output', field]);
  return Buffer.from(data, 'base64').toString();
}

/** A client with a watch, whose clock the test moves on: files are read again after a minute. */
async function client(user: object) {
  let skew = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + skew };
  const ca = { 'certificate-authority': file('bundle.crt') };
  const config = {
    clusters: [{ name: 'c', cluster: { server: relay.server, ...ca } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(file('kubeconfig.rotated'), JSON.stringify(config));
  const load = (): KubeConfig => {
    const loaded = new KubeConfig();
    loaded.loadFromFile(file('kubeconfig.rotated'));
    return loaded;
  };
  const credentials = kubeConfigCredentials(load, clock);
  const transport = new UndiciTransport({ credentials, clock, userAgent: 'clusterfirewall-test' });
  const resource = { group: '', version: 'v1', plural: 'configmaps', namespace: 'default' };
  const log = recordingLogger();
  const project = (): true => true;
  const reflector = new Reflector({ transport, resource, project, clock, log });
  const stop = new AbortController();
  const ended = reflector.start(stop.signal);
  await reflector.synced(AbortSignal.timeout(30_000));
  let written = 0;
  return {
    log,
    aMinuteLater: () => {
      skew += 61_000;
    },
    whoAmI: () => userOf(transport),
    /** Writes an object and waits until the watch shows it. */
    async sees() {
      written += 1;
      const name = `${log.lines.length}-${written}-${Date.now()}`;
      await apply(transport, resource, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
      });
      await until(`the watch to show ${name}`, () => reflector.get(`default/${name}`) === true);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await transport.close();
    },
  };
}

async function userOf(transport: UndiciTransport): Promise<string> {
  const { body } = await transport.request({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  return (body as { readonly status: { readonly userInfo: { readonly username: string } } }).status.userInfo
    .username;
}

test('a token that is rotated is taken up, and the watch goes on, with the old connection and with a new one', async () => {
  const token = (name: string) => cluster.kubectl(['create', 'token', name, '--namespace=default']);
  for (const name of ['one', 'two'])
    await cluster.kubectl(['create', 'serviceaccount', name, '--namespace=default']);
  await writeFile(file('token'), await token('one'));
  await using rotated = await client({ tokenFile: file('token') });
  expect(await rotated.whoAmI()).toBe('system:serviceaccount:default:one');

  await writeFile(file('token'), await token('two'));
  rotated.aMinuteLater();
  expect(await rotated.whoAmI()).toBe('system:serviceaccount:default:two');
  await rotated.sees();
  expect(rotated.log.lines).toEqual([]);
  relay.cut();
  await rotated.sees();
});

test('likewise a client certificate', async () => {
  const issue = async (user: string): Promise<void> => {
    const { certificate, key } = createCertificate(authority, user);
    await writeFile(file('client.crt'), certificate);
    await writeFile(file('client.key'), key);
  };
  await issue('one');
  await until('the API server to know the authority of its clients', () => isAccepted('client'));
  await using rotated = await client({
    'client-certificate': file('client.crt'),
    'client-key': file('client.key'),
  });
  expect(await rotated.whoAmI()).toBe('one');

  await issue('two');
  rotated.aMinuteLater();
  expect(await rotated.whoAmI()).toBe('two');
  await rotated.sees();
  expect(rotated.log.lines).toEqual([]);
  relay.cut();
  await rotated.sees();
});

test("likewise the API server's authority: first both are trusted, then the server changes, then only the new one is", async () => {
  await using rotated = await client({ tokenFile: file('token') });
  const old = await presentAuthority();
  await writeFile(file('bundle.crt'), old + nextAuthority.certificate);
  rotated.aMinuteLater();
  await rotated.sees();

  const { certificate, key } = createCertificate(nextAuthority, 'kube-apiserver', ['127.0.0.1']);
  await writeFile(pki('server.crt'), certificate);
  await writeFile(pki('server.key'), key);
  await until('the API server to show its new certificate', () => isTrusted(nextAuthority.certificate));
  await rotated.sees();
  expect(rotated.log.lines).toEqual([]);
  relay.cut();
  await rotated.sees();

  await writeFile(file('bundle.crt'), nextAuthority.certificate);
  rotated.aMinuteLater();
  await rotated.sees();
  relay.cut();
  await rotated.sees();

  // And what vouched for it before does so no more.
  await writeFile(file('bundle.crt'), old);
  rotated.aMinuteLater();
  await expect(rotated.whoAmI()).rejects.toThrow('certificate');
});

/** Whether a certificate signed by `ca` is what the API server shows now. */
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
      `--certificate-authority=${file('bundle.crt')}`,
      'auth',
      'whoami',
    ]);
    return true;
  } catch {
    return false;
  }
}
