import { KindCluster } from './kind/cluster.ts';
import type { Worker } from './kind/machine.ts';

export interface KindOptions {
  /**
   * The workers. There is a control plane besides them, with Felix in iptables mode. Default: node1 with Felix
   * in iptables mode, node2 with Felix in nftables mode. kube-proxy is in iptables mode everywhere.
   */
  readonly workers?: readonly Worker[];
}

/**
 * A cluster of containers, as kind makes it: kubeadm, kubelet and containerd on every node, Calico's CNI
 * plugin with its IPAM, Felix as a DaemonSet. It needs Linux, root and, the first time, Go.
 */
export function kindCluster(options: KindOptions = {}): KindCluster {
  return new KindCluster({
    workers: options.workers ?? [
      { name: 'node1', dataplane: 'iptables' },
      { name: 'node2', dataplane: 'nftables' },
    ],
  });
}
