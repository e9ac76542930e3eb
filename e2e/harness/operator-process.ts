/** The operator as a local process: from the manifests of config/default, under its own ServiceAccount. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import type { StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const READY_WITHIN = 60_000;
const TAIL_LINES = 20;

/** The operator's identity, from its Deployment. */
export interface OperatorIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface OperatorOptions {
  /** POD_NAME, and the name of the log file; default `operator`. Replicas need different ones. */
  readonly name?: string;
  /** Another URL of the API server, for example of a relay in front of it; default the cluster's own. */
  readonly server?: string;
  /** A folder with a certificate for its metrics, which then need a token. */
  readonly metricsCertificate?: string;
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Put before its command line, for example `faketime`. It must become the operator by exec, so signals
   * reach it.
   */
  readonly wrap?: readonly string[];
}

export interface StartedOperator extends AsyncDisposable {
  /** Its POD_NAME. */
  readonly name: string;
  readonly pid: number;
  /** `http://127.0.0.1:PORT`, where health is served. */
  readonly url: string;
  /** The same for metrics; `https` with a certificate. */
  readonly metricsUrl: string;
  /** JSON lines. */
  readonly logFile: string;
  /** SIGTERM. Resolves to its exit code, or to the name of a signal. */
  stop(): Promise<string>;
  /** Sends the signal without waiting. SIGSTOP and SIGCONT are signals too. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves to its exit code or signal, like stop. */
  readonly ended: Promise<string>;
}

/**
 * Applies config/default, or another folder of config. Its Deployment is stored as well, but starts nothing in
 * a cluster without kubelets. Objects for the Prometheus operator are left out.
 */
export async function installManifests(
  cluster: StartedCluster,
  folder = 'default',
): Promise<OperatorIdentity> {
  const built = await cluster.kubectl(['kustomize', path.join(ROOT, 'config', folder)]);
  const documents = built.split(/^---$/m);
  const manifests = documents
    .filter((text) => !text.includes('apiVersion: monitoring.coreos.com/'))
    .join('---');
  await cluster.kubectl(['apply', '--server-side', '--filename', '-'], { input: manifests });
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', CRD]);
  return identityIn(manifests);
}

const CRD = 'clusterfirewalls.clusterfirewall.io';

interface Deployment {
  readonly kind: 'Deployment';
  readonly metadata: { readonly namespace: string };
  readonly spec: { readonly template: { readonly spec: { readonly serviceAccountName: string } } };
}

function identityIn(manifests: string): OperatorIdentity {
  const objects = loadAll(manifests) as readonly ({ readonly kind: string } | Deployment)[];
  const deployment = objects.find((object): object is Deployment => object.kind === 'Deployment');
  if (deployment === undefined)
    throw new Error('config/default has no Deployment to take the ServiceAccount from');
  const { metadata, spec } = deployment;
  return { namespace: metadata.namespace, serviceAccount: spec.template.spec.serviceAccountName };
}

/**
 * Starts `src/main.ts run` and waits until it is ready. Its log goes to the cluster's folder.
 * @throws with the end of its log when it does not become ready
 */
export async function startOperator(
  cluster: StartedCluster,
  identity: OperatorIdentity,
  options: OperatorOptions = {},
): Promise<StartedOperator> {
  const { name = 'operator' } = options;
  const address = `127.0.0.1:${await freePort()}`;
  const metricsAddress = `127.0.0.1:${await freePort()}`;
  const logFile = path.join(cluster.workDir, 'logs', `${name}.log`);
  const child = await spawnOperator(cluster, identity, options, { name, address, metricsAddress, logFile });
  const ended = endOf(child);
  const url = `http://${address}`;
  await waitFor(async () => (await fetch(`${url}/readyz`)).ok || undefined, {
    what: `${name} to be ready`,
    within: READY_WITHIN,
    abort: ended.then((how) => Promise.reject(new Error(`${name} ended: ${how}; see ${logFile}`))),
    explain: () => tail(logFile),
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const scheme = options.metricsCertificate === undefined ? 'http' : 'https';
  return startedOperator(child, { name, url, metricsUrl: `${scheme}://${metricsAddress}`, logFile, ended });
}

interface Place {
  readonly name: string;
  readonly address: string;
  readonly metricsAddress: string;
  readonly logFile: string;
}

async function spawnOperator(
  cluster: StartedCluster,
  identity: OperatorIdentity,
  { server, env = {}, wrap = [], metricsCertificate }: OperatorOptions,
  { name, address, metricsAddress, logFile }: Place,
): Promise<ChildProcess> {
  const { namespace, serviceAccount } = identity;
  const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, serviceAccount, server);
  const log = openSync(logFile, 'a');
  const flags = ['--health-address', address, '--metrics-address', metricsAddress];
  if (metricsCertificate !== undefined) flags.push('--metrics-certificate', metricsCertificate);
  const command = [...wrap, process.execPath, 'src/main.ts', 'run', ...flags];
  // It must not outlive a killed test run, because nobody would stop it then.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      KUBECONFIG: kubeconfig,
      POD_NAMESPACE: namespace,
      POD_NAME: name,
      ...env,
    },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  return child;
}

function startedOperator(
  child: ChildProcess,
  facts: Pick<StartedOperator, 'name' | 'url' | 'metricsUrl' | 'logFile' | 'ended'>,
): StartedOperator {
  const stop = (): Promise<string> => {
    child.kill('SIGTERM');
    // A process that a test has stopped would never receive SIGTERM.
    child.kill('SIGCONT');
    return facts.ended;
  };
  return {
    ...facts,
    pid: child.pid ?? 0,
    kill: (signal) => {
      child.kill(signal);
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

async function endOf(child: ChildProcess): Promise<string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal ?? `exit code ${String(code)}`;
}

/** A port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function tail(file: string): Promise<string> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return `${file}:\n${lines.slice(-TAIL_LINES).join('\n')}`;
}
