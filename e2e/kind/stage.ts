/** One cluster of containers, with the operator as the chart installs it, and the cast of the scenarios. */
import path from 'node:path';
import { loadAll } from 'js-yaml';
import type { StartedCluster } from '../cluster.ts';
import { prepareHelm } from '../delivery/helm.ts';
import type { OperatorIdentity } from '../harness/operator-process.ts';
import { enterStage, type Stage } from '../harness/pods-stage.ts';
import { kindCluster } from '../providers/kind.ts';
import type { StartedKindCluster } from '../providers/kind/started-cluster.ts';
import { deliverOperatorImage } from './operator-image.ts';

export const CHART = path.resolve(import.meta.dirname, '../../charts/clusterfirewall');
const RELEASE = 'clusterfirewall';
const NAMESPACE = 'clusterfirewall-system';
const ROLLOUT = '180s';

export interface OperatorStage {
  readonly cluster: StartedKindCluster;
  readonly identity: OperatorIdentity;
  /** Runs Helm on the operator's release, such as `upgrade` or `rollback`. */
  readonly release: (command: string, ...args: readonly string[]) => Promise<string>;
}

export interface KindStage extends Stage, OperatorStage {
  readonly cluster: StartedKindCluster;
}

/** A cluster with the operator, and nothing else. */
export async function startOperatorStage(): Promise<OperatorStage> {
  const cluster = await kindCluster().start();
  try {
    return await installOperator(cluster);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

export async function startKindStage(): Promise<KindStage> {
  const { cluster, identity, release } = await startOperatorStage();
  try {
    await keepNamesFromCast(cluster);
    return {
      ...(await enterStage(cluster)),
      cluster,
      identity,
      release,
      get operator(): never {
        throw new Error('the operator runs in pods here');
      },
      restartOperator: async () => {
        await inNamespace(cluster, identity, ['rollout', 'restart', DEPLOYMENT]);
        await rolledOut(cluster, identity);
      },
      [Symbol.asyncDispose]: () => cluster.stop(),
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Pods of the cast have the label of the DNS server, and answer nothing. So its Service asks for one more. */
async function keepNamesFromCast(cluster: StartedCluster): Promise<void> {
  const label = 'pod-template-hash';
  const dns = ['--namespace', 'kube-system', '--selector', 'k8s-app=kube-dns'];
  const value = await cluster.kubectl([
    ...['get', 'pods', ...dns],
    ...['--output', `jsonpath={.items[0].metadata.labels.${label}}`],
  ]);
  const patch = JSON.stringify({ spec: { selector: { [label]: value } } });
  await cluster.kubectl(['--namespace', 'kube-system', 'patch', 'service', 'kube-dns', '--patch', patch]);
}

const DEPLOYMENT = 'deployment/clusterfirewall';

/** From its image and the chart. Resolves when every replica is ready. */
async function installOperator(cluster: StartedKindCluster): Promise<OperatorStage> {
  const helm = await prepareHelm();
  const release: OperatorStage['release'] = (command, ...args) =>
    helm([command, RELEASE, ...args, '--namespace', NAMESPACE], cluster.kubeconfig);
  const { metadata, spec } = deploymentIn(await release('template', CHART));
  const [container] = spec.template.spec.containers;
  if (container === undefined) throw new Error('the chart has no container');
  await deliverOperatorImage(cluster, container.image);
  await release('install', CHART, '--create-namespace');
  const identity = { namespace: metadata.namespace, serviceAccount: spec.template.spec.serviceAccountName };
  await rolledOut(cluster, identity);
  return { cluster, identity, release };
}

interface Deployment {
  readonly kind: 'Deployment';
  readonly metadata: { readonly namespace: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly { readonly image: string }[];
      };
    };
  };
}

function deploymentIn(manifests: string): Deployment {
  const objects = loadAll(manifests) as readonly (Deployment | { readonly kind: string } | null)[];
  const found = objects.find((each): each is Deployment => each?.kind === 'Deployment');
  if (found === undefined) throw new Error('the chart has no Deployment');
  return found;
}

export async function rolledOut(cluster: StartedCluster, identity: OperatorIdentity): Promise<void> {
  await inNamespace(cluster, identity, ['rollout', 'status', `--timeout=${ROLLOUT}`, DEPLOYMENT]);
}

/** kubectl in the operator's namespace. */
export const inNamespace = (
  cluster: StartedCluster,
  { namespace }: OperatorIdentity,
  args: readonly string[],
): Promise<string> => cluster.kubectl(['--namespace', namespace, ...args]);
