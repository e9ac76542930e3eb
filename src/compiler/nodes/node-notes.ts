/**
 * Notes on traffic that is not policed at nodes, or is policed in an unexpected way. Nothing else shows it.
 */
import type { NodesSummary } from '../types.ts';
import type { NodeContext } from './context.ts';
import { familiesWithoutPools } from './node-denies.ts';
import { UNKNOWN } from '../../inventory/known.ts';

export function nodeNotes({
  nodeFirewall,
  selected,
  sourceScope,
  clusterPorts,
}: NodeContext): NodesSummary['notes'] {
  const { nodes, pools } = nodeFirewall;
  const families = familiesWithoutPools(pools).map((family) => `IPv${String(family)}`);
  const ports = nodes.destinations === 'All' ? 'everything' : 'NodePorts and hostPorts';
  return [
    ...clusterPorts.notes,
    ...(selected !== UNKNOWN && selected.length === 0
      ? ['nodeSelector matches no node, so no rule applies anywhere']
      : []),
    ...(families.length === 0
      ? []
      : [
          `${families.join(' and ')}: there is no IPPool, so no rule applies to ${ports} on addresses that are not listed`,
        ]),
    ...(nodes.destinations === 'All'
      ? []
      : [
          'rules apply to addresses of load balancers and external IPs only where extraAddresses lists them (destinations: Known)',
        ]),
    ...(nodes.extraAddresses !== undefined && nodes.zones?.some(({ nodeSelector }) => nodeSelector) === true
      ? [
          'zones with a nodeSelector open extraAddresses at their nodes, but not for pods of other nodes, because it is not known which node has them',
        ]
      : []),
    ...(sourceScope.controlPlanePods.length === 0
      ? []
      : [
          'pods of the control plane reach kubelets of other nodes with the addresses of their nodes, so other pods are refused at the pods themselves',
        ]),
  ];
}
