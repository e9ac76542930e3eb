import type { PodNetwork } from '../cluster.ts';
import type { Binaries } from './build/binaries.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import { startFelix, type Felix } from './network/felix.ts';
import { nodePath, registerNode, type LocalNode } from './network/node.ts';
import type { Run } from './process/run.ts';
import { startServiceProxy } from './network/service-proxy.ts';

export interface Joining {
  readonly run: Run;
  readonly binaries: Binaries;
  readonly controlPlane: ControlPlane;
  /** Whether Calico's dataplane runs. */
  readonly enforcing: boolean;
  readonly podNetwork: PodNetwork;
  readonly serviceProxy: boolean;
}

/** Makes a machine a node: its object, Felix, kube-proxy. Felix need not be ready yet, and its object must not be there already. */
export async function join(joining: Joining, node: LocalNode): Promise<Felix | undefined> {
  const { run, binaries, controlPlane } = joining;
  const { innerKubeconfig: kubeconfig } = controlPlane;
  await registerNode(controlPlane.api, node, joining.podNetwork.overlay !== undefined);
  if (!joining.enforcing) return undefined;
  const { name, namespace, dataplane, agent } = node;
  const felix = await startFelix(run, {
    ...{ node: name, namespace, dataplane, agent, kubeconfig },
    file: binaries.path('calico-felix'),
    env: felixEnvironment(joining),
  });
  if (joining.serviceProxy) {
    await startServiceProxy(run, node, binaries.path('kube-proxy'), kubeconfig);
  }
  return felix;
}

/** Takes its object away, as a cloud does when the machine is gone. What runs on it keeps running. */
export async function leave({ controlPlane }: Joining, node: LocalNode): Promise<void> {
  await controlPlane.api.delete(nodePath(node.name));
}

function felixEnvironment({ podNetwork, serviceProxy }: Joining): Readonly<Record<string, string>> {
  return {
    // Ways to the pods of other nodes come from the nodes' podCIDRs: there is no Calico IPAM here to tell.
    ...(podNetwork.overlay === undefined ? {} : { USE_POD_CIDR: 'true' }),
    // kube-proxy's choice; Felix would choose anew, and perhaps differently, whenever it is started again.
    ...(serviceProxy ? { FELIX_IPTABLESBACKEND: 'NFT' } : {}),
  };
}
