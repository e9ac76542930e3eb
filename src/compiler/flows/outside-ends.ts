/** Addresses as ends of what allows: the part of them that belongs to no pod and no node. */
import { knownOr } from '../../inventory/known.ts';
import { RuleProblem } from '../problems.ts';
import type { WarningReason } from '../types.ts';
import { NO_NODES, type FlowEnd, type ResolveScope } from './flow-ends.ts';
import { tellInside } from './outside.ts';

/** A part of a rule that opens nothing. */
export interface Idle {
  readonly at: string;
  readonly reason: WarningReason;
  readonly message: string;
}

interface Outside {
  readonly ends: readonly FlowEnd[];
  readonly idle: readonly Idle[];
}

/**
 * @param field the list that the ends stand in
 * @throws RuleProblem when no address is left, and while none of the nodes is known: the rule would open to them
 */
export function outsideOf(
  resolved: readonly FlowEnd[],
  field: string,
  { inside: addresses, areNodesResolved, nodeAddresses }: ResolveScope,
): Outside {
  const entity = field === 'to' || field === 'onlyTo' ? 'KubeAPIServer' : 'ControlPlane';
  const apiServer = { addresses: knownOr(nodeAddresses.apiServer, []), entity } as const;
  const idle: Idle[] = [];
  const ends = resolved.flatMap((end, index): readonly FlowEnd[] => {
    if (end.kind !== 'nets') return [end];
    const at = `.${field}[${String(index)}]`;
    if (!areNodesResolved)
      throw new RuleProblem('EntityUnresolved', `addresses never mean nodes, and ${NO_NODES}`, at);
    const sorted = addresses.sortOut(end.nets);
    if (sorted.outside !== end.nets)
      idle.push({ at, reason: 'ClusterAddresses', message: tellInside(sorted, apiServer) });
    return sorted.outside.length === 0 ? [] : [{ kind: 'outside', nets: sorted.outside }];
  });
  const [first] = idle;
  if (ends.length === 0 && first !== undefined)
    throw new RuleProblem('ResolvesToNothing', first.message, first.at);
  return { ends, idle };
}
