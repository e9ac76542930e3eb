import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CalicoMode, Cluster, StartedCluster } from '../cluster.ts';
import { CONTROL_PLANE } from './addresses.ts';
import { needsBuild, prepareBinaries, type Binaries, type ProgramName } from './binaries.ts';
import { installCalico, type AggregatedApiServer } from './calico.ts';
import { startControllerManager } from './controller-manager.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { attachToFabric, createFabric } from './fabric.ts';
import { startFelix, type Felix } from './felix.ts';
import { createNode, registerNode, type LocalNode, type NodeSpec } from './node.ts';
import { checkPrerequisites } from './prerequisites.ts';
import { createRun, removeLeftovers, removeRun, type Run } from './run.ts';
import { startedCluster } from './started-cluster.ts';

export interface LocalClusterOptions {
  readonly calico: CalicoMode;
  readonly nodes: readonly NodeSpec[];
  /** Added to kube-apiserver's command line; paths must be absolute. */
  readonly apiServerArgs: readonly string[];
  /** Of kube-controller-manager; without any it is not started. */
  readonly controllers: readonly string[];
}

/** What a started cluster is made of. */
export interface Parts {
  readonly run: Run;
  readonly binaries: Binaries;
  readonly controlPlane: ControlPlane;
  /** Where Calico's API is aggregated. */
  readonly calicoApiServer: AggregatedApiServer | undefined;
  readonly nodes: readonly LocalNode[];
  /** By node name; empty unless Calico is served by its API server. */
  readonly felixes: ReadonlyMap<string, Felix>;
}

const REAPER = fileURLToPath(new URL('reaper.ts', import.meta.url));

export class LocalCluster implements Cluster {
  readonly #options: LocalClusterOptions;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
  }

  async start(): Promise<StartedCluster> {
    const names = programs(this.#options);
    await checkPrerequisites({ needsGo: await needsBuild(names) });
    const binaries = await prepareBinaries(names);
    await removeLeftovers();
    const run = await createRun();
    const reaper = startReaper(run);
    const stop = async (): Promise<void> => {
      await removeRun(run);
      await endReaper(reaper);
    };
    try {
      return startedCluster(await startParts(run, binaries, this.#options), stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }
}

function programs({ calico, controllers }: LocalClusterOptions): readonly ProgramName[] {
  const names: ProgramName[] = ['etcd', 'kube-apiserver', 'kubectl'];
  if (calico.mode === 'aggregated') names.push('calico-apiserver', 'calico-felix');
  if (controllers.length > 0) names.push('kube-controller-manager');
  return names;
}

async function startParts(run: Run, binaries: Binaries, options: LocalClusterOptions): Promise<Parts> {
  await createFabric(run, options.nodes.length);
  const namespace = await attachToFabric(run, 'control-plane', CONTROL_PLANE);
  const [controlPlane, nodes] = await Promise.all([
    startControlPlane(run, namespace, binaries, options),
    Promise.all(options.nodes.map((spec, i) => createNode(run, spec, i + 1, options.nodes.length))),
  ]);
  const [calico] = await Promise.all([
    installCalico(run, controlPlane, binaries, options.calico),
    ...nodes.map((node) => registerNode(controlPlane.api, node)),
  ]);
  const felixes = new Map<string, Felix>();
  if (options.calico.mode === 'aggregated') {
    for (const node of nodes) {
      const { name, dataplane, agent } = node;
      const [file, kubeconfig] = [binaries.path('calico-felix'), controlPlane.innerKubeconfig];
      const spec = { node: name, namespace: node.namespace, dataplane, agent, file, kubeconfig };
      felixes.set(name, await startFelix(run, spec));
    }
  }
  const manager = startControllerManager(run, controlPlane, binaries, options.controllers);
  await Promise.all([calico.served, manager, ...[...felixes.values()].map((felix) => felix.ready())]);
  return { run, binaries, controlPlane, calicoApiServer: calico.apiServer, nodes, felixes };
}

/** Lives until our end of its standard input closes, which the kernel does however we end. */
function startReaper(run: Run): ChildProcess {
  return spawn(process.execPath, [REAPER, run.dir], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}

async function endReaper(reaper: ChildProcess): Promise<void> {
  if (reaper.exitCode !== null || reaper.signalCode !== null) return;
  reaper.kill('SIGKILL');
  await once(reaper, 'exit');
}
