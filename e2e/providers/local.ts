import type { CalicoMode, PodNetwork } from '../cluster.ts';
import { LocalCluster } from '../local/cluster.ts';
import type { NodeSpec } from '../local/network/node.ts';

export interface LocalOptions {
  /** Default: `aggregated`, the only mode with packets. */
  readonly calico?: CalicoMode;
  /** Default: node1 with Felix in iptables mode, node2 with Felix in nftables mode. */
  readonly nodes?: readonly NodeSpec[];
  /** Added to kube-apiserver's command line. */
  readonly apiServerArgs?: readonly string[];
  /**
   * Controllers of kube-controller-manager, for example `garbage-collector-controller`. Without any, it is
   * not started.
   */
  readonly controllers?: readonly string[];
  /** Default: routed, without NAT. */
  readonly podNetwork?: PodNetwork;
  /**
   * kube-proxy on each node, in the node's own dataplane. Services then have addresses and NodePorts, in both
   * IP families. Default false.
   */
  readonly serviceProxy?: boolean;
  /**
   * Calico's kube-controllers, which make host endpoints once KubeControllersConfiguration `default` says so.
   * Default false.
   */
  readonly calicoControllers?: boolean;
  /**
   * Felix writes flow logs, and Calico's own reader prints them: `StartedLocalCluster.flowLogs`. Default
   * false.
   */
  readonly flowLogs?: boolean;
}

/** A cluster of processes and network namespaces on this machine. It needs root and, the first time, Go. */
export function localCluster(options: LocalOptions = {}): LocalCluster {
  return new LocalCluster({
    calico: options.calico ?? { mode: 'aggregated' },
    nodes: options.nodes ?? [
      { name: 'node1', dataplane: 'iptables' },
      { name: 'node2', dataplane: 'nftables' },
    ],
    apiServerArgs: options.apiServerArgs ?? [],
    controllers: options.controllers ?? [],
    podNetwork: options.podNetwork ?? {},
    serviceProxy: options.serviceProxy ?? false,
    calicoControllers: options.calicoControllers ?? false,
    flowLogs: options.flowLogs ?? false,
  });
}
