import type { PodSpec, StartedPod } from '../../cluster.ts';
import { both, podAddress } from '../addresses.ts';
import { startAgent } from '../probes/agent-client.ts';
import type { Api } from '../control-plane/api.ts';
import { startEndpoint } from './endpoint.ts';
import { attachPod } from './fabric.ts';
import type { Felix } from './felix.ts';
import { podInterface } from './names.ts';
import { ip } from '../process/netns.ts';
import type { LocalNode } from './node.ts';
import type { Run } from '../process/run.ts';

export interface PodPlace {
  readonly node: LocalNode;
  /** Determines the pod's address. It counts from 1 on each node. */
  readonly index: number;
  /** Absent where Calico's dataplane does not run. */
  readonly felix: Felix | undefined;
}

/** The pod's network, its API object and its echo servers. Resolves when its node has programmed it. */
export async function startPod(run: Run, api: Api, spec: PodSpec, place: PodPlace): Promise<StartedPod> {
  const { node, index, felix } = place;
  const name = `${spec.namespace}.${spec.name}`;
  const address = podAddress(node.index, index);
  const namespace = await attachPod(run, name, {
    node: node.namespace,
    interface: podInterface(spec.namespace, spec.name),
    address,
  });
  const agent = startAgent(run, namespace, name);
  const endpoint = startEndpoint(name, both(address), agent);
  const echoing = (spec.ports ?? []).filter(({ echo }) => echo !== false);
  await Promise.all([endpoint.listen(echoing), registerPod(api, spec, node, both(address))]);
  await felix?.programmed(spec.namespace, spec.name);
  return {
    ...endpoint,
    namespace: spec.namespace,
    node: node.name,
    delete: async () => {
      await api.delete(`${podPath(spec)}?gracePeriodSeconds=0`);
      agent.child.process.kill('SIGKILL');
      await agent.child.ended;
      await ip([`netns delete ${namespace}`]);
      await felix?.forgotten(spec.namespace, spec.name);
    },
  };
}

function podPath(spec: PodSpec): string {
  return `/api/v1/namespaces/${spec.namespace}/pods/${spec.name}`;
}

/** In the state in which scheduler and kubelet would leave it: bound and running. */
async function registerPod(
  api: Api,
  spec: PodSpec,
  node: LocalNode,
  addresses: readonly string[],
): Promise<void> {
  const ports = spec.ports?.map(({ port, protocol = 'TCP', name }) => ({
    containerPort: port,
    protocol,
    name,
  }));
  const container = { name: 'echo', image: 'local/echo' };
  await api.apply(podPath(spec), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: spec.name, namespace: spec.namespace, labels: spec.labels ?? {} },
    spec: {
      nodeName: node.name,
      serviceAccountName: spec.serviceAccount ?? 'default',
      automountServiceAccountToken: false,
      containers: [{ ...container, ports: ports ?? [] }],
    },
  });
  const now = new Date().toISOString();
  const state = { running: { startedAt: now } };
  await api.mergePatch(`${podPath(spec)}/status`, {
    status: {
      phase: 'Running',
      hostIP: node.address,
      podIP: addresses[0],
      podIPs: addresses.map((ip) => ({ ip })),
      startTime: now,
      conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: now,
      })),
      containerStatuses: [{ ...container, imageID: '', ready: true, started: true, restartCount: 0, state }],
    },
  });
}
