/** Nodes on which Calico has no host endpoints, so the firewall of nodes can never be enforced there. */
import type { NodeInfo } from '../../inventory/types.ts';

/** Labels that Windows, virtual-kubelet and EKS Fargate put on their nodes. */
const SIGNS: readonly (readonly [label: string, value: string])[] = [
  ['kubernetes.io/os', 'windows'],
  ['type', 'virtual-kubelet'],
  ['eks.amazonaws.com/compute-type', 'fargate'],
];

export const isUnsupported = ({ labels }: Pick<NodeInfo, 'labels'>): boolean =>
  SIGNS.some(([label, value]) => labels[label] === value);
