/** A cluster for measurements, with the API server's audit log of the operator's requests. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Transport } from '../../src/cluster/http/transport.ts';
import type { CalicoMode, StartedCluster } from '../cluster.ts';
import { connect } from '../harness/connect.ts';
import { nativeCrds } from '../harness/native-crds.ts';
import type { NodeSpec } from '../local/network/node.ts';
import { installManifests } from '../harness/operator-process.ts';
import { localCluster } from '../providers/local.ts';
import { AuditLog, auditPolicy } from './audit.ts';
import { deployment, startBundle, type Deployment, type StartedBundle } from './bundle.ts';

export type ServedMode = 'aggregated' | 'native';

export interface Rig extends AsyncDisposable {
  readonly mode: ServedMode;
  /** The way in which Calico is served, for a person to read. */
  readonly served: string;
  readonly cluster: StartedCluster;
  /** The administrator's client. */
  readonly client: Transport;
  readonly deployment: Deployment;
  /**
   * Kubeconfig of a ServiceAccount with all rights. Its requests are authenticated, authorized, queued and
   * recorded like the operator's, unlike those of an administrator.
   */
  readonly strangerKubeconfig: string;
  /** Requests of the operator's ServiceAccount, of the stranger, and of the given users. */
  readonly audit: AuditLog;
  startOperator(): Promise<StartedBundle>;
}

export interface RigOptions {
  readonly mode: ServedMode;
  /** The default is none. */
  readonly nodes?: readonly NodeSpec[];
  /** Also records the requests of the administrator, kubernetes-admin. */
  readonly recordAdministrator?: boolean;
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const CALICO_CRDS = path.resolve(ROOT, '../shared/calico');
const OPERATOR = 'system:serviceaccount:clusterfirewall-system:clusterfirewall';
const STRANGER = { namespace: 'default', name: 'bench' };

/** Starts the cluster and installs config/default, without the operator. */
export async function startRig({ mode, nodes = [], recordAdministrator = false }: RigOptions): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bench-'));
  const [policy, log] = [path.join(folder, 'policy.json'), path.join(folder, 'audit.log')];
  const recorded = [OPERATOR, `system:serviceaccount:${STRANGER.namespace}:${STRANGER.name}`];
  const users = recordAdministrator ? [...recorded, 'kubernetes-admin'] : recorded;
  await writeFile(policy, JSON.stringify(auditPolicy(users)));
  const apiServerArgs = [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`];
  const { calico, served } = await calicoMode(mode, folder);
  const cluster = await localCluster({ calico, nodes, apiServerArgs }).start();
  const client = connect(cluster.kubeconfig);
  const dispose = async (): Promise<void> => {
    await client.close();
    await cluster.stop();
    await rm(folder, { recursive: true });
  };
  try {
    await installManifests(cluster);
    const wanted = await deployment(cluster);
    if (wanted.user !== OPERATOR) throw new Error('config/default runs as somebody else: change OPERATOR');
    return {
      mode,
      served,
      cluster,
      client,
      deployment: wanted,
      strangerKubeconfig: await stranger(cluster),
      audit: new AuditLog(log),
      startOperator: () => startBundle(cluster, wanted),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function stranger(cluster: StartedCluster): Promise<string> {
  const { namespace, name } = STRANGER;
  await cluster.kubectl(['create', 'serviceaccount', name, '--namespace', namespace]);
  const whom = `--serviceaccount=${namespace}:${name}`;
  await cluster.kubectl(['create', 'clusterrolebinding', name, '--clusterrole=cluster-admin', whom]);
  return cluster.serviceAccountKubeconfig(namespace, name);
}

/** Runs `work` while the operator runs. */
export async function whileRunning<T>(rig: Rig, work: () => Promise<T>): Promise<T> {
  const operator = await rig.startOperator();
  try {
    return await work();
  } finally {
    await operator.stop();
  }
}

/**
 * Native mode uses Calico's own CRDs if they are available, and otherwise a reduced form that the operator
 * accepts.
 */
async function calicoMode(
  mode: ServedMode,
  folder: string,
): Promise<{ readonly calico: CalicoMode; readonly served: string }> {
  if (mode === 'aggregated') return { calico: { mode }, served: 'aggregated' };
  const versions = await readdir(CALICO_CRDS).catch(() => []);
  const newest = versions
    .filter((name) => name.endsWith('-crds'))
    .toSorted()
    .at(-1);
  if (newest !== undefined) {
    const served = `native, CRDs of Calico ${newest.replace('-crds', '')}`;
    return { calico: { mode, crds: path.join(CALICO_CRDS, newest) }, served };
  }
  const crds = path.join(folder, 'crds');
  await writeFile(`${crds}.json`, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: nativeCrds }));
  return { calico: { mode, crds: `${crds}.json` }, served: 'native, minimal CRDs' };
}
