/** A webhook and an aggregated API in a pod, with everything that makes kube-apiserver call them. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { StartedCluster, StartedPod } from '../cluster.ts';
import { createAuthority, createCertificate } from '../local/control-plane/certificates.ts';
import { startChild } from '../local/process/child.ts';
import { openRun, type Run } from '../local/process/run.ts';
import { routeServices } from '../local/network/service-route.ts';
import type { WebhookCall } from '../local/control-plane/webhook-server.ts';

const SERVER = fileURLToPath(new URL('../local/control-plane/webhook-server.ts', import.meta.url));

/** Ports of the pod. `named` is called https there. */
export const POD_PORTS = { named: 9443, numbered: 9444 };
const SERVICE_PORTS = { named: 443, numbered: 8443 };
const SERVICE = 'webhook';
const API = { group: 'tools.example.com', version: 'v1' };
const LABEL = { 'example.com/judged': 'yes' };
/** Seconds that kube-apiserver waits for the webhook. */
const TIMEOUT = 2;

export interface Webhook extends AsyncDisposable {
  /** Calls that arrived so far. */
  readonly calls: readonly WebhookCall[];
  /** Sends an object that the webhook must admit. Resolves to the API server's answer. */
  attempt(): Promise<'admitted' | { readonly refused: string }>;
  /** From now on the pod is the backend of an aggregated API. */
  aggregate(): Promise<void>;
  /** The API's condition Available. */
  isAvailable(): Promise<boolean>;
}

/** The pod declares POD_PORTS and does not listen on them. Its labels are the Service's selector. */
export async function startWebhook(
  cluster: StartedCluster,
  pod: StartedPod,
  selector: Readonly<Record<string, string>>,
): Promise<Webhook> {
  const run = openRun(cluster.workDir);
  const authority = createAuthority(SERVICE);
  const caBundle = Buffer.from(authority.certificate).toString('base64');
  const { namespace } = pod;
  const calls: WebhookCall[] = [];
  // A begun step is also undone when a later step fails.
  await using begun = new AsyncDisposableStack();
  const certificate = createCertificate(authority, SERVICE, [`${SERVICE}.${namespace}.svc`]);
  begun.defer(await startServer(run, pod, certificate, calls));
  begun.defer(() => remove(cluster, namespace));
  begun.defer(await route(cluster, run, pod, selector));
  await apply(cluster, configuration(namespace, caBundle));
  const all = begun.move();
  return {
    calls,
    attempt: () => attempt(cluster),
    aggregate: () => apply(cluster, apiService(namespace, caBundle)),
    isAvailable: () => isAvailable(cluster),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function remove(cluster: StartedCluster, namespace: string): Promise<void> {
  const ofCluster = ['validatingwebhookconfiguration/webhook', `apiservice/${API.version}.${API.group}`];
  const inNamespace = ['--namespace', namespace, 'service/webhook', 'endpointslice/webhook'];
  for (const objects of [ofCluster, inNamespace]) {
    await cluster.kubectl(['delete', '--ignore-not-found', ...objects]);
  }
}

/** Resolves to a function that removes it. */
async function startServer(
  run: Run,
  pod: StartedPod,
  { certificate, key }: ReturnType<typeof createCertificate>,
  calls: WebhookCall[],
): Promise<() => Promise<void>> {
  const files = { certificate: path.join(run.dir, 'webhook.crt'), key: path.join(run.dir, 'webhook.key') };
  await writeFile(files.certificate, certificate);
  await writeFile(files.key, key, { mode: 0o600 });
  const args = [SERVER, files.certificate, files.key, ...Object.values(POD_PORTS).map(String)];
  const spec = { name: 'webhook-server', namespace: run.namespace(pod.name), file: process.execPath, args };
  const child = startChild(run, spec, ['ignore', 'pipe', 'log']);
  const { stdout } = child.process;
  if (stdout === null) throw new Error('webhook-server has no standard output');
  const lines = createInterface({ input: stdout });
  await Promise.race([once(lines, 'line'), child.failed]);
  lines.on('line', (line) => calls.push(JSON.parse(line) as WebhookCall));
  return async () => {
    child.process.kill('SIGKILL');
    await child.ended;
  };
}

/** The Service. Where nothing else makes its endpoints and the route to them, they are made as well. */
async function route(
  cluster: StartedCluster,
  run: Run,
  pod: StartedPod,
  selector: Readonly<Record<string, string>>,
): Promise<() => Promise<void>> {
  const metadata = { name: SERVICE, namespace: pod.namespace };
  await apply(cluster, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      selector,
      ports: [
        { name: 'named', port: SERVICE_PORTS.named, targetPort: 'https' },
        { name: 'numbered', port: SERVICE_PORTS.numbered, targetPort: POD_PORTS.numbered },
      ],
    },
  });
  if (cluster.servesServices) return () => Promise.resolve();
  await apply(cluster, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': SERVICE } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [pod.address], conditions: { ready: true } }],
    ports: Object.entries(POD_PORTS).map(([name, port]) => ({ name, port, protocol: 'TCP' })),
  });
  const clusterIP = [
    'get',
    'service',
    SERVICE,
    '--namespace',
    pod.namespace,
    '--output',
    'jsonpath={.spec.clusterIP}',
  ];
  const address = await cluster.kubectl(clusterIP);
  const routes = (['named', 'numbered'] as const).map((which) => ({
    service: { address, port: SERVICE_PORTS[which] },
    pod: { address: pod.address, port: POD_PORTS[which] },
  }));
  return routeServices(run.namespace('control-plane'), SERVICE, routes);
}

const configuration = (namespace: string, caBundle: string): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'webhook' },
  webhooks: [
    {
      name: 'webhook.example.com',
      clientConfig: { service: { namespace, name: SERVICE, path: '/admit' }, caBundle },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
      objectSelector: { matchLabels: LABEL },
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      timeoutSeconds: TIMEOUT,
    },
  ],
});

const apiService = (namespace: string, caBundle: string): object => ({
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: `${API.version}.${API.group}` },
  spec: {
    ...API,
    groupPriorityMinimum: 100,
    versionPriority: 100,
    caBundle,
    service: { namespace, name: SERVICE, port: SERVICE_PORTS.numbered },
  },
});

/** A dry run goes through admission and stores nothing. */
async function attempt(cluster: StartedCluster): ReturnType<Webhook['attempt']> {
  const judged = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'judged', namespace: 'default', labels: LABEL },
  };
  const create = ['create', '--dry-run=server', '--filename', '-'];
  return cluster.kubectl(create, { input: JSON.stringify(judged) }).then(
    () => 'admitted',
    (error: unknown) => ({ refused: String(error) }),
  );
}

async function isAvailable(cluster: StartedCluster): Promise<boolean> {
  const status = 'jsonpath={.status.conditions[?(@.type=="Available")].status}';
  const name = `${API.version}.${API.group}`;
  return (await cluster.kubectl(['get', 'apiservice', name, '--output', status])) === 'True';
}

async function apply(cluster: StartedCluster, object: object): Promise<void> {
  await cluster.kubectl(['apply', '--server-side', '--filename', '-'], { input: JSON.stringify(object) });
}
