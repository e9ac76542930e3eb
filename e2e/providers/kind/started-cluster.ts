import type { Endpoint, StartedCluster, StartedNode } from '../../cluster.ts';
import type { Api } from '../../local/control-plane/api.ts';
import { kubectl } from '../../local/control-plane/kubectl.ts';
import { startEndpoint } from '../../local/network/endpoint.ts';
import { createMarkerProbe, markerPodName, type EnforcingNode } from '../../local/network/marker.ts';
import { startNode } from '../../local/network/node-endpoint.ts';
import { startOutsideHost } from '../../local/network/outside-host.ts';
import { layWire } from '../../local/network/wire.ts';
import { startAgent } from '../../local/probes/agent-client.ts';
import { runIn } from '../../local/process/netns.ts';
import type { Run } from '../../local/process/run.ts';
import { createNamespace, named, serviceAccountKubeconfig } from '../../local/started-cluster.ts';
import type { Binaries } from '../../local/build/binaries.ts';
import type { Dataplane } from '../../cluster.ts';
import type { Docker } from './docker.ts';
import { execute, type Machine } from './machine.ts';
import { startKindPod, type PodNode } from './pod.ts';

export interface StartedKindCluster extends StartedCluster {
  readonly docker: Docker;
  /** The image of the engine becomes known to every worker. */
  readonly loadImage: (name: string) => Promise<void>;
  /** Runs a program on a machine, in its container. Resolves to its output. */
  execute(node: string, command: readonly string[]): Promise<string>;
}

/** The ways to the API server. */
export interface Access {
  readonly api: Api;
  /** For this machine. */
  readonly server: string;
  readonly authority: string;
  readonly kubeconfig: string;
  readonly kubectl: (args: readonly string[]) => Promise<string>;
}

interface KindParts extends Access {
  readonly run: Run;
  readonly docker: Docker;
  readonly binaries: Binaries;
  readonly controlPlane: Machine;
  readonly workers: readonly { readonly machine: Machine; readonly dataplane: Dataplane }[];
  readonly remove: () => Promise<void>;
}

interface KindNode extends StartedNode {
  /** From 1. */
  readonly index: number;
  readonly machine: Machine;
}

/** Nobody watches Felix in its pod: kubelet restarts it. */
const NEVER = new Promise<never>(() => undefined);

export function startedKindCluster(parts: KindParts): StartedKindCluster {
  const { run, api, server, docker, controlPlane, binaries } = parts;
  const kubectlFile = binaries.path('kubectl');
  const nodes = parts.workers.map(({ machine, dataplane }, i) => startWorker(run, machine, dataplane, i + 1));
  const marker = createMarkerProbe(
    api,
    () => nodes.map((node) => enforcing(parts, node)),
    (_, node) => createMarkerPod(parts, named(nodes, node.name)),
  );
  let [wires, turn] = [0, 0];
  let controlPlaneHost: Endpoint | undefined;
  const stop = async (): Promise<void> => {
    api.close();
    const containers = [controlPlane, ...nodes.map(({ machine }) => machine)];
    await Promise.all(containers.map(({ container }) => container.stop({ timeout: 0, removeVolumes: true })));
    await parts.remove();
  };
  return {
    name: run.id,
    server,
    kubeconfig: parts.kubeconfig,
    workDir: run.dir,
    docker,
    nodes,
    node: (name) => named(nodes, name),
    controlPlane: () => (controlPlaneHost ??= startControlPlaneHost(parts)),
    servesServices: true,
    joinNode: () => Promise.reject(new Error('every machine of a cluster of containers joins at its start')),
    leaveNode: () =>
      Promise.reject(new Error('no machine of a cluster of containers leaves: drain it instead')),
    get faults(): never {
      throw new Error('a cluster of containers has no faults: use the local cluster');
    },
    serviceAccountKubeconfig: (namespace, name, way = server) =>
      serviceAccountKubeconfig(parts, run.dir, { namespace, name, server: way }),
    get: (path) => api.get(path),
    kubectl: (args, options) => kubectl(kubectlFile, parts.kubeconfig, args, options),
    createNamespace: (name, labels = {}) => createNamespace(api, name, labels),
    createPod: (spec) => {
      const node = spec.node === undefined ? nodes[turn++ % nodes.length] : named(nodes, spec.node);
      if (node === undefined) throw new Error('the cluster has no workers');
      return startKindPod(run, api, spec, place(node));
    },
    createOutsideHost: (spec) => startOutsideHost(run, spec),
    run: (where, command) => runIn(run.namespace(where.name), command),
    wire: (from, to) => layWire(run, from, to, ++wires),
    policiesProgrammed: () => marker.passed(),
    loadImage: (name) => loadImage(docker, nodes, name),
    execute: (node, command) =>
      execute(node === controlPlane.name ? controlPlane : named(nodes, node).machine, command),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function loadImage(docker: Docker, nodes: readonly KindNode[], name: string): Promise<void> {
  for (const { machine } of nodes) {
    const load = ['ctr', '--namespace', 'k8s.io', 'images', 'import', '-'];
    await docker.pipeImage(name, ['docker', 'exec', '--interactive', machine.container.getId(), ...load]);
  }
}

function startControlPlaneHost({ run, controlPlane: { name, address } }: KindParts): Endpoint {
  return startEndpoint(name, [address], startAgent(run, run.namespace(name), name));
}

function startWorker(run: Run, machine: Machine, dataplane: Dataplane, index: number): KindNode {
  const { name } = machine;
  const place = { name, namespace: run.namespace(name) };
  const agent = startAgent(run, place.namespace, name);
  const node = startNode(run, place, { addresses: [machine.address], agent, dataplane });
  return { ...node, index, machine };
}

const place = ({ name, address, machine }: KindNode): PodNode => ({ name, address, pid: machine.pid });

function enforcing({ kubectl: call }: KindParts, node: KindNode): EnforcingNode {
  const ofNode = ['--field-selector', `spec.nodeName=${node.name}`, '--selector', 'k8s-app=calico-node'];
  const tail = async (): Promise<string> => {
    const pod = await call(['--namespace', 'calico-system', 'get', 'pods', ...ofNode, '--output', 'name']);
    return call(['--namespace', 'calico-system', 'logs', '--tail=40', pod.trim()]);
  };
  return { node, felix: { failed: NEVER, tail } };
}

async function createMarkerPod({ run, api }: KindParts, node: KindNode): Promise<void> {
  await startKindPod(run, api, { namespace: 'kube-system', name: markerPodName(node) }, place(node));
}
