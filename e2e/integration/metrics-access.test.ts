/** Who may read metrics, decided by a real API server with the rights of config/metrics. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { load, loadAll } from 'js-yaml';
import type { ApiServerRelay, StartedCluster } from '../cluster.ts';
import { installManifests, startOperator, type StartedOperator } from '../harness/operator-process.ts';
import { createAuthority, createCertificate } from '../local/control-plane/certificates.ts';
import { localCluster } from '../providers/local.ts';
import { waitFor } from '../wait.ts';

jest.setTimeout(120_000);

const ROOT = path.resolve(import.meta.dirname, '../..');
const ACCESS = 'clusterfirewall-metrics-access';
const READER = 'clusterfirewall-metrics-reader';

const authority = createAuthority('metrics');
let cluster: StartedCluster;
let relay: ApiServerRelay;
let operator: StartedOperator;
/** The name in the certificate that Prometheus expects, and the namespace of the operator. */
let [serverName, namespace] = ['', ''];

beforeAll(async () => {
  cluster = await localCluster({ calico: { mode: 'none' }, nodes: [] }).start();
  relay = await cluster.faults.relay();
  const identity = await installManifests(cluster, 'prometheus');
  namespace = identity.namespace;
  const monitor = load(
    await readFile(path.join(ROOT, 'config/prometheus/pod_monitor.yaml'), 'utf8'),
  ) as Monitor;
  serverName = monitor.spec.podMetricsEndpoints[0].tlsConfig.serverName;
  const folder = path.join(cluster.workDir, 'metrics');
  await mkdir(folder);
  const { certificate, key } = createCertificate(authority, serverName, [serverName]);
  await writeFile(path.join(folder, 'tls.crt'), certificate);
  await writeFile(path.join(folder, 'tls.key'), key);
  operator = await startOperator(cluster, identity, { server: relay.server, metricsCertificate: folder });
}, 180_000);
afterAll(async () => {
  await operator.stop();
  await relay[Symbol.asyncDispose]();
  await cluster.stop();
}, 60_000);

interface Monitor {
  readonly spec: {
    readonly podMetricsEndpoints: readonly [{ readonly tlsConfig: { readonly serverName: string } }];
  };
}

/** Resolves to the status and the body. Without a token none is sent. */
async function scrape(token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const url = `${operator.metricsUrl}/metrics`;
  const sent = request(url, { headers, servername: serverName, ca: authority.certificate, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

/** A token that the operator has not seen, because it remembers those that were allowed. */
const tokenOf = async (account: string): Promise<string> =>
  (await cluster.kubectl(['create', 'token', account, `--namespace=${namespace}`])).trim();

/** The API server applies a change of rights a moment after it was written. */
const becomes = (status: number, account: string): Promise<unknown> =>
  waitFor(async () => (await scrape(await tokenOf(account))).status === status || undefined, {
    what: `a scrape of ${account} to be answered with ${status}`,
    within: 30_000,
  });

const refusalsInLog = async (): Promise<readonly string[]> =>
  (await readFile(operator.logFile, 'utf8'))
    .split('\n')
    .filter((line) => line.includes('metrics: a reader could not be reviewed'));

test('the reader that Prometheus uses gets metrics', async () => {
  const { status, body } = await scrape(await tokenOf(READER));
  expect(status).toBe(200);
  expect(body).toContain('leader_election_master_status{name="clusterfirewall"}');
});

test('nobody else does', async () => {
  expect((await scrape()).status).toBe(401);
  expect((await scrape('hunter2')).status).toBe(401);
  const reader = await tokenOf(READER);
  expect((await scrape(`${reader.slice(0, -8)}AAAAAAAA`)).status).toBe(401);
  await cluster.kubectl(['create', 'serviceaccount', 'stranger', `--namespace=${namespace}`]);
  for (const account of ['clusterfirewall', 'stranger']) {
    const { status, body } = await scrape(await tokenOf(account));
    expect(status).toBe(403);
    expect(body).toContain(READER);
  }
});

test('a right that is taken away ends, and so does an account', async () => {
  const binding = await cluster.kubectl(['get', 'clusterrolebinding', READER, '--output=json']);
  await cluster.kubectl(['delete', 'clusterrolebinding', READER]);
  await becomes(403, READER);
  await cluster.kubectl(['create', '--filename=-'], { input: withoutVersion(binding) });
  await becomes(200, READER);

  await cluster.kubectl(['create', 'serviceaccount', 'short', `--namespace=${namespace}`]);
  const token = await tokenOf('short');
  await cluster.kubectl(['delete', 'serviceaccount', 'short', `--namespace=${namespace}`]);
  await waitFor(async () => (await scrape(token)).status === 401 || undefined, {
    what: 'the token of a deleted account to be refused',
    within: 30_000,
  });
});

test.each([0, 1])('without the right of rule %i the operator refuses everybody', async (index) => {
  const role = await cluster.kubectl(['get', 'clusterrole', ACCESS, '--output=json']);
  const { rules } = JSON.parse(role) as { readonly rules: readonly unknown[] };
  expect(rules).toHaveLength(2);
  const before = (await refusalsInLog()).length;
  const patch = JSON.stringify([{ op: 'remove', path: `/rules/${index}` }]);
  await cluster.kubectl(['patch', 'clusterrole', ACCESS, '--type=json', `--patch=${patch}`]);
  try {
    await becomes(503, READER);
    // The log is written behind: its line may come after the answer.
    await waitFor(async () => (await refusalsInLog()).length > before || undefined, {
      what: 'the refusal to be logged',
      within: 30_000,
    });
  } finally {
    const back = JSON.stringify({ rules });
    await cluster.kubectl(['patch', 'clusterrole', ACCESS, '--type=merge', `--patch=${back}`]);
  }
  await becomes(200, READER);
});

test('without the API server only those who were allowed a moment ago get metrics', async () => {
  const [known, fresh] = [await tokenOf(READER), await tokenOf(READER)];
  expect((await scrape(known)).status).toBe(200);
  relay.blackHoleAll();
  try {
    expect((await scrape(fresh)).status).toBe(503);
    expect((await scrape(known)).status).toBe(200);
  } finally {
    relay.restore();
  }
  await becomes(200, READER);
});

test('config/default has none of these rights', async () => {
  const built = await cluster.kubectl(['kustomize', path.join(ROOT, 'config/default')]);
  expect(JSON.stringify(loadAll(built))).not.toMatch(/tokenreviews|subjectaccessreviews|nonResourceURLs/);
});

function withoutVersion(json: string): string {
  const object = JSON.parse(json) as { readonly metadata: { resourceVersion?: string } };
  delete object.metadata.resourceVersion;
  return JSON.stringify(object);
}
