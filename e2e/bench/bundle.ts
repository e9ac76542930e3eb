/** The operator as shipped: the bundle, with the settings of its Deployment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import type { StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';
import { freePort } from '../harness/operator-process.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BUNDLE = path.join(ROOT, 'dist/clusterfirewall.js');
const READY_WITHIN = 120_000;

/** The parts of the Deployment that affect a figure. */
export interface Deployment {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Name of the user at the API server. */
  readonly user: string;
  /** Variables with a literal value, for example NODE_OPTIONS. */
  readonly env: Readonly<Record<string, string>>;
}

interface Container {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly namespace: string };
  readonly spec: {
    readonly template: {
      readonly spec: { readonly serviceAccountName: string; readonly containers: readonly Container[] };
    };
  };
}

export async function deployment(cluster: StartedCluster): Promise<Deployment> {
  const text = await cluster.kubectl(['kustomize', path.join(ROOT, 'config/default')]);
  const found = (loadAll(text) as readonly Manifest[]).find(({ kind }) => kind === 'Deployment');
  if (found === undefined) throw new Error('config/default has no Deployment');
  const { namespace } = found.metadata;
  const { serviceAccountName, containers } = found.spec.template.spec;
  const env = containers
    .flatMap((container) => container.env ?? [])
    .flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  return {
    namespace,
    serviceAccount: serviceAccountName,
    user: `system:serviceaccount:${namespace}:${serviceAccountName}`,
    env: Object.fromEntries(env),
  };
}

export interface StartedBundle extends AsyncDisposable {
  readonly pid: number;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Milliseconds from its start to its first 200 on /readyz. */
  readonly readyAfter: number;
  /** The text of /metrics. */
  metrics(): Promise<string>;
  /** Sends SIGTERM. Resolves when it has ended. */
  stop(): Promise<void>;
}

/** Starts dist/clusterfirewall.js and waits until it is ready. */
export async function startBundle(cluster: StartedCluster, wanted: Deployment): Promise<StartedBundle> {
  await access(BUNDLE);
  const { namespace, serviceAccount } = wanted;
  const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, serviceAccount);
  const address = `127.0.0.1:${await freePort()}`;
  const metricsAddress = `127.0.0.1:${await freePort()}`;
  const logFile = path.join(cluster.workDir, 'logs', 'bundle.log');
  const log = openSync(logFile, 'a');
  const began = performance.now();
  const addresses = ['--health-address', address, '--metrics-address', metricsAddress];
  const command = [process.execPath, BUNDLE, 'run', ...addresses];
  // It must not outlive a killed benchmark, because nobody would stop it then.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
    env: { PATH: process.env['PATH'], ...wanted.env, KUBECONFIG: kubeconfig, POD_NAMESPACE: namespace },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = once(child, 'exit');
  const url = `http://${address}`;
  await waitFor(async () => (await fetch(`${url}/readyz`)).ok || undefined, {
    what: 'the operator to be ready',
    within: READY_WITHIN,
    every: 10,
    abort: ended.then(() => Promise.reject(new Error('the operator ended'))),
    explain: () => readFile(logFile, 'utf8').then((text) => text.slice(-4000)),
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const readyAfter = performance.now() - began;
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  return {
    pid: child.pid ?? 0,
    url,
    readyAfter,
    metrics: async () => (await fetch(`http://${metricsAddress}/metrics`)).text(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
