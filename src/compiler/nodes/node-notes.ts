/**
 * Notes on traffic that is not policed at nodes, or is policed in an unexpected way. Nothing else shows it.
 */
import type { NodesSummary } from '../types.ts';
import type { NodeContext } from './context.ts';
import { familiesWithoutPools } from './node-denies.ts';

export function nodeNotes({ nodeFirewall, selected, sourceScope }: NodeContext): NodesSummary['notes'] {
  const { nodes, pools } = nodeFirewall;
  const families = familiesWithoutPools(pools).map((family) => `IPv${String(family)}`);
  const ports = nodes.destinations === 'All' ? 'everything' : 'NodePorts and hostPorts';
  return [
    ...(selected?.length === 0 ? ['nodeSelector matches no node: nothing is judged'] : []),
    ...(families.length === 0
      ? []
      : [
          `${families.join(' and ')}: there is no IPPool, so ${ports} on addresses that are not listed are not judged`,
        ]),
    ...(nodes.destinations === 'All'
      ? []
      : [
          'addresses of load balancers and external IPs are judged only where extraAddresses lists them (destinations: Known)',
        ]),
    ...(nodes.extraAddresses !== undefined && nodes.zones?.some(({ nodeSelector }) => nodeSelector) === true
      ? [
          'zones with a nodeSelector open extraAddresses at their nodes, and not for pods of other nodes: which node has them is not known',
        ]
      : []),
    ...(sourceScope.controlPlanePods.length === 0
      ? []
      : [
          'pods of the control plane reach kubelets of other nodes as those nodes: other pods are refused where they are',
        ]),
  ];
}
