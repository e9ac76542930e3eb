/** One small cluster for unit tests, and builders for its variations. */
import type { Inventory, NamespaceInfo, NodeInfo } from '../../inventory/types.ts';

type Labels = Readonly<Record<string, string>>;

export const CONTROL_PLANE: Labels = { 'node-role.kubernetes.io/control-plane': '' };

export const namespace = (name: string, labels: Labels = {}): NamespaceInfo => ({ name, labels });

export const node = (name: string, addresses: readonly string[], labels: Labels = {}): NodeInfo => ({
  name,
  labels,
  addresses,
});

export const cluster = {
  namespaces: [namespace('kube-system'), namespace('blog')],
  nodes: [
    node('cp1', ['10.99.0.11', 'fd00:99::11'], CONTROL_PLANE),
    node('worker1', ['10.99.0.12', '10.244.1.0'], { edge: 'true', zone: 'a' }),
  ],
  apiServerEndpoints: ['10.99.0.11'],
  ipPools: ['10.244.0.0/16', 'fd00:244::/48'],
  automaticHostEndpoints: false,
} satisfies Inventory;

export const clusterWith = (parts: Partial<Inventory>): Inventory => ({ ...cluster, ...parts });
