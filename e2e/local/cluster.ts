import type { CalicoMode, Cluster, PodNetwork } from '../cluster.ts';
import { CONTROL_PLANE } from './addresses.ts';
import { needsBuild, prepareBinaries, type Binaries, type ProgramName } from './build/binaries.ts';
import { startCalicoControllers } from './control-plane/calico-controllers.ts';
import { installCalico } from './control-plane/calico.ts';
import { startControllerManager } from './control-plane/controller-manager.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import { attachToFabric, createFabric } from './network/fabric.ts';
import type { Felix } from './network/felix.ts';
import type { FlowReader } from './network/flow-reader.ts';
import { join } from './joining.ts';
import { createNode, type LocalNode, type NodeSpec } from './network/node.ts';
import { checkPrerequisites } from './process/prerequisites.ts';
import { createGuardedRun } from './process/guarded-run.ts';
import type { Run } from './process/run.ts';
import type { Parts } from './parts.ts';
import { startedCluster, type StartedLocalCluster } from './started-cluster.ts';

export interface LocalClusterOptions {
  readonly calico: CalicoMode;
  readonly nodes: readonly NodeSpec[];
  /** Added to kube-apiserver's command line. Paths must be absolute. */
  readonly apiServerArgs: readonly string[];
  /** Controllers of kube-controller-manager. Without any, it is not started. */
  readonly controllers: readonly string[];
  readonly podNetwork: PodNetwork;
  readonly serviceProxy: boolean;
  readonly calicoControllers: boolean;
  readonly flowLogs: boolean;
}

export class LocalCluster implements Cluster {
  readonly #options: LocalClusterOptions;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
  }

  /** True when a program must be built from source first, which takes minutes. */
  needsBuild(): Promise<boolean> {
    return needsBuild(programs(this.#options));
  }

  /** Installs and builds what this machine lacks. `start` does that too. */
  async prepare(): Promise<Binaries> {
    await checkPrerequisites({ needsGo: await this.needsBuild() });
    return prepareBinaries(programs(this.#options));
  }

  async start(): Promise<StartedLocalCluster> {
    const binaries = await this.prepare();
    const { run, stop } = await createGuardedRun();
    try {
      return startedCluster(await startParts(run, binaries, this.#options), stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }
}

function programs(options: LocalClusterOptions): readonly ProgramName[] {
  const { calico, controllers, serviceProxy, calicoControllers, flowLogs } = options;
  const names: ProgramName[] = ['etcd', 'kube-apiserver', 'kubectl'];
  if (calico.mode === 'aggregated') names.push('calico-apiserver', 'calico-felix');
  if (controllers.length > 0) names.push('kube-controller-manager');
  if (serviceProxy) names.push('kube-proxy');
  if (calicoControllers) names.push('calico-kube-controllers');
  if (flowLogs) names.push('calico-flows');
  return names;
}

async function startParts(run: Run, binaries: Binaries, options: LocalClusterOptions): Promise<Parts> {
  const { podNetwork, serviceProxy } = options;
  await createFabric(run, options.nodes.length);
  const namespace = await attachToFabric(run, 'control-plane', CONTROL_PLANE);
  const [controlPlane, nodes] = await Promise.all([
    startControlPlane(run, namespace, binaries, options),
    createNodes(run, options),
  ]);
  const calico = await installCalico(run, controlPlane, binaries, options);
  const enforcing = options.calico.mode === 'aggregated';
  const flowReaders = options.flowLogs ? new Map<string, FlowReader>() : undefined;
  const joining = { run, binaries, controlPlane, enforcing, podNetwork, serviceProxy, flowReaders };
  const felixes = new Map<string, Felix>();
  await Promise.all(
    nodes
      .filter(({ spec }) => spec.joined !== false)
      .map(async (node) => {
        const felix = await join(joining, node);
        if (felix !== undefined) felixes.set(node.name, felix);
      }),
  );
  const others = [startControllerManager(run, controlPlane, binaries, options.controllers)];
  if (options.calicoControllers) others.push(startCalicoControllers(run, controlPlane, binaries));
  await Promise.all([calico.served, ...others, ...[...felixes.values()].map((felix) => felix.ready())]);
  return { run, binaries, controlPlane, calicoApiServer: calico.apiServer, nodes, joining, felixes };
}

function createNodes(run: Run, { nodes, podNetwork }: LocalClusterOptions): Promise<readonly LocalNode[]> {
  const place = { nodes: nodes.length, routed: podNetwork.overlay === undefined };
  return Promise.all(nodes.map((spec, i) => createNode(run, spec, i + 1, place)));
}
