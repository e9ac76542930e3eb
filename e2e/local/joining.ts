import type { PodNetwork } from '../cluster.ts';
import type { Binaries } from './build/binaries.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import { startFelix, type Felix } from './network/felix.ts';
import { FLOW_LOG_ENVIRONMENT, startFlowReader, type FlowReader } from './network/flow-reader.ts';
import { nodePath, registerNode, type LocalNode } from './network/node.ts';
import type { Run } from './process/run.ts';
import { startServiceProxy } from './network/service-proxy.ts';

export interface Joining {
  readonly run: Run;
  readonly binaries: Binaries;
  readonly controlPlane: ControlPlane;
  /** True where Calico's dataplane runs. */
  readonly enforcing: boolean;
  readonly podNetwork: PodNetwork;
  readonly serviceProxy: boolean;
  /** Keyed by node; undefined where nobody wants flow logs. */
  readonly flowReaders: Map<string, FlowReader> | undefined;
}

/**
 * Turns a machine into a node: its object, Felix, kube-proxy. Felix need not be ready yet. The object must
 * not exist.
 */
export async function join(joining: Joining, node: LocalNode): Promise<Felix | undefined> {
  const { run, binaries, controlPlane } = joining;
  const { innerKubeconfig: kubeconfig } = controlPlane;
  await registerNode(controlPlane.api, node, joining.podNetwork.overlay !== undefined);
  if (!joining.enforcing) return undefined;
  const { name, namespace, dataplane, agent } = node;
  const flows = await readFlows(joining, node);
  const felix = await startFelix(run, {
    ...{ node: name, namespace, dataplane, agent, kubeconfig },
    file: binaries.path('calico-felix'),
    env: { ...felixEnvironment(joining), ...(flows !== undefined && FLOW_LOG_ENVIRONMENT) },
    bindings: flows === undefined ? [] : [flows.binding],
  });
  if (joining.serviceProxy) {
    await startServiceProxy(run, node, binaries.path('kube-proxy'), kubeconfig);
  }
  return felix;
}

async function readFlows(
  { run, binaries, flowReaders }: Joining,
  { name, namespace }: LocalNode,
): Promise<FlowReader | undefined> {
  if (flowReaders === undefined) return undefined;
  const spec = { node: name, namespace, file: binaries.path('calico-flows') };
  const reader = await startFlowReader(run, spec);
  flowReaders.set(name, reader);
  return reader;
}

/** Deletes its object, as a cloud does for a deleted machine. Its programs keep running. */
export async function leave({ controlPlane }: Joining, node: LocalNode): Promise<void> {
  await controlPlane.api.delete(nodePath(node.name));
}

function felixEnvironment({ podNetwork, serviceProxy }: Joining): Readonly<Record<string, string>> {
  return {
    // Routes to the pods of other nodes come from the nodes' podCIDRs, because there is no Calico IPAM here.
    ...(podNetwork.overlay === undefined ? {} : { USE_POD_CIDR: 'true' }),
    // This is kube-proxy's choice. Felix would choose again at each start, and perhaps differently.
    ...(serviceProxy ? { FELIX_IPTABLESBACKEND: 'NFT' } : {}),
  };
}
