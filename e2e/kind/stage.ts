/** One cluster of containers, with the operator as config/default ships it, and the cast of the scenarios. */
import { loadAll } from 'js-yaml';
import type { StartedCluster } from '../cluster.ts';
import { installManifests, type OperatorIdentity } from '../harness/operator-process.ts';
import { enterStage, type Stage } from '../harness/pods-stage.ts';
import { kindCluster } from '../providers/kind.ts';
import type { StartedKindCluster } from '../providers/kind/started-cluster.ts';
import { deliverOperatorImage } from './operator-image.ts';

const ROLLOUT = '180s';

export interface OperatorStage {
  readonly cluster: StartedKindCluster;
  readonly identity: OperatorIdentity;
}

export interface KindStage extends Stage, OperatorStage {
  readonly cluster: StartedKindCluster;
}

/** A cluster with the operator, and nothing else. */
export async function startOperatorStage(): Promise<OperatorStage> {
  const cluster = await kindCluster().start();
  try {
    return { cluster, identity: await installOperator(cluster) };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

export async function startKindStage(): Promise<KindStage> {
  const { cluster, identity } = await startOperatorStage();
  try {
    await keepNamesFromCast(cluster);
    return {
      ...(await enterStage(cluster)),
      cluster,
      identity,
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

/** From its image, as config/default ships it. Resolves when every replica is ready. */
async function installOperator(cluster: StartedKindCluster): Promise<OperatorIdentity> {
  await deliverOperatorImage(cluster, await imageName(cluster));
  const identity = await installManifests(cluster);
  await rolledOut(cluster, identity);
  return identity;
}

async function imageName(cluster: StartedCluster): Promise<string> {
  const built = await cluster.kubectl(['kustomize', 'config/manager']);
  const objects = loadAll(built) as readonly Deployment[];
  const image = objects.find(({ kind }) => kind === 'Deployment')?.spec.template.spec.containers[0]?.image;
  if (image === undefined) throw new Error('config/manager has no Deployment with an image');
  return image;
}

interface Deployment {
  readonly kind: string;
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
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
