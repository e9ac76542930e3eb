/** `service` as a destination of rules. */
import type { FlowEnd } from '../flows/flow-ends.ts';
import type { Idle } from '../flows/outside-ends.ts';
import { matchParsedPorts } from '../flows/rules.ts';
import { located } from '../problems.ts';
import { isSingleNamespace, type GroupScope } from './group-scope.ts';
import type { LocalFlow } from './same-namespace.ts';

interface Services {
  readonly ends: readonly FlowEnd[];
  readonly local: readonly Pick<LocalFlow, 'to' | 'ports' | 'only' | 'isForEveryMember'>[];
  readonly idle: readonly Idle[];
}

/**
 * The pods behind each Service among the ends, which are all of a rule or none. Without a namespace, the Service is
 * that of each of the group's namespaces.
 */
export function servicesOf(ends: readonly FlowEnd[], { group, members, resolveScope }: GroupScope): Services {
  const each = ends.map((end, index): Services => {
    if (end.kind !== 'service') return { ends: [end], local: [], idle: [] };
    const at = `.to[${String(index)}].service`;
    const [single] = isSingleNamespace(group) ? (group.namespaces ?? []) : [];
    const namespace = end.namespace ?? single;
    const idle = (message: string): Services => ({
      ends: [],
      local: [],
      idle: [{ at, reason: resolveScope.services.isKnown ? 'NoEffect' : 'ServicesUnknown', message }],
    });
    const unknown = () => idle('the Services of the cluster are not known, so what this opens is not shown');
    const find = (where: string) => located(at, () => resolveScope.services.behind(where, end.name));
    if (namespace !== undefined) {
      const found = find(namespace);
      if (!resolveScope.services.isKnown) return unknown();
      return typeof found === 'string'
        ? idle(`opens nothing: ${found}`)
        : { ends: [found], local: [], idle: [] };
    }
    if (!resolveScope.services.isKnown) return unknown();
    const local = members.flatMap(({ namespace: { name: only } }) => {
      // Its author must not hold what the rule opens in other namespaces.
      if (resolveScope.services.isLost(only, end.name)) return [];
      const found = find(only);
      if (typeof found === 'string') return [];
      return [{ to: found.pods, ports: matchParsedPorts(found.ports ?? []), only, isForEveryMember: true }];
    });
    return local.length > 0
      ? { ends: [], local, idle: [] }
      : idle(
          `opens nothing: no namespace of the group has a Service "${end.name}" with a selector and ports: correct the name, or write its namespace`,
        );
  });
  return {
    ends: each.flatMap((one) => one.ends),
    local: each.flatMap((one) => one.local),
    idle: each.flatMap((one) => one.idle),
  };
}
