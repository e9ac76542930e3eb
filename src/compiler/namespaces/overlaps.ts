/** Reports groups of one firewall that share namespaces and disagree about them. */
import type { ClusterFirewall, Group } from '../../api/schema.ts';
import { includesNamespace } from './namespaces.ts';
import type { NamespaceSet } from './namespaces.ts';
import { ruleId } from '../names.ts';
import type { ProblemCollector } from '../problems.ts';
import type { Enforcement } from './enforcement.ts';
import { effectiveMode, groupNamespaces, knownNamespaces } from './enforcement.ts';
import type { Inventory } from '../../inventory/types.ts';

interface Member {
  readonly group: Group;
  readonly index: number;
  readonly set: NamespaceSet;
}

/** Rules of overlapping groups add up, so they need no report. A disagreement over mode or isolation does. */
export function reportOverlaps(
  firewall: ClusterFirewall,
  enforcement: Enforcement,
  inventory: Inventory,
  collector: ProblemCollector,
): void {
  const members: readonly Member[] = (firewall.spec.namespaces ?? []).map((group, index) => ({
    group,
    index,
    set: groupNamespaces(group),
  }));
  const reported = new Set<string>();
  for (const namespace of knownNamespaces(
    inventory,
    members.map(({ set }) => set),
  )) {
    if (enforcement.exempt.includes(namespace.name)) continue;
    const here = members.filter(({ set }) => includesNamespace(set, namespace));
    for (const [field, wins, values] of [
      ['mode', 'Enforce', here.map(({ group }) => effectiveMode(firewall, group))],
      ['isolation', 'Strict', here.map(({ group }) => group.isolation ?? 'Strict')],
    ] as const) {
      const loser = here[values.findIndex((value) => value !== wins)];
      const winner = here[values.findIndex((value) => value === wins)];
      if (loser === undefined || winner === undefined) continue;
      const key = [field, loser.group.name, winner.group.name].join('/');
      if (reported.has(key)) continue;
      reported.add(key);
      collector.problem(
        {
          firewall: firewall.metadata.name,
          id: ruleId(firewall.metadata.name, loser.group.name),
          path: `spec.namespaces[${String(loser.index)}]`,
        },
        'OverlappingGroups',
        `namespace "${namespace.name}" is in groups "${loser.group.name}" and "${winner.group.name}", which disagree on ${field}; ${wins} wins there: make them agree, or remove the namespace from one`,
        `.${field}`,
      );
    }
  }
}
