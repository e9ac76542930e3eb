/** A cluster with Argo CD's settings, and on request the operator. Argo CD's own code does the rest. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { load, loadAll } from 'js-yaml';
import type { StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';
import { startOperator, type StartedOperator } from '../harness/operator-process.ts';
import { localCluster } from '../providers/local.ts';
import { argoFor, type Argo, type HealthStatus, type KubernetesObject } from './argo.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** The same as in config/manager. */
const IDENTITY = { namespace: 'clusterfirewall-system', serviceAccount: 'clusterfirewall' };
const WITHIN = 120_000;

export interface GitOpsStage extends AsyncDisposable {
  readonly cluster: StartedCluster;
  readonly argo: Argo;
  /** The objects of config/argocd/sync, as Argo CD would track them. */
  readonly manifests: readonly KubernetesObject[];
  startOperator(): Promise<void>;
  stopOperator(): Promise<void>;
  /**
   * Syncs a ClusterFirewall and waits until the operator has seen it. Resolves to the spec that is stored
   * then.
   */
  settle(wanted: KubernetesObject): Promise<unknown>;
  /** Waits until Argo CD reports this health. Resolves to its message. */
  becomes(wanted: KubernetesObject, status: HealthStatus): Promise<string>;
}

interface StageOptions {
  readonly calico: 'aggregated' | 'none';
  /** Sync option ServerSideApply=true. */
  readonly serverSideApply: boolean;
}

/** Starts with nothing synced and without the operator. */
export async function startStage({ calico, serverSideApply }: StageOptions): Promise<GitOpsStage> {
  const cluster = await localCluster({ calico: { mode: calico }, nodes: [] }).start();
  try {
    await cluster.createNamespace('argocd');
    await cluster.kubectl(['apply', '--server-side', '-f', path.join(ROOT, 'config/argocd/argocd-cm.yaml')]);
    const text = await cluster.kubectl(['kustomize', path.join(ROOT, 'config/argocd/sync')]);
    const manifests = (loadAll(text) as readonly KubernetesObject[]).map(tracked);
    const argo = argoFor({ kubeconfig: cluster.kubeconfig, settingsNamespace: 'argocd', serverSideApply });
    return stage({ cluster, argo, manifests, hasCalico: calico !== 'none' });
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

interface Parts extends Pick<GitOpsStage, 'cluster' | 'argo' | 'manifests'> {
  readonly hasCalico: boolean;
}

function stage({ cluster, argo, manifests, hasCalico }: Parts): GitOpsStage {
  let operator: StartedOperator | undefined;
  const stopOperator = async (): Promise<void> => {
    await operator?.stop();
    operator = undefined;
  };
  return {
    cluster,
    argo,
    manifests,
    stopOperator,
    async startOperator() {
      operator = await startOperator(cluster, IDENTITY);
    },
    async settle(wanted) {
      await argo.sync([wanted]);
      return waitFor(() => observedSpec(cluster, hasCalico), {
        what: 'the operator to see it',
        within: WITHIN,
      });
    },
    becomes: (wanted, status) => becomes(argo, wanted, status),
    async [Symbol.asyncDispose]() {
      await stopOperator();
      await cluster.stop();
    },
  };
}

interface StoredFirewall {
  readonly metadata: { readonly generation: number; readonly finalizers?: readonly string[] };
  readonly spec: object;
  readonly status?: { readonly observedGeneration?: number };
}

/** @param kept true if the operator adds its finalizer, which it does when it can write for the firewall */
async function observedSpec(cluster: StartedCluster, kept: boolean): Promise<object | undefined> {
  const found = await cluster.kubectl(['get', 'clusterfirewall', 'default', '--output', 'json']);
  const { metadata, spec, status } = JSON.parse(found) as StoredFirewall;
  const seen =
    status?.observedGeneration === metadata.generation && (metadata.finalizers !== undefined || !kept);
  return seen ? spec : undefined;
}

function becomes(argo: Argo, wanted: KubernetesObject, status: HealthStatus): Promise<string> {
  const health = async () => (await argo.judge([wanted]))[0]?.health;
  const look = async (): Promise<string | undefined> => {
    const found = await health();
    return found?.status === status ? (found.message ?? '') : undefined;
  };
  const explain = async (): Promise<string> => JSON.stringify(await health());
  return waitFor(look, { what: `Argo CD to call it ${status}`, within: WITHIN, explain });
}

/** Marks the object like Argo CD, by annotation, as part of an Application. */
export function tracked(object: KubernetesObject): KubernetesObject {
  const { apiVersion, kind, metadata } = object;
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  const id = `clusterfirewall:${group}/${kind}:${metadata.namespace ?? ''}/${metadata.name}`;
  const annotations = { ...metadata.annotations, 'argocd.argoproj.io/tracking-id': id };
  return { ...object, metadata: { ...metadata, annotations } };
}

/** One manifest of config/samples. */
export async function sample(name: string): Promise<KubernetesObject> {
  return tracked(load(await readFile(path.join(ROOT, 'config/samples', name), 'utf8')) as KubernetesObject);
}
